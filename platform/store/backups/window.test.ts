import { expect, test } from "vitest";
import { restorableWindow, whyNotRestorable } from "./window.ts";

const day = (number: number) => new Date(Date.UTC(2026, 0, number));
const line = (from: Date | null, coveredTo: Date | null) => ({ recoverableFrom: from, coveredTo });

test("the window is over all lives of a database, whichever is the newest", () => {
  expect(restorableWindow([])).toBeUndefined();
  expect(restorableWindow([line(null, day(9))])).toBeUndefined();
  expect(restorableWindow([line(day(5), null), line(day(2), day(4))])).toEqual({ from: day(2), to: day(5) });
  expect(restorableWindow([line(null, null), line(day(2), day(4))])).toEqual({ from: day(2), to: day(4) });
});

test("a moment before the window cannot be restored; one inside, in a gap or after it can be tried", () => {
  const window = { from: day(2), to: day(4) };
  expect(whyNotRestorable(day(1), window)).toMatch(/^is before 2026-01-02T00:00:00.000Z.* to 2026-01-04T00:00:00.000Z/);
  expect([2, 3, 4, 5].map((one) => whyNotRestorable(day(one), window))).toEqual(Array(4).fill(undefined));
  expect(whyNotRestorable(day(3), undefined)).toContain("no backup yet");
});
