import { expect, test } from "vitest";
import type { Advice } from "../advise/index.ts";
import { readMigration } from "../migrations/index.ts";
import { indexMigration, missingIndexes } from "./indexes.ts";

const advice = (detail: string, more: Partial<Advice> = {}): Advice => ({
  ...{ id: "unindexed-foreign-key", level: "info", title: "", object: "public.orders", detail, doc: "" },
  fix: "create index concurrently on public.orders (customer);",
  ...more,
});

test("missing indexes become one migration that can be begun again, and nothing else does", async () => {
  const found = missingIndexes([
    advice("orders_customer_fkey"),
    advice('Weird "name"; drop table x --'),
    advice("x".repeat(63)),
    advice("t", { id: "no-primary-key", fix: "alter table t add column id bigint;" }),
  ]);
  expect(found).toHaveLength(3);
  expect(new Set(found.map(({ sql }) => sql)).size).toBe(3);
  const text = indexMigration(found);
  expect(text).not.toContain("drop table");
  const { problems } = await readMigration({ file: "0001_missing_indexes", text, path: "sql" });
  expect(problems).toEqual([]);
});
