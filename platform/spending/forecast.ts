import { parseQuantity, quantityText, type UsageInput } from "../pricing/index.ts";

/** What a database does by now; undefined: nobody here knows it, so it goes on as it was. */
export type RunningPhase = "runs" | "kept" | "gone" | undefined;

export type Forecast = {
  /** Of the month, until now. */
  readonly soFar: readonly UsageInput[];
  /** Of the last days, with when the first of each was; it may reach back into the month before. */
  readonly recent: readonly (UsageInput & { readonly windowStart: Date })[];
  readonly phaseOf: (place: { readonly project: string; readonly database: string }) => RunningPhase;
  readonly nowMs: number;
  readonly recentFromMs: number;
  readonly monthEndMs: number;
};

/** Fewer than so many milliseconds of use are no rate: an hour counts as an hour. */
const shortestMs = 3_600_000;

/**
 * A month's usage as it will be if what runs goes on as it did in the last days. Of what is paused or retired only what is stored goes
 * on, and nothing of what is gone. Pure; exact in millionths, rounded down.
 */
export function foreseeUsage({ soFar, recent, phaseOf, nowMs, recentFromMs, monthEndMs }: Forecast): UsageInput[] {
  const leftMs = BigInt(Math.max(0, monthEndMs - nowMs));
  const added = recent.flatMap(({ windowStart, ...usage }): UsageInput[] => {
    if (!goesOn(usage.meter, phaseOf(usage))) return [];
    const sinceMs = Math.max(recentFromMs, windowStart.getTime());
    const spanMs = BigInt(Math.max(shortestMs, nowMs - sinceMs));
    const used = parseQuantity(usage.quantity, `${usage.project}/${usage.database}/${usage.meter}`);
    return [{ ...usage, quantity: quantityText((used * leftMs) / spanMs), records: 0, commits: [] }];
  });
  return [...soFar, ...added];
}

const goesOn = (meter: string, phase: RunningPhase): boolean =>
  phase === "gone" ? false : phase === "kept" ? meter.endsWith("_byte_hours") : true;
