import { databaseMetrics, isCounter, type MetricKey, metricKeys, type Values } from "./catalogue.ts";

export const databaseStates = ["awake", "frozen", "asleep", "stopped", "paused", "damaged"] as const;
export type DatabaseState = (typeof databaseStates)[number];

/** One look at one database. */
export type Sample = {
  readonly state: DatabaseState;
  /** When the figures were read, in ms since the epoch; null: never yet. A sleeper keeps those of before it slept. */
  readonly atMs: number | null;
  /** When the server that counted was started: counters of two servers are not compared. */
  readonly startedAtMs: number | null;
  readonly values: Values;
  /** By how much each counter grew a second, between the look before and this one. */
  readonly rates: Values;
};

/** Closer together than this, two looks say more about their own timing than about the server: the first one is enough. */
export const leastApartMs = 1_000;

/**
 * What grew a second between two looks at the same server. A counter that fell (statistics were reset) has no rate this time; looks that
 * are too close together, or of another server, keep none. Pure.
 */
export function ratesBetween(before: Sample | undefined, after: Omit<Sample, "rates">): Values {
  if (before?.atMs == null || after.atMs === null || before.startedAtMs !== after.startedAtMs) return {};
  const ms = after.atMs - before.atMs;
  if (ms < leastApartMs) return before.rates;
  const rates: Partial<Record<MetricKey, number>> = {};
  for (const key of metricKeys) {
    const [from, to] = [before.values[key], after.values[key]];
    if (!isCounter(key) || from === undefined || to === undefined || to < from) continue;
    rates[key] = ((to - from) * 1000) / ms;
  }
  return rates;
}

/** Stopped means: should run and does not. Pure. */
export const isUp = (state: DatabaseState): boolean => state !== "stopped" && state !== "damaged";

/** What is read from a row or the wire may have been written by another version: unknown figures are left out. */
export function valuesFrom(found: unknown): Values {
  if (typeof found !== "object" || found === null) return {};
  const known = Object.entries(found).filter(
    ([key, value]) => key in databaseMetrics && typeof value === "number" && Number.isFinite(value),
  );
  return Object.fromEntries(known) as Values;
}
