import { expect, test } from "vitest";
import { finalMonths } from "./months.ts";

const hour = 3_600_000;
const day = 24 * hour;

test("a month is closed when the last of its hours is final, and not a moment before", () => {
  const finalMs = Date.UTC(2026, 5) + 3 * day + hour;
  expect(finalMonths("2026-05", finalMs - 1)).toEqual([]);
  expect(finalMonths("2026-05", finalMs)).toEqual(["2026-05"]);
});

test("months follow each other over the end of a year, none twice and none left out", () => {
  expect(finalMonths("2025-11", Date.UTC(2026, 2, 20))).toEqual(["2025-11", "2025-12", "2026-01", "2026-02"]);
  expect(finalMonths("2026-03", Date.UTC(2025, 0))).toEqual([]);
});
