import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Bounds, decide, type Sample, type Standing, standingAt } from "./decide.ts";

const bounds: Bounds = { minUnits: 0.25, maxUnits: 4 };
const quiet: Sample = {
  ...{ atMs: 0, cpuUnits: 0, throttledShare: 0 },
  ...{ runnable: null, memoryBytes: null, clients: null, longRunning: null },
};
const gib = 1024 ** 3;

/** The size and the reason after one look at one that has so many units. */
const once = (units: number, sample: Partial<Sample>, within = bounds) => {
  const { next, reason } = decide(standingAt(units), { ...quiet, ...sample }, within);
  return [next.units, reason];
};

describe("up, at once", () => {
  test.each([
    ["it uses what it has", 1, { cpuUnits: 0.9 }, 1.5, "cpu"],
    ["it is held up, however little it seems to use", 1, { cpuUnits: 0.4, throttledShare: 0.2 }, 1.5, "cpu"],
    ["so many processes wait for a CPU", 0.25, { cpuUnits: 0.25, throttledShare: 1, runnable: 3 }, 3, "cpu"],
    ["more wait than it may have", 0.25, { cpuUnits: 0.25, throttledShare: 1, runnable: 30 }, 4, "cpu"],
    ["its memory is that of a larger one", 0.25, { memoryBytes: 1.5 * gib }, 1, "memory"],
    ["it has the clients of a larger one", 0.25, { clients: 180 }, 2, "connections"],
    ["two statements have run for long", 0.25, { longRunning: 2 }, 2, "queries"],
    ["its declaration wants more", 0.25, {}, 1, "bounds", { minUnits: 1, maxUnits: 4 }],
  ] as [string, number, Partial<Sample>, number, string, Bounds?][])(
    "because %s",
    (_, units, sample, to, reason, within: Bounds = bounds) => {
      expect(once(units, sample, within)).toEqual([to, reason]);
    },
  );

  test.each([
    ["it uses three quarters", 1, { cpuUnits: 0.75, runnable: 9 }],
    ["it has the most that it may have", 4, { cpuUnits: 4, throttledShare: 1, runnable: 40 }],
    ["nothing happens", 0.25, {}],
  ] as const)("but not because %s", (_, units, sample) => {
    expect(once(units, sample)).toEqual([units, null]);
  });
});

/** One look a second. */
function live(units: number, seconds: number, at: (second: number) => Partial<Sample>, within = bounds) {
  let standing: Standing = standingAt(units);
  const sizes: number[] = [];
  for (let second = 0; second < seconds; second++) {
    standing = decide(standing, { ...quiet, ...at(second), atMs: second * 1000 }, within).next;
    sizes.push(standing.units);
  }
  return sizes;
}

describe("down, after a quiet minute", () => {
  test("to what its busiest second of that minute needed, at once", () => {
    const sizes = live(4, 70, (second) => ({ cpuUnits: second === 20 ? 0.5 : 0.05 }));
    expect(sizes.slice(0, 60)).toEqual(Array(60).fill(4));
    expect(sizes[60]).toBe(0.75);
  });

  test("not while it uses more than half of the next smaller size", () => {
    expect(new Set(live(2, 300, () => ({ cpuUnits: 0.9 })))).toEqual(new Set([2]));
  });

  test("one busy second begins the minute anew", () => {
    const sizes = live(2, 100, (second) => ({ cpuUnits: second === 50 ? 1.2 : 0 }));
    expect(new Set(sizes)).toEqual(new Set([2]));
    expect(live(2, 120, (second) => ({ cpuUnits: second === 50 ? 1.2 : 0 })).at(-1)).toBe(0.25);
  });

  test("never below what memory, clients and long statements need, nor below its min", () => {
    expect(live(4, 70, () => ({ memoryBytes: 1.5 * gib })).at(-1)).toBe(1);
    expect(live(4, 70, () => ({ clients: 180 })).at(-1)).toBe(2);
    expect(live(4, 70, (second) => ({ longRunning: second === 0 ? 2 : null })).at(-1)).toBe(2);
    expect(live(4, 70, () => ({}), { minUnits: 0.5, maxUnits: 4 }).at(-1)).toBe(0.5);
  });
});

const samples = fc.array(
  fc.record({
    cpuUnits: fc.double({ min: 0, max: 8, noNaN: true }),
    throttledShare: fc.double({ min: 0, max: 1, noNaN: true }),
    runnable: fc.option(fc.nat(50)),
    memoryBytes: fc.option(fc.nat(20 * gib)),
    clients: fc.option(fc.nat(1000)),
    longRunning: fc.option(fc.nat(20)),
  }),
  { maxLength: 200 },
);

test("whatever happens it stays within its bounds, in quarters, and shrinks only after a quiet minute", () => {
  fc.assert(
    fc.property(samples, fc.constantFrom(0.25, 0.5, 1), fc.constantFrom(1, 2.5, 8), (list, minUnits, maxUnits) => {
      let standing = standingAt(minUnits);
      let lastChange = 0;
      list.forEach((sample, second) => {
        const { next, reason } = decide(standing, { ...sample, atMs: second * 1000 }, { minUnits, maxUnits });
        expect(next.units).toBeGreaterThanOrEqual(minUnits);
        expect(next.units).toBeLessThanOrEqual(maxUnits);
        expect((next.units * 4) % 1).toBe(0);
        expect(reason === null).toBe(next.units === standing.units);
        if (next.units < standing.units) expect(second - lastChange).toBeGreaterThanOrEqual(60);
        if (next.units !== standing.units) lastChange = second;
        standing = next;
      });
    }),
  );
});
