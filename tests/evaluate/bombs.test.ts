import { readdirSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { makeEvaluator } from "../../platform/evaluate/index.ts";
import { database, shop } from "./repository.ts";

/*
 * Programs that try to use up time or memory. Each ends within 10 s and 512 MB with a coded problem in its own file, while a
 * neighbour's project that was asked for at the same moment evaluates.
 */
const evaluator = makeEvaluator();
afterAll(() => evaluator.close());

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: these are programs
const bombs: Readonly<Record<string, string>> = {
  "an endless loop": "for (;;);",
  "a loop that catches what stops it": "for (;;) { try { for (;;); } catch {} }",
  "a regular expression that backtracks": "/^(a+)+$/.test('a'.repeat(40) + 'b');",
  "a regular expression with nested counts": "new RegExp('(?:a{0,100}){0,100}$').test('a'.repeat(1e6) + 'b');",
  "endless recursion": "function f(): void { f(); } f();",
  "recursion through a getter": "const o: any = { get x() { return this.x; } }; o.x;",
  "recursion through toString": "const o = { toString(): string { return `${o}`; } }; `${o}`;",
  "recursion through a generator": "function* g(): any { yield* g(); } [...g()];",
  "arrays without end": "const all: unknown[] = []; for (;;) all.push(new Array(1e5).fill(1));",
  "strings without end": "const all: string[] = []; for (;;) all.push('x'.repeat(1e5) + all.length);",
  "one huge string": "'x'.repeat(2 ** 30 - 1);",
  "one huge array": "Array.from({ length: 2 ** 32 - 1 });",
  "keys without end": "const o: any = {}; for (let i = 0; ; i += 1) o[`k${i}`] = i;",
  "a number without end": "let x = 2n; for (;;) x = x * x;",
  "a spread that doubles": "let a = [1]; for (;;) a = [...a, ...a];",
  "a sort that never ends": "[3, 1, 2].sort(() => { for (;;); });",
  "jobs without end": "await (async () => { for (;;) await 0; })();",
  "a promise that never comes": "await new Promise(() => {});",
  "JSON nested too deeply": "JSON.parse('['.repeat(1e6));",
  "text evaluated that nests too deeply": "eval('('.repeat(1e5));",
  "proxies of proxies": "let p: any = {}; for (let i = 0; i < 1e5; i += 1) p = new Proxy(p, {}); p.x;",
  "functions bound to bound functions": "let f: any = () => 1; for (let i = 0; i < 1e5; i += 1) f = f.bind(null); f();",
  "flattening what nests deeply": "let p: any = []; for (let i = 0; i < 1e5; i += 1) p = [p]; p.flat(Infinity);",
  "source nested too deeply": "(".repeat(1e5),
  "a type nested too deeply": `let x: ${"A<".repeat(5e4)}`,
  "a sum of very many terms": `1${"+1".repeat(5e4)};`,
};

/** What one native call does without asking anybody: only killing the child ends it. */
const uninterruptible: Readonly<Record<string, string>> = {
  "searching an array of four thousand million holes": "const a: any[] = []; a.length = 2 ** 32 - 1; a.indexOf(5);",
  "joining two thousand million holes": "new Array(2 ** 31).join('x');",
};

const outputs: Readonly<Record<string, string>> = {
  "a huge text": "new Postgres('x', { version: '18', tags: { a: 'x'.repeat(1e6) } })",
  "a list of very many databases": "Array.from({ length: 1e5 }, (_, i) => new Postgres(`d-${i}`, { version: '18' }))",
  "something that contains itself":
    "(() => { const o: any = { version: '18' }; o.tags = o; return new Postgres('x', o); })()",
  "a proxy without end":
    "new Postgres('x', new Proxy({}, { ownKeys: () => ['a'], getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }), get: (_t, _k, self) => self }) as any)",
  "a getter that loops": "new Postgres('x', { get version(): any { for (;;); } })",
};

// biome-ignore-end lint/suspicious/noTemplateCurlyInString: these are programs

/** The most memory that any evaluator child of this process has ever had, in MB. */
function peakMb(): number {
  const peaks = readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .map((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, "utf8");
        const ours = new RegExp(`^PPid:\\s+${process.pid}$`, "m").test(status);
        return ours ? Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024 : 0;
      } catch {
        return 0;
      }
    });
  return Math.max(0, ...peaks);
}

