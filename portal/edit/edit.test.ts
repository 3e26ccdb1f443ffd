import { describe, expect, test } from "vitest";
import { changeDatabase, type OptionsPatch } from "./index.ts";
import { changed, filesOf, folder, head, place, refusal, textOf } from "./test-project.ts";

describe("a change touches one stretch and nothing else", () => {
  const golden: readonly (readonly [string, string, OptionsPatch, string])[] = [
    [
      "a number in a nested object with comments",
      'new Postgres("orders", {\n  // why 18\n  version: "18", /* keep */\n  compute: { min: 0.25, max: /* peak */ 0.5, }, // small\n})',
      { compute: { max: 2 } },
      'new Postgres("orders", {\n  // why 18\n  version: "18", /* keep */\n  compute: { min: 0.25, max: /* peak */ 2, }, // small\n})',
    ],
    [
      "single quotes stay single",
      "new Postgres('orders', { version: '18', storage: '10Gi' })",
      { storage: "20Gi" },
      "new Postgres('orders', { version: '18', storage: '20Gi' })",
    ],
    [
      "a template literal becomes a string in the file's quotes",
      "new Postgres('orders', { version: '18', storage: `10Gi` })",
      { storage: "20Gi" },
      "new Postgres('orders', { version: '18', storage: '20Gi' })",
    ],
    [
      "a numeric separator is a number like any other",
      'new Postgres("orders", { version: "18", replicas: 1_0 })',
      { replicas: 11 },
      'new Postgres("orders", { version: "18", replicas: 11 })',
    ],
    [
      "satisfies and as const stand around what is changed",
      'new Postgres("orders", ({ version: "18", compute: { max: 1 } as const }) satisfies PostgresOptions)',
      { compute: { max: 2 } },
      'new Postgres("orders", ({ version: "18", compute: { max: 2 } as const }) satisfies PostgresOptions)',
    ],
    [
      "quoted keys",
      'new Postgres("orders", { "version": "18", "storage": "1Gi" })',
      { storage: "2Gi" },
      'new Postgres("orders", { "version": "18", "storage": "2Gi" })',
    ],
    [
      "an option is added on a line of its own, with the trailing comma that the file uses",
      'new Postgres("orders", {\n\tversion: "18",\n\tstorage: "1Gi", // why\n})',
      { replicas: 1 },
      'new Postgres("orders", {\n\tversion: "18",\n\tstorage: "1Gi", // why\n\treplicas: 1,\n})',
    ],
    [
      "and without one where it uses none",
      'new Postgres("orders", {\n    version: "18" // latest\n})',
      { storage: "2Gi" },
      'new Postgres("orders", {\n    version: "18", // latest\n    storage: "2Gi"\n})',
    ],
    [
      "an option is added in line",
      'new Postgres("orders", { version: "18" })',
      { compute: { max: 1, min: 0.5 } },
      'new Postgres("orders", { version: "18", compute: { max: 1, min: 0.5 } })',
    ],
    [
      "a member is added to a nested object",
      'new Postgres("orders", { version: "18", compute: { max: 1 } })',
      { compute: { suspendAfter: "5m" } },
      'new Postgres("orders", { version: "18", compute: { max: 1, suspendAfter: "5m" } })',
    ],
    [
      "an option is removed with its comma and the comment of its line",
      'new Postgres("orders", {\n  version: "18",\n  storage: "1Gi", // small\n  // the end\n})',
      { storage: null },
      'new Postgres("orders", {\n  version: "18",\n  // the end\n})',
    ],
    [
      "a list keeps its order, its comments and what it holds",
      'new Postgres("orders", {\n  version: "18",\n  extensions: [\n    "pgcrypto", // ids\n    "vector",\n    "hstore", // old\n  ],\n})',
      { extensions: ["vector", "pgcrypto", "pg_trgm"] },
      'new Postgres("orders", {\n  version: "18",\n  extensions: [\n    "pgcrypto", // ids\n    "vector",\n    "pg_trgm",\n  ],\n})',
    ],
    [
      "roles are known by their names",
      'new Postgres("orders", { version: "18", roles: [{ name: "app", access: "write" }, { name: "old" }] })',
      { roles: [{ name: "report" }, { name: "app", access: "read", login: false }] },
      'new Postgres("orders", { version: "18", roles: [{ name: "app", access: "read", login: false }, { name: "report" }] })',
    ],
    [
      "tags are set and removed one by one",
      'new Postgres("orders", { version: "18", tags: { owner: "shop", "cost-centre": "7" } })',
      { tags: { owner: "web", "cost-centre": null, "on-call": "x" } },
      'new Postgres("orders", { version: "18", tags: { owner: "web", "on-call": "x" } })',
    ],
    [
      "a database without options gets them",
      'new Postgres("orders")',
      { storage: "2Gi" },
      'new Postgres("orders", { storage: "2Gi" })',
    ],
    [
      "retire is an option like the others",
      'new Postgres("orders", {\n  version: "18",\n})',
      { retire: true },
      'new Postgres("orders", {\n  version: "18",\n  retire: true,\n})',
    ],
  ];
  test.each(golden)("%s", (_, from, patch, to) => {
    for (const [before, after] of [
      ["export default ", ";\n"],
      ["// a comment with storage: and 18\nexport default ", ""],
    ])
      expect(changed(`${head}${before}${from}${after}`, patch)).toBe(`${head}${before}${to}${after}`);
  });

  test.each(golden)("%s, also with CRLF", (_, from, patch, to) => {
    const crlf = (text: string) => `${head}\nexport default ${text};\n`.replaceAll("\n", "\r\n");
    expect(changed(crlf(from), patch)).toBe(crlf(to));
  });

  test.each(golden)("%s, and asked for again it changes nothing", (_, __, patch, to) => {
    expect(changed(`${head}export default ${to};\n`, patch)).toBe(`${head}export default ${to};\n`);
  });

  test("the same value in other words changes nothing", () => {
    const text = `${head}export default new Postgres('orders', { version: "18", storage: \`10Gi\`, compute: { max: 1.0, suspendAfter: "5m" } });\n`;
    const patch = {
      version: "18",
      storage: "10240Mi",
      compute: { max: 1, suspendAfter: "300s" },
      retire: false,
      tags: null,
    };
    expect(changed(text, patch)).toBe(text);
  });

  test("among several databases of a file only the one is changed", () => {
    const list = (storage: string) =>
      `${head}export default [\n  new Postgres("carts", { version: "18", storage: "1Gi" }),\n  new Postgres("orders", { version: "18", storage: "${storage}" }),\n];\n`;
    expect(textOf(changeDatabase(filesOf({ "all.ts": list("1Gi") }), place, { storage: "2Gi" }), "all.ts")).toBe(
      list("2Gi"),
    );
  });
});

