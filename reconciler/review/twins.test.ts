import { expect, test } from "vitest";
import type { DeclarationProblem } from "../../platform/spec/index.ts";
import { blameNewTwins } from "./twins.ts";

const folder = "tenants/acme/shop/carts/migrations";
const paths = (...names: string[]) => new Map(names.map((name) => [`${folder}/${name}`, ""]));
const twin = (name: string, other: string): DeclarationProblem => ({
  ...{ file: `${folder}/${name}`, line: 1, column: 1, code: "NEB141", hint: "" },
  message: `${other} has the number 2 already`,
});
const told = (problems: readonly DeclarationProblem[], base: readonly string[], head: readonly string[]) =>
  blameNewTwins(problems, paths(...base), paths(...head)).map(
    ({ file, message }) => `${file.slice(folder.length + 1)}: ${message}`,
  );

test("the migration that a change brings is blamed, whatever its name", () => {
  const note = "0002_note.sql: 0002_color.sql has the number 2 already";
  const color = "0002_color.sql: 0002_note.sql has the number 2 already";
  const head = ["0001_a.sql", "0002_color.sql", "0002_note.sql", "0002_readme.md"];
  const found = [twin("0002_note.sql", "0002_color.sql")];
  expect(told(found, ["0001_a.sql", "0002_note.sql"], head)).toEqual([color]);
  expect(told(found, ["0001_a.sql", "0002_color.sql"], head)).toEqual([note]);
});

test("of two that are both new, or both old, it is the second by name", () => {
  const found = [twin("0002_b.sql", "0002_a.sql")];
  const same = ["0002_b.sql: 0002_a.sql has the number 2 already"];
  expect(told(found, [], ["0002_a.sql", "0002_b.sql"])).toEqual(same);
  expect(told(found, ["0002_a.sql", "0002_b.sql"], ["0002_a.sql", "0002_b.sql"])).toEqual(same);
});

test("each of several new ones is told once, and other problems stay where they are", () => {
  const found = [twin("0002_b.sql", "0002_a.sql"), twin("0002_c.sql", "0002_b.sql")];
  const empty: DeclarationProblem = { ...twin("0002_b.sql", ""), code: "NEB143", message: "it is empty" };
  expect(told([...found, empty], ["0002_b.sql"], ["0002_a.sql", "0002_b.sql", "0002_c.sql"])).toEqual([
    "0002_a.sql: 0002_b.sql has the number 2 already",
    "0002_c.sql: 0002_b.sql has the number 2 already",
    "0002_b.sql: it is empty",
  ]);
});