let neighbours = 0;

async function explode(text: string): Promise<void> {
  neighbours += 1;
  const startedAt = performance.now();
  const bomb = evaluator.project(shop({ "bomb.ts": text, "fine.ts": database("fine") }), "acme", "shop");
  const neighbour = evaluator.project(
    new Map([
      ["tenants/lab/research/project.ts", `import { project } from "@nebuladb/platform";\nexport default project();`],
      ["tenants/lab/research/papers.ts", database("papers", `version: "18", tags: { run: "${neighbours}" }`)],
    ]),
    "lab",
    "research",
  );
  const answer = await bomb;
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(answer.kind).toBe("invalid");
  const problems = answer.kind === "invalid" ? answer.problems : [];
  for (const { file, code } of problems) {
    expect(file).toBe("tenants/acme/shop/bomb.ts");
    expect(code).toMatch(/^NEB10[034569]$/);
  }
  expect(problems.length).toBeGreaterThan(0);
  expect((await neighbour).kind).toBe("ok");
  expect(peakMb()).toBeLessThan(512);
}

describe("a program that uses up time or memory costs itself a problem and nobody else anything", () => {
  test.each(Object.entries(bombs))("%s", async (_, code) => explode(`${code}\nexport default 1;`));
});

describe("a native call that cannot be interrupted is ended with its child, and blamed at its file", () => {
  test.each(Object.entries(uninterruptible))("%s", async (_, code) => explode(`${code}\nexport default 1;`));
});

describe("a result that is too much is refused", () => {
  test.each(Object.entries(outputs))("%s", async (_, expression) =>
    explode(`import { Postgres } from "@nebuladb/platform";\nexport default ${expression};`),
  );
});

test("a project of twenty looping files ends as soon as one, with a problem for each", async () => {
  const startedAt = performance.now();
  const loops = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`loop-${i}.ts`, "for (;;);"]));
  const answer = await evaluator.project(shop(loops), "acme", "shop");
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(answer.kind === "invalid" && answer.problems.every(({ code }) => code === "NEB104")).toBe(true);
  expect(answer.kind === "invalid" && answer.problems.length).toBeGreaterThanOrEqual(20);
});

test("twenty thousand wrong options are told in part, and quickly", async () => {
  const wrong = database("wrong", 'version: "18", extensions: Array(20_000).fill("X!")');
  const many = `import { Postgres } from "@nebuladb/platform";
export default Array.from({ length: 2_000 }, (_, i) => new Postgres(\`D\${i}\`, { version: "18" }));`;
  const startedAt = performance.now();
  const answer = await evaluator.project(shop({ "wrong.ts": wrong, "many.ts": many }), "acme", "shop");
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(answer.kind === "invalid" && answer.problems.length).toBeLessThanOrEqual(1_000);
  expect(answer.kind === "invalid" && answer.problems.some(({ file }) => file.endsWith("wrong.ts"))).toBe(true);
});

test("a file of a megabyte is read or refused, quickly", async () => {
  const text = `${database("big")}// ${"x".repeat(2 ** 20)}\n`;
  const startedAt = performance.now();
  await evaluator.project(shop({ "big.ts": text }), "acme", "shop");
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

test("the limit is what ends a loop: with another limit it ends at that one", async () => {
  const patient = makeEvaluator({ timeoutMs: 400 });
  await patient.project(shop({}), "acme", "shop");
  const startedAt = performance.now();
  const answer = await patient.project(shop({ "loop.ts": "for (;;);" }), "acme", "shop");
  const took = performance.now() - startedAt;
  await patient.close();
  expect(took).toBeGreaterThanOrEqual(400);
  expect(took).toBeLessThan(1_400);
  expect(answer.kind === "invalid" && answer.problems[0]).toMatchObject({ code: "NEB104" });
});
