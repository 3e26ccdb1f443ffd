import { expect, test } from "vitest";
import { isOver, type ProjectSpec, withoutOver } from "./index.ts";

const project = (...databases: object[]): ProjectSpec => ({ databases }) as unknown as ProjectSpec;
const branch = (name: string, ttlSeconds: number | null) => ({ name, branch: { of: "orders", at: null, ttlSeconds } });

test("a branch is over when its ttl has passed since it was made, and not before it was made", () => {
  expect([59.9, 60, 61, undefined].map((age) => isOver({ ttlSeconds: 60 }, age))).toEqual([false, true, true, false]);
  expect(isOver({ ttlSeconds: null }, 1e9)).toBe(false);
  expect(isOver(undefined, 1e9)).toBe(false);
});

test("what is over takes nothing of a project; everything else stays, in its order", () => {
  const all = project({ name: "orders" }, branch("ends", 60), branch("new", 60), branch("stays", null));
  const ages = new Map(["orders", "ends", "stays"].map((name) => [name, 3600]));
  expect(withoutOver(all, ages).databases.map(({ name }) => name)).toEqual(["orders", "new", "stays"]);
  expect(withoutOver(all, new Map())).toBe(all);
});
