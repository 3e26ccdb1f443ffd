import { afterAll, describe, expect, test } from "vitest";
import { type Evaluated, makeEvaluator } from "../../platform/evaluate/index.ts";
import { specHash } from "../../platform/spec/index.ts";
import { database, exampleTenants, projectFile, shop } from "./repository.ts";

const evaluator = makeEvaluator();
afterAll(() => evaluator.close());

const evaluate = (files: Readonly<Record<string, string>>) => evaluator.project(shop(files), "acme", "shop");

/** `file:line:column code` of every problem, the file without its folder. */
const places = (evaluated: Evaluated): string[] =>
  evaluated.kind === "ok"
    ? []
    : evaluated.problems.map(
        ({ file, line, column, code }) => `${file.replace("tenants/acme/shop/", "")}:${line}:${column} ${code}`,
      );

describe("the example tenants", () => {
  test("evaluate: two tenants, three projects, five databases and the fleet", async () => {
    const files = exampleTenants();
    const projects = await Promise.all([
      evaluator.project(files, "acme", "shop"),
      evaluator.project(files, "acme", "analytics"),
      evaluator.project(files, "lab", "research"),
    ]);
    const names = projects.flatMap((one) => (one.kind === "ok" ? one.spec.databases.map(({ name }) => name) : []));
    expect(names).toEqual(["catalog", "orders", "events", "papers", "scratch"]);
    expect(await evaluator.tenant(files, "acme")).toMatchObject({ kind: "ok", spec: { displayName: "Acme Trading" } });
    expect(await evaluator.tenant(files, "lab")).toMatchObject({ kind: "ok", spec: { plan: "standard" } });
    expect(await evaluator.fleet(files)).toMatchObject({
      kind: "ok",
      spec: {
        quotas: { standard: { cpuUnits: 10, memoryBytes: 20 * 2 ** 30, storageBytes: 100 * 2 ** 30, databases: 10 } },
      },
    });
  });
});

describe("a declaration that is right", () => {
  test("becomes a spec with every default filled, and says where it stands", async () => {
    const evaluated = await evaluate({ "orders.ts": database("orders") });
    expect(evaluated).toMatchObject({
      kind: "ok",
      spec: { tenant: "acme", project: "shop", placement: "local", databases: [{ name: "orders", version: "18" }] },
      sources: { orders: { file: "tenants/acme/shop/orders.ts", line: 3, column: 16 } },
    });
    expect(Object.isFrozen(evaluated)).toBe(true);
  });

  test("may export several databases made by a loop, each with its place", async () => {
    const text = `import { Postgres, Redis } from "@nebuladb/platform";
export default [
  ...["a", "b"].map((name) => new Postgres(name, { version: "18" })),
  new Redis("cache", { version: "8.0", eviction: "allkeys-lru" }),
];
`;
    expect(await evaluate({ "many.ts": text })).toMatchObject({
      kind: "ok",
      sources: { a: { line: 3, column: 31 }, b: { line: 3, column: 31 }, cache: { line: 4, column: 3 } },
    });
  });

  test("may be made by a function of the tenant's shared code, and by its own project's deeper code", async () => {
    const evaluated = await evaluate({
      "tenants/acme/shared/standard.ts": `import { Postgres } from "@nebuladb/platform";
export const standard = (name: string) => new Postgres(name, { version: "17" });`,
      "tenants/acme/shop/lib/sizes.ts": "export const big = 2;",
      "orders.ts": `import { standard } from "../shared/standard.ts";\nexport default standard("orders");`,
      "events.ts": database("events", 'version: "18", compute: { max: big }', 'import { big } from "./lib/sizes.ts";'),
    });
    expect(evaluated).toMatchObject({ kind: "ok", spec: { databases: [{ name: "events" }, { name: "orders" }] } });
  });

  test("hashes equal whatever the order of options, the comments and the types around it", async () => {
    const one = await evaluate({
      "orders.ts": database("orders", 'version: "18", storage: "10Gi", tags: { a: "1", b: "2" }'),
    });
    const two = await evaluate({
      "orders.ts": `// moved\nimport { Postgres, type PostgresOptions } from "@nebuladb/platform";
const options = { tags: { b: "2", a: "1" }, storage: "10240Mi", version: "18" } as const satisfies PostgresOptions;
export default new Postgres("orders", options);`,
    });
    if (one.kind !== "ok" || two.kind !== "ok") throw new Error("they are right");
    expect(specHash(two.spec)).toBe(specHash(one.spec));
  });

  test("may await, as long as what it awaits comes", async () => {
    const text = database("orders", "version", 'const version = await Promise.resolve("18" as const);');
    expect((await evaluate({ "orders.ts": text })).kind).toBe("ok");
    const never = database("orders", "version", "const version = await new Promise(() => {});");
    expect(places(await evaluate({ "orders.ts": never }))).toEqual(["orders.ts:1:1 NEB103"]);
  });
});

