import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { makeEvaluator } from "../../platform/evaluate/index.ts";
import { resolveDatabase } from "../../platform/spec/index.ts";
import {
  changeDatabase,
  createDatabase,
  type FileEdits,
  type Json,
  type OptionsPatch,
} from "../../portal/edit/index.ts";

/*
 * The sandbox is the judge: whatever way a declaration is written, after an edit it evaluates to exactly what was asked, and
 * its neighbour to what it was.
 */
const evaluator = makeEvaluator();
afterAll(() => evaluator.close());

const place = { tenant: "acme", project: "shop", name: "orders" };
const folder = "tenants/acme/shop";
type Options = { readonly [key: string]: Json };

const size = fc.constantFrom("1Gi", "2Gi", "10Gi", "20Gi");
const word = fc.constantFrom("a", "it's", 'say "hi"', "back\\slash", "$\u007bno}", "ü\u2028x", "// no comment");
const names = ["pgcrypto", "vector", "hstore", "pg_trgm"];
const option = {
  storage: size,
  replicas: fc.nat(3),
  compute: fc.record(
    {
      min: fc.constantFrom(0.25, 0.5),
      max: fc.constantFrom(1, 2, 4),
      suspendAfter: fc.constantFrom("5m", "1h", "never"),
    },
    { requiredKeys: [] },
  ),
  backups: fc.record({ retention: fc.constantFrom("1d", "30d"), pitr: fc.boolean() }, { requiredKeys: [] }),
  extensions: fc.uniqueArray(fc.constantFrom(...names)),
  allowFrom: fc.uniqueArray(fc.constantFrom("10.0.0.0/8", "192.168.0.0/16", "203.0.113.7/32")),
  tags: fc.dictionary(fc.constantFrom("owner", "cost-centre", "team"), word),
  roles: fc.uniqueArray(
    fc.record(
      {
        name: fc.constantFrom("app", "report", "admin"),
        login: fc.boolean(),
        access: fc.constantFrom("read", "write"),
      },
      { requiredKeys: ["name"] },
    ),
    { selector: ({ name }) => name },
  ),
  retire: fc.boolean(),
};
const options = fc
  .record(option, { requiredKeys: [] })
  .map((all): Options => ({ version: "18", ...(JSON.parse(JSON.stringify(all)) as Options) }));

/** Any option may also go; members of objects may, too. */
const patch = fc
  .record(
    {
      ...Object.fromEntries(
        Object.entries(option).map(([key, value]) => [key, fc.option(value as fc.Arbitrary<unknown>)]),
      ),
      compute: fc.option(
        fc.record(
          { max: fc.option(fc.constantFrom(1, 2, 4)), suspendAfter: fc.option(fc.constantFrom("5m", "300s", "1h")) },
          { requiredKeys: [] },
        ),
      ),
      tags: fc.option(fc.dictionary(fc.constantFrom("owner", "cost-centre", "team"), fc.option(word))),
    },
    { requiredKeys: [] },
  )
  .map((all): OptionsPatch => JSON.parse(JSON.stringify(all)) as OptionsPatch);

type Way = "literal" | "constant" | "imported" | "spread" | "member";
const style = fc.record({
  ways: fc.array(fc.constantFrom<Way>("literal", "constant", "imported", "spread", "member"), {
    minLength: 10,
    maxLength: 10,
  }),
  single: fc.boolean(),
  crlf: fc.boolean(),
  lines: fc.boolean(),
  trailing: fc.boolean(),
  tab: fc.boolean(),
  wrap: fc.constantFrom<(text: string) => string>(
    (text) => text,
    (text) => `(${text})`,
    (text) => `${text} as const`,
    (text) => `${text} satisfies object`,
  ),
});
type Written = typeof style extends fc.Arbitrary<infer T> ? T : never;

