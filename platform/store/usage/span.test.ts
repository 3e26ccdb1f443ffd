import fc from "fast-check";
import { expect, test } from "vitest";
import { cutSpan } from "./span.ts";

const hour = 3_600_000;

test("a span is cut into months, days and hours without overlap or hole", () => {
  fc.assert(
    fc.property(fc.nat(24 * 400), fc.nat(24 * 120), (after, length) => {
      const from = Date.UTC(2026, 0) + after * hour;
      const to = from + length * hour;
      const { months, days, hours } = cutSpan(from, to);
      const ranges = [hours[0], days[0], months, days[1], hours[1]].filter(([a, b]) => a < b);
      for (const [i, [begin, end]] of ranges.entries()) {
        expect(begin).toBe(i === 0 ? from : ranges[i - 1]?.[1]);
        if (i === ranges.length - 1) expect(end).toBe(to);
      }
      if (ranges.length === 0) expect(from).toBe(to);
      for (const [begin, end] of days)
        expect([begin % (24 * hour), end % (24 * hour)]).toEqual(
          begin < end ? [0, 0] : [begin % (24 * hour), end % (24 * hour)],
        );
      if (months[0] < months[1])
        for (const edge of months) expect(new Date(edge).toISOString()).toMatch(/-01T00:00:00.000Z$/);
      for (const [begin, end] of hours) expect(end - begin).toBeLessThan(48 * hour);
    }),
    { numRuns: 2000 },
  );
});

test("a month is a month, and a day inside of one is a day", () => {
  const [may, june] = [Date.UTC(2026, 4), Date.UTC(2026, 5)];
  expect(cutSpan(may, june).months).toEqual([may, june]);
  expect(cutSpan(may - 24 * hour, june + hour)).toMatchObject({
    months: [may, june],
    days: [
      [may - 24 * hour, may],
      [june, june],
    ],
    hours: [
      [may - 24 * hour, may - 24 * hour],
      [june, june + hour],
    ],
  });
});