describe("every problem comes back at once, at its place", () => {
  test("over all files of the project", async () => {
    const evaluated = await evaluate({
      "syntax.ts": "const x = ;\nlet y = { a b };\n",
      "types.ts": "enum Size { Small }\nexport default Size.Small;\n",
      "threw.ts": 'const smile = "😀😀"; null.x;\nexport default 1;\n',
      "clock.ts": database("clock", 'version: "18", tags: { at: String(Date.now()) }'),
      "chance.ts": database("chance", "version: Math.random() > 2 ? '18' : '17'"),
      "nothing.ts": "export const shared = 1;\n",
      "number.ts": "export default 1;\n",
      "function.ts": database("function", 'version: "18",\n  replicas: () => 1'),
    });
    expect(places(evaluated)).toEqual([
      "chance.ts:3:50 NEB107",
      "clock.ts:3:74 NEB107",
      "function.ts:4:13 NEB109",
      "nothing.ts:1:1 NEB108",
      "number.ts:1:1 NEB108",
      "syntax.ts:1:11 NEB100",
      "syntax.ts:2:13 NEB100",
      "threw.ts:1:27 NEB103",
      "types.ts:1:1 NEB100",
    ]);
  });

  test("an option at its value, an unknown one at its key, a missing one at the declaration, a constant where it is defined", async () => {
    const text = `import { Postgres } from "@nebuladb/platform";
const max = 0.1;
export default new Postgres("orders", {
  versoin: "18",
  compute: { min: 0.5, max, suspendAfter: "5 minutes" },
  storage: 10,
  backups: { retention: "7x" },
  allowFrom: ["10.0.0.1/8"],
  roles: [{ name: "pg_admin" }, { name: "orders_owner" }],
});
`;
    expect(places(await evaluate({ "orders.ts": text }))).toEqual([
      "orders.ts:2:13 NEB113",
      "orders.ts:2:13 NEB113",
      "orders.ts:3:16 NEB111",
      "orders.ts:4:3 NEB110",
      "orders.ts:5:19 NEB127",
      "orders.ts:5:43 NEB112",
      "orders.ts:6:12 NEB112",
      "orders.ts:7:25 NEB112",
      "orders.ts:8:15 NEB126",
      "orders.ts:9:19 NEB119",
      "orders.ts:9:41 NEB119",
    ]);
  });

  test("one broken shared file is one problem, however many import it", async () => {
    const evaluated = await evaluate({
      "tenants/acme/shared/broken.ts": "export const big = ;",
      "a.ts": database("a", 'version: "18"', 'import { big } from "../shared/broken.ts";'),
      "b.ts": database("b", 'version: "18"', 'import { big } from "../shared/broken.ts";'),
    });
    expect(places(evaluated)).toEqual(["tenants/acme/shared/broken.ts:1:20 NEB100"]);
  });

  test("an error thrown by shared code is placed there", async () => {
    const evaluated = await evaluate({
      "tenants/acme/shared/strict.ts": 'export const strict = () => {\n  throw new Error("set a size");\n};',
      "a.ts": database("a", "version: strict()", 'import { strict } from "../shared/strict.ts";'),
    });
    expect(evaluated).toMatchObject({
      problems: [{ file: "tenants/acme/shared/strict.ts", line: 2, code: "NEB103", message: "Error: set a size" }],
    });
  });

  test("every bad import of a file, each at its place", async () => {
    const evaluated = await evaluate({
      "orders.ts": `import fs from "node:fs";
import { x } from "../other/project.ts";
import { y } from "./nothing.ts";
import { z } from "./lib";
import type { Buffer } from "node:buffer";
import lodash from "lodash";
export default fs;`,
      "tenants/acme/other/project.ts": projectFile,
    });
    expect(places(evaluated)).toEqual([
      "orders.ts:1:16 NEB101",
      "orders.ts:2:19 NEB101",
      "orders.ts:3:19 NEB102",
      "orders.ts:4:19 NEB101",
      "orders.ts:6:20 NEB101",
    ]);
  });
});

