import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeEvaluator } from "../../platform/evaluate/index.ts";
import { canary, carrying, importingFrom, others, reaching } from "../evaluate/programs.ts";
import { shop } from "../evaluate/repository.ts";
import { catalogueRow, type Trials } from "../harness/row.ts";

type Program = { readonly name: string; readonly text: string };

const programsOf = (file: string): readonly Program[] => [
  ...Object.entries(reaching).map(([name, code]) => ({ name, text: carrying(code) })),
  ...Object.entries(importingFrom(file)).flatMap(([name, specifier]) => [
    { name: `import ${name}`, text: `import * as found from "${specifier}";\n${carrying("return found as any;")}` },
    { name: `import() ${name}`, text: dynamically(specifier) },
  ]),
];

const dynamically = (specifier: string): string => `import { Postgres } from "@nebuladb/platform";
let text = "nothing";
try { text = JSON.stringify(await import("${specifier}")); } catch (error) { text = String(error); }
export default new Postgres("x", { version: "18", tags: { found: text.slice(0, 200) } });`;

/** Everything that an answer could carry the canary in, as it is and encoded. */
const isOut = (text: string): boolean =>
  [canary, Buffer.from(canary).toString("base64"), Buffer.from(canary).toString("hex")].some((one) =>
    text.includes(one),
  ) || /root:x:/.test(text);

catalogueRow({
  suite: "attacks",
  name: "tenant program escapes (env, files, imports, prototypes, constructors)",
  promise: "no byte of a canary leaves the sandbox",
  n: { small: 60, large: 600 },
  control: { without: "the sandbox", n: 12 },
  async run({ n, random, guarded }) {
    const folder = mkdtempSync(join(tmpdir(), "nebula-programs-"));
    const file = join(folder, "secret.ts");
    writeFileSync(file, `export const secret = ${JSON.stringify(canary)};\n`);
    try {
      const programs = programsOf(file);
      const chosen = Array.from({ length: Math.ceil(n / programs.length) }, () => random.shuffle(programs)).flat();
      return guarded ? await inSandbox(chosen) : inNode(chosen.slice(0, Math.max(n, 40)), folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
});

async function inSandbox(programs: readonly Program[]): Promise<Trials> {
  process.env.NEBULA_CANARY = canary;
  const evaluator = makeEvaluator();
  const violations: string[] = [];
  try {
    for (const [i, { name, text }] of programs.entries()) {
      // A different text each time: an answer from the cache would try nothing.
      const answer = await evaluator.project(shop({ ...others, "x.ts": `${text}\n// ${i}` }), "acme", "shop");
      if (isOut(JSON.stringify(answer))) violations.push(`${name}: the canary came out`);
    }
  } finally {
    await evaluator.close();
    delete process.env.NEBULA_CANARY;
  }
  return { trials: programs.length, violations };
}

/** The same programs run by plain Node, as a CI job would run them. */
function inNode(programs: readonly Program[], folder: string): Trials {
  const violations: string[] = [];
  const stand = "class Postgres { constructor(name: string, options: any) { console.log(JSON.stringify(options)); } }";
  for (const { name, text } of programs) {
    const file = join(folder, "program.ts");
    writeFileSync(file, text.replace('import { Postgres } from "@nebuladb/platform";', stand));
    const env = { NEBULA_CANARY: canary, NODE_NO_WARNINGS: "1" };
    try {
      const said = execFileSync(process.execPath, [file], { env, stdio: "pipe", timeout: 10_000, encoding: "utf8" });
      if (isOut(said)) violations.push(`${name}: the canary came out`);
    } catch {
      // Many do not even run there; the others show what the sandbox is for.
    }
  }
  return { trials: programs.length, violations };
}
