import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyEdits, type Edited, locateOption, removeOption, setOption } from "./index.ts";

const file = "tenants/acme/shop/orders.ts";
const head = 'import { Postgres } from "@nebuladb/platform";\n';
const declaration = (options: string) => new Map([[file, `${head}export default new Postgres("orders"${options});\n`]]);

/** The options' text after an edit; the rest must be byte for byte what it was. */
function after(files: ReadonlyMap<string, string>, edited: Edited): string {
  if (edited.kind !== "edits") return edited.kind;
  const text = applyEdits(files, edited.edits).get(file) ?? "";
  const start = `${head}export default new Postgres("orders"`;
  expect(text.startsWith(start) && text.endsWith(");\n")).toBe(true);
  return text.slice(start.length, -3);
}
const set = (options: string, path: string[], value: string): string => {
  const files = declaration(options);
  return after(files, setOption(files, file, "orders", path, value));
};
const remove = (options: string, path: string[]): string => {
  const files = declaration(options);
  return after(files, removeOption(files, file, "orders", path));
};

describe("setting an option", () => {
  test.each([
    ["a value", ", { version: '17' /* why */, a: 1 }", ["version"], '"18"', ', { version: "18" /* why */, a: 1 }'],
    ["one more on the line", ", { a: 1 }", ["b"], "2", ", { a: 1, b: 2 }"],
    ["one more after a trailing comma", ", { a: 1, }", ["b"], "2", ", { a: 1, b: 2, }"],
    ["the first", ", {}", ["b"], "2", ", { b: 2 }"],
    ["the first of all", "", ["b"], "2", ", { b: 2 }"],
    ["one on a line of its own", ", {\n  a: 1,\n}", ["b"], "2", ", {\n  a: 1,\n  b: 2,\n}"],
    ["after a comment at the end of the line", ", {\n  a: 1, // one\n}", ["b"], "2", ", {\n  a: 1, // one\n  b: 2,\n}"],
    ["where the last has no comma", ", {\n  a: 1 // one\n}", ["b"], "2", ", {\n  a: 1, // one\n  b: 2\n}"],
    ["in the file's own line endings", ", {\r\n  a: 1,\r\n}", ["b"], "2", ", {\r\n  a: 1,\r\n  b: 2,\r\n}"],
    ["in the file's own indentation", ", {\n\ta: 1,\n}", ["b"], "2", ", {\n\ta: 1,\n\tb: 2,\n}"],
    ["inside another", ", { c: { a: 1 } }", ["c", "b"], "2", ", { c: { a: 1, b: 2 } }"],
    ["with what it needs around it", ", { a: 1 }", ["c", "b"], "2", ", { a: 1, c: { b: 2 } }"],
    [
      "under a key that needs quotes",
      ", { tags: {} }",
      ["tags", "cost-centre"],
      '"x"',
      ', { tags: { "cost-centre": "x" } }',
    ],
  ])("%s", (_, options, path, value, expected) => {
    expect(set(options, path, value)).toBe(expected);
  });
});

describe("removing an option", () => {
  test.each([
    ["with its line and its comment", ", {\n  a: 1,\n  b: 2, // two\n  c: 3,\n}", ["b"], ", {\n  a: 1,\n  c: 3,\n}"],
    ["from the middle of a line", ", { a: 1, b: 2, c: 3 }", ["b"], ", { a: 1, c: 3 }"],
    ["from the end of a line", ", { a: 1, b: 2 }", ["b"], ", { a: 1 }"],
    ["the last on a line of its own", ", {\n  a: 1,\n  b: 2\n}", ["b"], ", {\n  a: 1,\n}"],
    ["that is not there: nothing changes", ", { a: 1 }", ["b"], ", { a: 1 }"],
  ])("%s", (_, options, path, expected) => {
    expect(remove(options, path)).toBe(expected);
  });
});

test("what is set can be found, and what is removed is absent, in any style", () => {
  const styles = [
    ", {}",
    ", { x: 1 }",
    ", { x: 1, }",
    ", {\n  x: 1,\n}",
    ", {\n  x: 1\n}",
    ", {\n  x: { y: 1 }, // c\n}",
    ", {\n}",
    "",
  ];
  const key = fc.constantFrom("a", "b", "x", "y", "cost-centre");
  fc.assert(
    fc.property(
      fc.constantFrom(...styles),
      fc.array(fc.tuple(key, fc.nat(9)), { minLength: 1, maxLength: 6 }),
      (style, edits) => {
        let files: ReadonlyMap<string, string> = declaration(style);
        for (const [name, value] of edits) {
          const edited = setOption(files, file, "orders", [name], String(value));
          if (edited.kind !== "edits") throw new Error(edited.reason);
          files = applyEdits(files, edited.edits);
          expect(locateOption(files, file, "orders", [name])).toMatchObject({ kind: "literal", text: String(value) });
        }
        for (const [name] of edits) {
          const edited = removeOption(files, file, "orders", [name]);
          if (edited.kind !== "edits") throw new Error(edited.reason);
          files = applyEdits(files, edited.edits);
          expect(locateOption(files, file, "orders", [name]).kind).toBe("absent");
        }
      },
    ),
    { numRuns: 300 },
  );
});