describe("a bucket", () => {
  const bucket = (options: string) =>
    `import { Bucket } from "@nebuladb/platform";\nimport orders from "./orders.ts";\nexport default new Bucket("assets", ${options});\n`;

  test("is a part of the database that it is of", async () => {
    const files = { "orders.ts": database("orders"), "assets.ts": bucket("{ of: orders, public: true }") };
    const evaluated = await evaluate(files);
    expect(evaluated).toMatchObject({
      kind: "ok",
      spec: { databases: [{ name: "orders", buckets: { assets: { public: true, retire: false } } }] },
    });
    const plain = await evaluate({ "orders.ts": database("orders") });
    expect(plain.kind === "ok" && plain.spec.databases.some((one) => "buckets" in one)).toBe(false);
  });

  test("of nothing, misspelt, or with a database's name is refused where it is written", async () => {
    const orders = database("orders");
    const many = `import { Bucket } from "@nebuladb/platform";\nexport default [new Bucket("orders", { of: "orders" })];\n`;
    expect(places(await evaluate({ "orders.ts": orders, "files.ts": many }))).toEqual(["files.ts:2:17 NEB117"]);
    expect(places(await evaluate({ "orders.ts": orders, "assets.ts": bucket('{ of: "order" }') }))).toEqual([
      "assets.ts:3:43 NEB450",
    ]);
    expect(places(await evaluate({ "orders.ts": orders, "assets.ts": bucket("{ of: orders, pubic: true }") }))).toEqual(
      ["assets.ts:3:51 NEB110"],
    );
  });
});

describe("a branch", () => {
  const feature = (options: string, first = 'import orders from "./orders.ts";') => `${first}
import { Branch } from "@nebuladb/platform";

export default new Branch("feature-x", { ${options} });
`;

  test("is a copy of the sibling that its file imports, whichever file comes first", async () => {
    const evaluated = await evaluate({
      "feature-x.ts": feature('of: orders, at: "2026-11-20T10:00:00Z", ttl: "7d"'),
      "orders.ts": database("orders", 'version: "18", storage: "20Gi"'),
    });
    expect(evaluated).toMatchObject({
      kind: "ok",
      spec: {
        databases: [
          {
            ...{ name: "feature-x", engine: "postgres", version: "18", storageBytes: 20 * 2 ** 30 },
            branch: { of: "orders", at: "2026-11-20T10:00:00.000Z", ttlSeconds: 7 * 86_400 },
          },
          { name: "orders" },
        ],
      },
      sources: { "feature-x": { file: "tenants/acme/shop/feature-x.ts", line: 4, column: 16 } },
    });
  });

  test("of nothing, of itself, of a branch, of what is retired: refused where it says of what", async () => {
    const orders = { "orders.ts": database("orders") };
    const of = (options: string, more: Readonly<Record<string, string>> = orders) =>
      evaluate({ ...more, "feature-x.ts": feature(options, "//") }).then(places);
    expect(await of('of: "order"')).toEqual(["feature-x.ts:4:46 NEB132"]);
    expect(await of('of: "feature-x"')).toEqual(["feature-x.ts:4:46 NEB133"]);
    expect(await of('of: "orders"', { "orders.ts": database("orders", 'version: "18", retire: true') })).toEqual([
      "feature-x.ts:4:46 NEB133",
    ]);
    const second = feature('of: "feature-x"', "//").replace('"feature-x", {', '"second", {');
    expect(await of('of: "second"', { ...orders, "second.ts": second })).toEqual([
      "feature-x.ts:4:46 NEB133",
      "second.ts:4:43 NEB133",
    ]);
    expect(await of("of: 7")).toEqual(["feature-x.ts:4:46 NEB111"]);
    expect(await of('of: "orders", ttl: "0d"')).toEqual(["feature-x.ts:4:61 NEB135"]);
  });

  test("of a database that is wrong itself is not blamed for that", async () => {
    const evaluated = await evaluate({
      "orders.ts": database("orders", 'version: "3"'),
      "feature-x.ts": feature("of: orders"),
    });
    expect(places(evaluated)).toEqual([expect.stringMatching(/^orders\.ts:\d+:\d+ NEB114$/)]);
  });
});

describe("migrations of a database", () => {
  const migrations = (name: string) => ({ [`tenants/acme/shop/${name}/migrations/0001_a.sql`]: "select 1;" });
  const orphan = "nobody/migrations/0001_a.sql:1:1 NEB142";
  const wrong = 'version: "18", compute: { suspendAfter: "20sec" }';

  test("that nobody declares are told, and those of one that is declared wrongly are not", async () => {
    const both = { ...migrations("carts"), ...migrations("nobody") };
    expect(places(await evaluate({ ...both, "carts.ts": database("carts") }))).toEqual([orphan]);
    expect(places(await evaluate({ ...both, "carts.ts": database("carts", wrong) }))).toEqual([
      expect.stringMatching(/^carts\.ts:\d+:\d+ NEB112$/),
      orphan,
    ]);
  });

  test("are nobody's as long as a file that may declare it cannot be read", async () => {
    const evaluated = await evaluate({ ...migrations("carts"), "many.ts": "export default [;" });
    expect(new Set(places(evaluated).map((place) => place.replace(/:.*:\d+/, "")))).toEqual(
      new Set(["many.ts NEB100"]),
    );
  });

  test("are told where a bucket has that name", async () => {
    const text = 'import { Bucket } from "@nebuladb/platform";\nexport default new Bucket("nobody", { of: "x" });\n';
    expect(places(await evaluate({ ...migrations("nobody"), "nobody.ts": text }))).toContain(orphan);
  });
});