describe("a value that is defined elsewhere", () => {
  const imported = { "lib/sizes.ts": 'export const room = "10Gi";\nexport const other = "10Gi";\n' };
  const orders = `${head}import { room } from "./lib/sizes.ts";\nexport default new Postgres("orders", { version: "18", storage: room });\n`;

  test("is changed where it is defined when only this database reads it", () => {
    const here = `${head}const room = "10Gi"; // much\nexport default new Postgres("orders", { version: "18", storage: room });\n`;
    expect(changed(here, { storage: "20Gi" })).toBe(here.replace("10Gi", "20Gi"));
    const edits = changeDatabase(filesOf({ ...imported, "orders.ts": orders }), place, { storage: "20Gi" });
    expect(edits.changes).toEqual([
      { path: `${folder}/lib/sizes.ts`, content: 'export const room = "20Gi";\nexport const other = "10Gi";\n' },
    ]);
  });

  test("is followed through members, spreads and shorthand", () => {
    const text = (max: string, storage: string) =>
      `${head}const sizes = { small: { max: ${max} }, big: { max: 8 } };\nconst storage = "${storage}";\nconst base = { version: "18", storage } as const;\nexport default new Postgres("orders", { ...base, compute: sizes.small });\n`;
    expect(changed(text("1", "1Gi"), { compute: { max: 2 }, storage: "2Gi" })).toBe(text("2", "2Gi"));
  });

  test("is refused when another database reads it too", () => {
    const carts = `${head}import { room } from "./lib/sizes.ts";\nexport default new Postgres("carts", { version: "18", storage: room });\n`;
    const files = filesOf({ ...imported, "orders.ts": orders, "carts.ts": carts });
    const { code, message, fields } = refusal(() => changeDatabase(files, place, { storage: "20Gi" }));
    expect(code).toBe("NEB645");
    expect(message).toContain(`storage of orders is defined by room at ${folder}/lib/sizes.ts:1:21`);
    expect(message).toContain(`${folder}/carts.ts:3:64`);
    expect(fields.place).toEqual({ file: `${folder}/lib/sizes.ts`, line: 1, column: 21 });
    expect(changeDatabase(files, place, { replicas: 1 }).changes).toHaveLength(1);
  });

  test.each([
    ["a spread", `const base = { storage: "1Gi" };\n`, "...base", "...base"],
    ["a whole object", `const base = { storage: "1Gi" };\n`, "storage: base.storage", "tags: base"],
    ["the same member", `const base = { storage: "1Gi" };\n`, "storage: base.storage", "storage: base.storage"],
    ["an assignment", `const base = { storage: "1Gi" };\nbase.storage = "3Gi";\n`, "storage: base.storage", ""],
    ["an alias", `const base = "1Gi";\nconst again = base;\n`, "storage: base", "storage: again"],
  ])("is refused when %s shares it", (_, before, mine, theirs) => {
    const text = `${head}${before}export default [\n  new Postgres("orders", { version: "18", ${mine} }),\n  new Postgres("carts", { version: "18", ${theirs} }),\n];\n`;
    expect(refusal(() => changed(text, { storage: "2Gi" })).code).toBe("NEB645");
  });

  test("is changed when another database reads another member", () => {
    const text = (storage: string) =>
      `${head}const rooms = { a: "${storage}", b: "1Gi" };\nexport default [\n  new Postgres("orders", { version: "18", storage: rooms.a }),\n  new Postgres("carts", { version: "18", storage: rooms.b }),\n];\n`;
    expect(changed(text("1Gi"), { storage: "2Gi" })).toBe(text("2Gi"));
  });

  test("outside the project is changed only when the whole tenant was looked at", () => {
    const files = filesOf({
      "../shared/sizes.ts": 'export const room = "10Gi";\n',
      "orders.ts": orders.replace("./lib/", "../shared/"),
    });
    expect(refusal(() => changeDatabase(files, place, { storage: "20Gi" }))).toMatchObject({
      code: "NEB645",
      message: expect.stringContaining("outside its project"),
    });
    const edits = changeDatabase(files, { ...place, wholeTenant: true }, { storage: "20Gi" });
    expect(textOf(edits, "../shared/sizes.ts")).toBe('export const room = "20Gi";\n');
  });
});

