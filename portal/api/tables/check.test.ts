import { expect, test } from "vitest";
import { recordProblems } from "./check.ts";

const table = {
  properties: {
    id: { type: "integer", format: "bigint" },
    name: { type: "string", format: "text", maxLength: 3 },
    mood: { type: ["string", "null"], enum: ["good", "bad", null] },
    price: { type: ["number", "null"], format: "numeric" },
    tags: { type: "array" },
    extra: {},
  },
  required: ["id", "name"],
};

test("what fits has no problem, large numbers as text too", () => {
  const record = { id: "9007199254740993", name: "äöü", mood: null, price: "1.5", tags: [], extra: { any: 1 } };
  expect(recordProblems(table, record, { isWhole: true })).toEqual([]);
});

test("every field that does not fit is named, in one answer", () => {
  const record = { name: "long", mood: "fine", price: true, nope: 1, tags: null };
  expect(recordProblems(table, record, { isWhole: true, at: "1." })).toEqual([
    { path: "1.id", message: "is required" },
    { path: "1.name", message: "has more than 3 characters" },
    { path: "1.mood", message: "must be one of good, bad" },
    { path: "1.price", message: "must be number or null (numeric)" },
    { path: "1.nope", message: "is not a column of the table" },
    { path: "1.tags", message: "may not be null" },
  ]);
});

test("a change names what it changes, and nothing else is demanded", () => {
  expect(recordProblems(table, { price: null }, { isWhole: false })).toEqual([]);
  expect(recordProblems(table, { id: 1.5 }, { isWhole: false })).toEqual([
    { path: "id", message: "must be integer (bigint)" },
  ]);
});

test("what every object has is no column", () => {
  expect(recordProblems(table, { constructor: 1 }, { isWhole: false })).toEqual([
    { path: "constructor", message: "is not a column of the table" },
  ]);
});