describe("names and folders", () => {
  test("a single database has the name of its file", async () => {
    expect(places(await evaluate({ "orders.ts": database("order") }))).toEqual(["orders.ts:3:29 NEB120"]);
  });

  test("two declarations of one name are refused at the second, naming the first", async () => {
    const evaluated = await evaluate({
      "a.ts": database("a"),
      "b.ts": 'import { Postgres } from "@nebuladb/platform";\nexport default [new Postgres("a", { version: "18" })];',
    });
    expect(evaluated).toMatchObject({
      problems: [{ file: "tenants/acme/shop/b.ts", line: 2, column: 17, code: "NEB117" }],
    });
    expect(evaluated.kind === "invalid" && evaluated.problems[0]?.message).toContain("tenants/acme/shop/a.ts:3");
  });

  test("a name that cannot be one is refused", async () => {
    const text =
      'import { Postgres } from "@nebuladb/platform";\nexport default [new Postgres("Orders_1", { version: "18" })];';
    expect(places(await evaluate({ "x.ts": text }))).toEqual(["x.ts:2:30 NEB116"]);
  });

  test("paths that differ only in case or Unicode form are refused", async () => {
    expect(places(await evaluate({ "a.ts": database("a"), "A.ts": database("a") }))).toContain("a.ts:1:1 NEB124");
    const forms = { "caf\u00e9.ts": "", "cafe\u0301.ts": "" };
    expect(places(await evaluate(forms)).filter((one) => one.endsWith("NEB124"))).toHaveLength(1);
  });

  test("code in another language than .ts is refused, other files are left alone", async () => {
    const evaluated = await evaluate({ "orders.js": "", "b.d.ts": "", "c.json": "{}", "README.md": "# Shop" });
    expect(places(evaluated)).toEqual(["b.d.ts:1:1 NEB125", "c.json:1:1 NEB125", "orders.js:1:1 NEB125"]);
  });

  test("a folder without project.ts is refused, and project.ts must declare a project", async () => {
    const files = new Map([["tenants/acme/shop/orders.ts", database("orders")]]);
    expect(places(await evaluator.project(files, "acme", "shop"))).toEqual(["project.ts:1:1 NEB121"]);
    expect(places(await evaluate({ "project.ts": database("project") }))).toEqual(["project.ts:3:16 NEB108"]);
  });

  test("a project with no databases is a project", async () => {
    expect(await evaluate({})).toMatchObject({ kind: "ok", spec: { databases: [] } });
  });
});

describe("tenants and the fleet", () => {
  test("a tenant without tenant.ts is refused", async () => {
    expect(await evaluator.tenant(new Map(), "acme")).toMatchObject({ problems: [{ code: "NEB122", line: 1 }] });
  });

  test("a member's mistakes are placed in tenant.ts", async () => {
    const text = `import { tenant } from "@nebuladb/platform";
export default tenant({
  displayName: "Acme",
  members: [
    { user: "ada", role: "owner" },
    { user: "ada", role: "viewer" },
  ],
});`;
    const evaluated = await evaluator.tenant(new Map([["tenants/acme/tenant.ts", text]]), "acme");
    expect(evaluated).toMatchObject({ problems: [{ line: 5, column: 26, code: "NEB129" }] });
  });

  test("the fleet declares each kind exactly once", async () => {
    const files = exampleTenants();
    files.delete("tenants/fleet/prices.ts");
    files.set("tenants/fleet/more.ts", files.get("tenants/fleet/plans.ts") ?? "");
    const evaluated = await evaluator.fleet(files);
    expect(evaluated.kind === "invalid" && evaluated.problems.map(({ code, file }) => `${file} ${code}`)).toEqual([
      "tenants/fleet/plans.ts NEB128",
    ]);
    files.delete("tenants/fleet/more.ts");
    expect(await evaluator.fleet(files)).toMatchObject({
      problems: [{ file: "tenants/fleet/prices.ts", code: "NEB128" }],
    });
  });
});