describe("what code decides is refused with its place", () => {
  test.each([
    ["a conditional", "storage: big ? '1Gi' : '2Gi'", "const big = true;\n"],
    ["a call", "storage: room()", 'const room = () => "1Gi";\n'],
    ["arithmetic", "storage: `$\u007bone}Gi`", "const one = 1;\n"],
    ["a variable", "storage: room", 'let room = "1Gi";\n'],
    ["a spread of a call", "...base()", "const base = () => ({});\n"],
    ["a computed key", '["sto" + "rage"]: "1Gi"', ""],
    ["destructuring", "storage: room", 'const { room } = { room: "1Gi" };\n'],
  ])("%s", (_, option, before) => {
    const text = `${head}${before}export default new Postgres("orders", {\n  version: "18",\n  ${option},\n});\n`;
    const { code, message, fields } = refusal(() => changed(text, { storage: "3Gi" }));
    expect(code).toBe("NEB644");
    expect(message).toMatch(/^storage of orders is computed at tenants\/acme\/shop\/orders\.ts:\d+:\d+: \S/);
    expect(fields.place).toMatchObject({ file: `${folder}/orders.ts`, line: expect.any(Number) });
  });

  test.each([
    ["a loop", 'export default ["orders", "carts"].map((name) => new Postgres(name, { version: "18" }));\n'],
    [
      "a function",
      'const make = (name: string) => new Postgres(name, { version: "18" });\nexport default make("orders");\n',
    ],
  ])("a database that %s makes", (_, body) => {
    for (const file of ["orders.ts", "all.ts"])
      expect(refusal(() => changeDatabase(filesOf({ [file]: head + body }), place, { storage: "3Gi" }))).toMatchObject({
        code: "NEB644",
        message: expect.stringContaining(`${folder}/${file}:`),
      });
  });

  test("but a computed option does not hinder a change of another one", () => {
    const text = (storage: string) =>
      `${head}export default new Postgres("orders", { version: "18", replicas: 1 + 1, storage: "${storage}" });\n`;
    expect(changed(text("1Gi"), { storage: "2Gi" })).toBe(text("2Gi"));
  });
});

test("a file that does not parse, and a database that is not there, are refused", () => {
  expect(
    refusal(() => changed(`${head}export default new Postgres("orders", { storage: "1Gi" `, { storage: "2Gi" })).code,
  ).toBe("NEB643");
  expect(refusal(() => changeDatabase(filesOf({}), place, { storage: "2Gi" }))).toMatchObject({
    code: "NEB642",
    status: 404,
  });
});

test("a named size and compute units are not set against each other", () => {
  const sized = `${head}export default new Postgres("orders", { version: "18", size: "db.t3.small" });\n`;
  expect(refusal(() => changed(sized, { compute: { max: 2 } })).code).toBe("NEB647");
  expect(changed(sized, { compute: { suspendAfter: "5m" } })).toContain(
    'size: "db.t3.small", compute: { suspendAfter: "5m" }',
  );
  expect(changed(sized, { size: null, compute: { max: 2 }, storage: "10Gi" })).toBe(
    `${head}export default new Postgres("orders", { version: "18", compute: { max: 2 }, storage: "10Gi" });\n`,
  );
  const units = `${head}export default new Postgres("orders", { version: "18", compute: { max: 2 } });\n`;
  expect(refusal(() => changed(units, { size: "db.t3.small" })).code).toBe("NEB647");
  expect(changed(units, { size: "db.t3.small", compute: null })).toContain('{ version: "18", size: "db.t3.small" }');
});
