import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "./postgres.ts";

let one: TestDatabase;
let two: TestDatabase;
beforeAll(async () => {
  [one, two] = await Promise.all([testDatabase(), testDatabase()]);
});
afterAll(async () => {
  await one.close();
  await two.close();
});

test("a test database holds the ledger's tables", async () => {
  expect(await one.sql.query("select 1 from stacks")).toEqual([]);
});

test("two test databases do not see each other", async () => {
  await one.sql.query("insert into stacks (stack) values ('a.b')");
  expect(await two.sql.query("select 1 from stacks")).toEqual([]);
});
