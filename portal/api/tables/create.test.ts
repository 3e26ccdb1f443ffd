import { expect, test } from "vitest";
import { readMigration } from "../../../platform/migrations/index.ts";
import { migrationNameOf, newTable, tableSql } from "./create.ts";

const made = (input: object) => tableSql("public", newTable.parse(input));

test("a table gets its columns, a key where it has none, and row-level security", () => {
  const columns = [
    { name: "owner", type: "text", required: true, filledBy: "user" },
    { name: "price", type: "numeric(8, 2)", default: 1.5 },
    { name: "list", type: "bigint", references: { table: "lists" } },
    { name: "mood", type: "text", default: "it's\\ fine", unique: true },
  ];
  expect(made({ name: "notes", columns })).toBe(`create table "public"."notes" (
  "id" bigint generated always as identity primary key,
  "owner" text default (current_setting('request.jwt.claims', true)::json ->> 'sub') not null,
  "price" numeric(8, 2) default 1.5,
  "list" bigint references "public"."lists",
  "mood" text default E'it''s\\\\ fine' unique
);
alter table "public"."notes" enable row level security;
`);
});

test("a key of several columns is the table's", () => {
  const columns = [
    { name: "a", type: "uuid", key: true, filledBy: "uuid" },
    { name: "b", type: "int", key: true },
  ];
  expect(made({ name: "t", columns })).toContain('"b" int not null,\n  primary key ("a", "b")\n');
});

test("whatever names and values are, it is two statements", async () => {
  const bad = `x"; drop table "y" -- '`;
  const columns = [
    { name: bad, type: "text", default: `'); drop table y; --\\` },
    { name: "n", type: "double precision", default: -1e21 },
    { name: "r", type: "timestamp with time zone[]", references: { table: bad, column: bad } },
  ];
  const text = made({ name: bad, columns });
  const { problems, statements } = await readMigration({ file: `0001_${migrationNameOf(bad)}`, text });
  expect(problems).toEqual([]);
  expect(statements.map(({ type }) => type)).toEqual(["CreateStmt", "AlterTableStmt"]);
});

test.each([
  ["a column that is named twice", [{ name: "a" }, { name: "a" }], "columns.1.name"],
  ["a column of the key's name", [{ name: "id" }], "columns.0.name"],
  ["two ways to fill it", [{ name: "a", default: 1, filledBy: "now" }], "columns.0.filledBy"],
])("%s is a problem of its field", (_, columns, path) => {
  const table = newTable.parse({ name: "t", columns: columns.map((one) => ({ type: "text", ...one })) });
  expect(() => tableSql("public", table)).toThrow(
    expect.objectContaining({ fields: { errors: [{ path, message: expect.any(String) }] } }),
  );
});

test.each(["text; drop table x", "int primary key", "int default 1", "text)", "", "int(1)--", '"text"'])(
  "%j is no type",
  (type) => {
    expect(newTable.safeParse({ name: "t", columns: [{ name: "a", type }] }).success).toBe(false);
  },
);
