import fc from "fast-check";
import { expect, test } from "vitest";
import { parseCsv } from "./csv.ts";

const field = (text: string) => `"${text.replaceAll('"', '""')}"`;

test("quoted fields come out as they went in", () => {
  const rows = fc.array(fc.array(fc.string(), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(rows, fc.constantFrom("\n", "\r\n"), (lines, end) => {
      const text = lines.map((line) => line.map(field).join(",")).join(end);
      expect(parseCsv(text)).toEqual(lines);
      expect(parseCsv(text + end)).toEqual(lines);
    }),
  );
});

test("plain fields, empty fields, an open quote", () => {
  expect(parseCsv("a,b,\n,x,")).toEqual([
    ["a", "b", ""],
    ["", "x", ""],
  ]);
  expect(parseCsv('a,"b')).toBeUndefined();
  expect(parseCsv('"a"b')).toBeUndefined();
});
