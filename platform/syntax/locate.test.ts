import { describe, expect, test } from "vitest";
import { importsOf, type Located, locateDeclaration, locateOption, type OptionPath, syntaxProblems } from "./index.ts";

const file = "tenants/acme/shop/orders.ts";
const shared = "tenants/acme/shared/standard.ts";

const orders = `import { Postgres, secret as named } from "@nebuladb/platform";
import { standard } from "../shared/standard.ts";

const max = 2;
let version = "18";
export default new Postgres("orders", {
  version,
  compute: { min: 0.25, max, "suspendAfter": standard.sleep },
  ...standard.options,
  storage: ("10Gi" as const),
  roles: [{ name: "a" }, { name: "b" }],
  password: named("orders"),
  tags: makeTags(),
  replicas: 1 + 1,
});
`;
const files = new Map([
  [file, orders],
  [
    shared,
    'export const standard = { sleep: "5m", options: { backups: { retention: "7d" }, retire: false } } as const;',
  ],
]);

const at = (path: OptionPath, from: ReadonlyMap<string, string> = files, name = "orders"): Located =>
  locateOption(from, file, name, path);
const brief = (located: Located): string =>
  `${located.kind} ${located.file === file ? "" : "shared "}${located.line}:${located.column}${
    located.kind === "literal" ? ` ${located.text}` : ""
  }`;

describe("finding an option", () => {
  test("written in the declaration", () => {
    expect(brief(at(["compute", "min"]))).toBe("literal 8:19 0.25");
    expect(brief(at(["roles", 1, "name"]))).toBe('literal 11:34 "b"');
    expect(brief(at(["storage"]))).toBe('literal 10:13 "10Gi"');
    expect(brief(at(["password"]))).toBe('literal 12:13 named("orders")');
    expect(brief(at(["name"]))).toBe('literal 6:29 "orders"');
  });

  test("behind a constant, in this file or another, says through what", () => {
    expect(at(["compute", "max"])).toMatchObject({ line: 4, column: 13, text: "2", through: [{ name: "max" }] });
    expect(brief(at(["compute", "suspendAfter"]))).toBe('literal shared 1:34 "5m"');
    expect(brief(at(["backups", "retention"]))).toBe('literal shared 1:73 "7d"');
  });

  test("that nothing says: the object that would hold it", () => {
    expect(at(["extensions"])).toMatchObject({ kind: "absent", holderIs: "object", line: 6, missing: ["extensions"] });
    expect(at(["compute", "x", "y"])).toMatchObject({ kind: "absent", line: 8, column: 12, missing: ["x", "y"] });
    expect(at(["roles", 2])).toMatchObject({ kind: "absent", holderIs: "array" });
    const none = new Map([
      [file, 'import { Postgres } from "@nebuladb/platform";\nexport default new Postgres("orders");'],
    ]);
    expect(at(["version"], none)).toMatchObject({ kind: "absent", holderIs: "call", line: 2, column: 16 });
  });

  test("that code computes: the reason, at the code", () => {
    expect(at(["version"])).toMatchObject({
      kind: "computed",
      line: 7,
      reason: "version is a variable, not a constant",
    });
    expect(at(["tags", "team"])).toMatchObject({ kind: "computed", line: 13 });
    expect(at(["replicas"])).toMatchObject({ kind: "computed", line: 14, reason: "1 + 1 is computed" });
  });

  test("under a later spread: the spread wins, an earlier one loses", () => {
    const text = (options: string) =>
      new Map([
        [
          file,
          `import { Postgres } from "@nebuladb/platform";\nconst base = { replicas: 1 };\nexport default new Postgres("orders", ${options});`,
        ],
      ]);
    expect(at(["replicas"], text("{ replicas: 2, ...base }"))).toMatchObject({ line: 2, text: "1" });
    expect(at(["replicas"], text("{ ...base, replicas: 2 }"))).toMatchObject({ line: 3, text: "2" });
    expect(at(["replicas"], text("{ ...base(), storage: '1Gi' }"))).toMatchObject({ kind: "computed" });
    expect(at(["storage"], text("{ ...base(), storage: '1Gi' }"))).toMatchObject({ kind: "literal" });
  });
});

describe("finding a declaration", () => {
  const text = `import * as nebula from "@nebuladb/platform";
import { Postgres as PG } from "@nebuladb/platform";
import { Postgres } from "./mine.ts";
const name = "b";
export default [
  new nebula.Postgres("a", { version: "18" }),
  new PG(name, { version: "17" }),
  new Postgres("c", { version: "16" }),
  ...["d", "e"].map((one) => new PG(one, { version: "15" })),
];`;
  const list = new Map([[file, text]]);

  test("by its name, whatever the class is called here", () => {
    expect(locateDeclaration(list, file, "a")).toMatchObject({ kind: "call", callee: "Postgres", line: 6, column: 3 });
    expect(brief(at(["version"], list, "b"))).toBe('literal 7:27 "17"');
  });

  test("made by a loop, or by a class of somebody else's, is not guessed", () => {
    expect(locateDeclaration(list, file, "d")).toMatchObject({ kind: "computed", line: 9, column: 30 });
    const own = new Map([[file, 'import { Postgres } from "./mine.ts";\nexport default new Postgres("c", {});']]);
    expect(locateDeclaration(own, file, "c")).toMatchObject({ kind: "missing" });
    const made = new Map([[file, 'import { make } from "./mine.ts";\nexport default make("c");']]);
    expect(locateDeclaration(made, file, "c")).toMatchObject({ kind: "computed", reason: "it is made by make" });
    expect(locateDeclaration(new Map(), file, "c")).toMatchObject({ kind: "missing", line: 1 });
  });
});

describe("reading a file", () => {
  test("lists every syntax error, and TypeScript that cannot be erased", () => {
    const read = (text: string) =>
      syntaxProblems(new Map([[file, text]]), file).map(({ line, column }) => `${line}:${column}`);
    expect(read("const x = ;\nlet y = { a b };")).toEqual(["1:11", "2:13"]);
    expect(
      read("enum A { B }\nnamespace N { export const x = 1; }\nclass C { constructor(readonly x: number) {} }"),
    ).toEqual(["1:1", "2:1", "3:23"]);
    expect(read("export const x: number = 1 as const;")).toEqual([]);
  });

  test("lists its imports at run time", () => {
    const text = `import a from "a";\nimport type b from "b";\nexport * from "c";\nawait import("d");\nimport "e";`;
    expect(importsOf(new Map([[file, text]]), file).map(({ specifier, line }) => `${specifier}${line}`)).toEqual([
      "a1",
      "c3",
      "d4",
      "e5",
    ]);
  });

  test("survives text that is nested too deeply, by throwing or answering", () => {
    for (const text of ["(".repeat(50_000), "[".repeat(50_000), `const x = ${"a.".repeat(50_000)}b;`])
      try {
        locateOption(new Map([[file, text]]), file, "x", ["version"]);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
  });
});
