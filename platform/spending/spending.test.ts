import { describe, expect, test } from "vitest";
import type { BudgetSpec } from "../spec/index.ts";
import { findAnomaly } from "./anomaly.ts";
import { type Forecast, foreseeUsage } from "./forecast.ts";
import { judgeBudget } from "./judge.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const budget: BudgetSpec = { project: null, monthlyMicros: 100_000_000, alerts: [50, 80], atCap: "tell" };
const judged = (spentMicros: number, forecastMicros: number | null = null, more: Partial<BudgetSpec> = {}) =>
  judgeBudget({ ...budget, ...more }, { spentMicros, forecastMicros });

describe("a budget", () => {
  test.each([
    [49_999_999, [], "ok"],
    [50_000_000, [50], "watch"],
    [80_000_000, [50, 80], "watch"],
    [99_999_999, [50, 80], "watch"],
    [100_000_000, [50, 80], "over"],
    [250_000_000, [50, 80], "over"],
  ])("of 100 with %i spent has reached %j and is %s", (spent, reached, state) => {
    expect(judged(spent)).toMatchObject({ reached, state });
  });

  test("that suspends has its end as a step, whatever alerts it names", () => {
    expect(judged(100_000_000, null, { atCap: "suspend" }).reached).toEqual([50, 80, 100]);
    expect(judged(99_999_999, null, { atCap: "suspend" }).reached).toEqual([50, 80]);
  });

  test("is foreseen to be used up until it is", () => {
    expect(judged(10_000_000, 100_000_000)).toMatchObject({ foreseen: true, state: "watch" });
    expect(judged(10_000_000, 99_999_999)).toMatchObject({ foreseen: false, state: "ok" });
    expect(judged(100_000_000, 300_000_000)).toMatchObject({ foreseen: false, state: "over" });
    expect(judged(10_000_000, null)).toMatchObject({ foreseen: false });
  });
});

describe("a forecast", () => {
  const place = { tenant: "shop", project: "store", database: "orders" };
  const monthEndMs = 30 * dayMs;
  const nowMs = 10 * dayMs;
  const foresee = (more: Partial<Forecast>) =>
    foreseeUsage({
      ...{ soFar: [], recent: [], phaseOf: () => "runs", nowMs, recentFromMs: 3 * dayMs, monthEndMs },
      ...more,
    }).map(({ meter, quantity }) => `${meter} ${quantity}`);
  const recent = (meter: string, quantity: string, fromMs = 3 * dayMs) => ({
    ...{ ...place, meter, quantity, windowStart: new Date(fromMs) },
  });

  test("goes on for the rest of the month as the last days went", () => {
    const soFar = [{ ...place, meter: "compute_unit_seconds", quantity: "900" }];
    expect(foresee({ soFar, recent: [recent("compute_unit_seconds", "700")] })).toEqual([
      "compute_unit_seconds 900",
      "compute_unit_seconds 2000",
    ]);
  });

  test("takes what is new by the time since it came, and an hour at the least", () => {
    expect(foresee({ recent: [recent("egress_bytes", "10", nowMs - dayMs)] })).toEqual(["egress_bytes 200"]);
    expect(foresee({ recent: [recent("egress_bytes", "1", nowMs - 60_000)] })).toEqual(["egress_bytes 480"]);
  });

  test("leaves out what is gone, and all but what is stored of what is paused", () => {
    const both = [recent("compute_unit_seconds", "7"), recent("storage_byte_hours", "7")];
    expect(foresee({ recent: both, phaseOf: () => "gone" })).toEqual([]);
    expect(foresee({ recent: both, phaseOf: () => "kept" })).toEqual(["storage_byte_hours 20"]);
    expect(foresee({ recent: both, phaseOf: () => undefined })).toHaveLength(2);
  });

  test("adds nothing at the month's end", () => {
    expect(foresee({ recent: [recent("egress_bytes", "7")], nowMs: monthEndMs })).toEqual(["egress_bytes 0"]);
  });
});

describe("an unusual day", () => {
  const days = (...units: readonly number[]) =>
    units.map((unit, index) => ({ day: `d${index}`, micros: unit * 1_000_000 }));
  const week = [10, 11, 9, 10, 12, 10, 9];

  test("costs far more than the days before", () => {
    expect(findAnomaly(days(...week, 40))).toEqual({ usualMicros: 10_000_000 });
    expect(findAnomaly(days(...week, 14))).toBeNull();
    expect(findAnomaly(days(...week, 0))).toBeNull();
  });

  test("is found beside an earlier one, which moves nothing", () => {
    expect(findAnomaly(days(...week, 500, 40))).toEqual({ usualMicros: 10_000_000 });
  });

  test("is none among too few days, nor by pennies where everything costs pennies", () => {
    expect(findAnomaly(days(1, 1, 1, 1, 1, 1, 90))).toBeNull();
    expect(findAnomaly(days(0, 0, 0, 0, 0, 0, 0, 0.9))).toBeNull();
    expect(findAnomaly(days(0, 0, 0, 0, 0, 0, 0, 1.1))).toEqual({ usualMicros: 0 });
  });

  test("is one where every day costs the same and one costs half as much again", () => {
    expect(findAnomaly(days(...Array(10).fill(100), 151))).toEqual({ usualMicros: 100_000_000 });
    expect(findAnomaly(days(...Array(10).fill(100), 149))).toBeNull();
  });
});