/** The project's files, with the options of orders written in the given ways. */
function write(all: Options, how: Written): Map<string, string> {
  const text = (value: Json): string => literal(value, how);
  const [before, shared, spread, members]: [string[], string[], string[], string[]] = [[], [], [], []];
  Object.entries(all).forEach(([key, value], i) => {
    const way = how.ways[i % how.ways.length] ?? "literal";
    const name = `${key}Of`;
    if (way === "literal") members.push(`${key}: ${text(value)}`);
    if (way === "constant") before.push(`const ${key} = ${text(value)}; // ${key}`);
    if (way === "constant") members.push(key);
    if (way === "imported") shared.push(`export const ${name} = ${text(value)};`);
    if (way === "imported") members.push(`${key}: ${name}`);
    if (way === "spread") spread.push(`${key}: ${text(value)}`);
    if (way === "member") before.push(`const ${name} = { it: ${text(value)}, other: 1 };`);
    if (way === "member") members.push(`${key}: ${name}.it`);
  });
  const imports = shared.map((line) => /const (\w+)/.exec(line)?.[1]).join(", ");
  const base = spread.length > 0 ? [`const base = { ${spread.join(", ")} };`] : [];
  const list = [...(spread.length > 0 ? ["...base"] : []), ...members];
  const pad = how.tab ? "\t" : "  ";
  const end = how.trailing ? "," : "";
  const object = how.lines
    ? `{\n${list.map((one, i) => `${pad}// about ${i}\n${pad}${one}${i < list.length - 1 ? "," : end}`).join("\n")}\n}`
    : `{ ${list.join(", ")}${end} }`;
  const orders = [
    'import { Postgres } from "@nebuladb/platform";',
    ...(shared.length > 0 ? [`import { ${imports} } from "./lib/shared.ts";`] : []),
    ...before,
    ...base,
    `export default new Postgres("orders", ${how.wrap(object)});`,
    "// the end",
  ].join("\n");
  const carts =
    'import { Postgres } from "@nebuladb/platform";\nexport default new Postgres("carts", { version: "18", storage: "3Gi" });\n';
  const eol = (file: string) => (how.crlf ? file.replaceAll("\n", "\r\n") : file);
  return new Map([
    [`${folder}/project.ts`, 'import { project } from "@nebuladb/platform";\nexport default project();\n'],
    [`${folder}/orders.ts`, eol(orders)],
    [`${folder}/carts.ts`, carts],
    ...(shared.length > 0 ? [[`${folder}/lib/shared.ts`, eol(`${shared.join("\n")}\n`)] as const] : []),
  ]);
}

function literal(value: Json, { single }: Written): string {
  if (typeof value === "string" && single)
    return `'${JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
  if (Array.isArray(value)) return `[${value.map((one) => literal(one as Json, { single } as Written)).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([key, one]) => `${JSON.stringify(key)}: ${literal(one as Json, { single } as Written)}`)
    .join(", ")} }`;
}

/** RFC 7396, written again. */
function merge(target: Json | undefined, change: Json): Json {
  if (typeof change !== "object" || change === null || Array.isArray(change)) return change;
  const isRecord = typeof target === "object" && target !== null && !Array.isArray(target);
  const result: Record<string, Json> = isRecord ? { ...(target as Options) } : {};
  for (const [key, one] of Object.entries(change as Options)) {
    if (one === null) delete result[key];
    else result[key] = merge(result[key], one);
  }
  return result;
}

const applied = (files: ReadonlyMap<string, string>, edits: FileEdits): Map<string, string> =>
  new Map([...files, ...edits.changes.map(({ path, content }) => [path, content ?? ""] as const)]);

async function specsOf(files: ReadonlyMap<string, string>) {
  const result = await evaluator.project(files, place.tenant, place.project);
  if (result.kind === "invalid")
    throw new Error(JSON.stringify(result.problems, null, 1) + files.get(`${folder}/orders.ts`));
  return result.spec.databases;
}

test("an edited declaration evaluates to exactly what was asked, however it is written, and twice is once", async () => {
  await fc.assert(
    fc.asyncProperty(options, patch, style, async (all, change, how) => {
      const wanted = resolveDatabase({ engine: "postgres", name: "orders", options: merge(all, change) });
      fc.pre(wanted.kind === "ok");
      const files = write(all, how);
      const [carts] = await specsOf(files);
      const next = applied(files, changeDatabase(files, place, change));
      expect(await specsOf(next)).toEqual([carts, wanted.kind === "ok" ? wanted.spec : null]);
      expect(changeDatabase(next, place, change).changes).toEqual([]);
      for (const [path, text] of next) if (how.crlf && path.endsWith("orders.ts")) expect(text).not.toMatch(/[^\r]\n/);
      expect(next.get(`${folder}/orders.ts`)).toContain("// the end");
    }),
    { numRuns: 150 },
  );
}, 270_000);

test("asking for what is there already changes nothing", async () => {
  await fc.assert(
    fc.asyncProperty(options, style, async (all, how) => {
      expect(changeDatabase(write(all, how), place, all).changes).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

test("a created declaration evaluates to its options", async () => {
  await fc.assert(
    fc.asyncProperty(options, async (all) => {
      const wanted = resolveDatabase({ engine: "postgres", name: "orders", options: all });
      fc.pre(wanted.kind === "ok");
      const files = new Map([
        [`${folder}/project.ts`, 'import { project } from "@nebuladb/platform";\nexport default project();\n'],
      ]);
      const made = createDatabase(files, { ...place, engine: "postgres", options: all });
      expect(await specsOf(applied(files, made))).toEqual([wanted.kind === "ok" ? wanted.spec : null]);
    }),
    { numRuns: 100 },
  );
});
