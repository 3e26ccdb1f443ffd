import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  counterHoldsMs,
  difference,
  hourOf,
  levelHoldsMs,
  type Part,
  type ReadingAt,
  spread,
  worthOf,
} from "./spread.ts";

const minute = 60_000;
const hour = 60 * minute;
const start = Date.UTC(2026, 4, 31, 22);
const sum = (parts: readonly { amount: bigint }[]): bigint => parts.reduce((all, { amount }) => all + amount, 0n);
const level = (atMs: number, units: number): ReadingAt => ({
  ...{ atMs, kind: "level", micros: BigInt(units * 1_000_000), epoch: "", commit: "c0ffee" },
});
const counter = (atMs: number, count: number, epoch = "a"): ReadingAt => ({
  ...{ atMs, kind: "counter", micros: BigInt(count * 1_000_000), epoch, commit: "c0ffee" },
});

describe("a delta", () => {
  test("is cut at the full hours and loses nothing, whatever it is divided by", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 24n }),
        fc.integer({ min: 0, max: 3 * hour }),
        fc.integer({ min: 0, max: 24 * hour }),
        (amount, from, length) => {
          const parts = spread(amount, start + from, start + from + length);
          expect(sum(parts)).toBe(amount);
          expect(new Set(parts.map(({ hourMs }) => hourMs)).size).toBe(parts.length);
          for (const part of parts) {
            expect(part.amount >= 0n).toBe(true);
            expect(part.hourMs % hour).toBe(0);
            expect(part.hourMs).toBeGreaterThanOrEqual(hourOf(start + from));
            expect(part.hourMs).toBeLessThanOrEqual(start + from + length);
          }
        },
      ),
    );
  });

  test("of a moment lies in that moment's hour, and one that ends with the hour in the hour before", () => {
    expect(spread(7n, start, start)).toEqual([{ hourMs: start, amount: 7n }]);
    expect(spread(7n, start - minute, start)).toEqual([{ hourMs: start - hour, amount: 7n }]);
    expect(spread(9n, start - minute, start + 2 * minute)).toEqual([
      { hourMs: start - hour, amount: 3n },
      { hourMs: start, amount: 6n },
    ]);
  });
});

describe("levels", () => {
  test("count from one reading to the next", () => {
    const { parts, gaps } = worthOf(
      [level(start, 2), level(start + 10 * minute, 0.5), level(start + 20 * minute, 9)],
      1000n,
    );
    expect(gaps).toEqual([]);
    expect(sum(parts)).toBe(BigInt(2.5 * 10 * minute) * 1_000_000n);
  });

  test("that are too far apart are a gap and count nothing", () => {
    const late = start + levelHoldsMs + 1;
    expect(worthOf([level(start, 2), level(late, 2)], 1000n)).toEqual({
      parts: [],
      gaps: [{ fromMs: start, toMs: late }],
    });
  });
});

describe("counters", () => {
  test("count what they grew by; from nothing where they began anew", () => {
    const at = (i: number) => start + i * minute;
    const worth = (...readings: ReadingAt[]) => sum(worthOf(readings, 1n).parts) / 1_000_000n;
    expect(worth(counter(at(0), 100), counter(at(1), 130))).toBe(30n);
    expect(worth(counter(at(0), 100), counter(at(1), 20))).toBe(20n);
    expect(worth(counter(at(0), 100), counter(at(1), 130, "b"))).toBe(130n);
    expect(worth(counter(at(0), 100))).toBe(0n);
    expect(worthOf([counter(start, 1), counter(start + counterHoldsMs + 1, 5)], 1n).gaps).toHaveLength(1);
  });
});

test("whoever adds readings one at a time, in any order, files what they are worth together", () => {
  const readings = fc.uniqueArray(
    fc.record({ at: fc.integer({ min: 0, max: 200 }), units: fc.integer({ min: 0, max: 40 }), commit: fc.boolean() }),
    { selector: ({ at }) => at, minLength: 1, maxLength: 25 },
  );
  fc.assert(
    fc.property(
      readings,
      fc.constantFrom("level" as const, "counter" as const),
      fc.infiniteStream(fc.nat()),
      (list, kind, order) => {
        const all = list.map(
          ({ at, units, commit }): ReadingAt => ({
            ...{ atMs: start + at * 2 * minute, kind, micros: BigInt(units) * 250_000n, epoch: "" },
            commit: commit ? "c0ffee" : null,
          }),
        );
        const sorted = (some: readonly ReadingAt[]) => some.toSorted((a, b) => a.atMs - b.atMs);
        const shuffled = all.map((one) => ({ one, key: order.next().value })).toSorted((a, b) => a.key - b.key);
        let held: ReadingAt[] = [];
        let filed: Part[] = [];
        for (const { one } of shuffled) {
          const next = [...held, one];
          filed = [...filed, ...difference(worthOf(sorted(next), 1n).parts, worthOf(sorted(held), 1n).parts)];
          held = next;
        }
        expect(difference(filed, worthOf(sorted(all), 1n).parts)).toEqual([]);
      },
    ),
  );
});
