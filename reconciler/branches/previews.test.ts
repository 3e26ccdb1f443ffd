import { expect, test } from "vitest";
import { type DatabaseSpec, type ProjectSpec, previewBranches, resolveDatabase } from "../../platform/spec/index.ts";
import { previewChanges } from "./previews.ts";

const database = (name: string): DatabaseSpec => {
  const made = resolveDatabase({ engine: "postgres", name, options: { version: "18", tags: { of: name } } });
  if (made.kind === "invalid") throw new Error(name);
  return made.spec;
};
const shop: ProjectSpec = {
  ...{ tenant: "acme", project: "shop", placement: "local", region: "local", quota: null },
  databases: ["catalog", "orders"].map(database),
  previewBranches: ["orders"],
};
const { previewBranches: _, ...silent } = shop;
const running = new Map([
  ["acme.shop", shop],
  ["acme.quiet", { ...silent, project: "quiet" }],
]);
const pull = (number: number, stacks: readonly string[], labels: readonly string[] = []) => ({
  number,
  stacks,
  labels,
});
const existing = (database: string) => ({ id: `acme.shop.${database}`, stack: "acme.shop", database });
const told = (...asked: Parameters<typeof previewChanges>) =>
  previewChanges(...asked).map((one) => `${one.kind} ${one.database}`);

test("a pull request has branches of what the project declares; with the label, of everything that it changes", () => {
  expect(told([pull(7, ["acme.shop"])], running, [])).toEqual(["open pr-7-orders"]);
  expect(told([pull(7, ["acme.shop"], ["preview"])], running, [])).toEqual(["open pr-7-catalog", "open pr-7-orders"]);
  expect(told([pull(7, ["acme.quiet"])], running, [])).toEqual([]);
  expect(told([pull(7, ["acme.new"], ["preview"])], running, [])).toEqual([]);
});

test("they are made once, and taken away when it closes or stops to want them", () => {
  expect(told([pull(7, ["acme.shop"])], running, [existing("pr-7-orders")])).toEqual([]);
  expect(told([], running, [existing("pr-7-orders")])).toEqual(["close pr-7-orders"]);
  expect(told([pull(7, ["acme.quiet"])], running, [existing("pr-7-orders")])).toEqual(["close pr-7-orders"]);
});

test("a name that a file has taken stays the file's", () => {
  const taken = new Map([["acme.shop", { ...shop, databases: [...shop.databases, database("pr-7-orders")] }]]);
  expect(told([pull(7, ["acme.shop"])], taken, [])).toEqual([]);
});

test("a long name is cut and stays unlike others", () => {
  const long = "orders-of-all-the-customers-of-the-year-1";
  const names = [`${long.slice(0, -1)}1`, `${long.slice(0, -1)}2`].map((name) => name.slice(-40).replace(/^-/, "x"));
  const project = { ...shop, databases: names.map(database), previewBranches: names };
  const made = previewBranches(project, { number: 1234, labels: [] }).map(({ name }) => name);
  expect(new Set(made).size).toBe(2);
  for (const name of made) expect(name).toMatch(/^pr-1234-[a-z0-9-]{1,32}$/);
});
