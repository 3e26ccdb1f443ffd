import type { CpuUse, Load } from "../../platform/compute/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { type Sample, type Standing, standingAt } from "./decide.ts";

/** What the scaler knows of one database. Times are of the monotonic clock. */
export type Slot = {
  readonly id: DatabaseId;
  standing: Standing;
  /** As it was looked at last; undefined before that. */
  load: Load | undefined;
  last: (CpuUse & { readonly atMs: number }) | undefined;
  cpuUnits: number;
  lookedMs: number;
  askedMs: number;
};

export const makeSlot = (id: DatabaseId): Slot => ({
  ...{ id, standing: standingAt(0), load: undefined, last: undefined, cpuUnits: 0 },
  ...{ lookedMs: 0, askedMs: Number.NEGATIVE_INFINITY },
});

type Rate = Pick<Sample, "cpuUnits" | "throttledShare">;

/** What was used since the last look. Counters that went back are of another group: they count from the next look. */
export function rateOf({ last }: Slot, use: CpuUse, nowMs: number): Rate {
  const passedMs = last === undefined ? 0 : nowMs - last.atMs;
  if (last === undefined || passedMs <= 0 || use.cpuMs < last.cpuMs) return { cpuUnits: 0, throttledShare: 0 };
  const periods = use.periods - last.periods;
  return {
    cpuUnits: (use.cpuMs - last.cpuMs) / passedMs,
    throttledShare: periods > 0 ? (use.throttled - last.throttled) / periods : 0,
  };
}

/** Worth a close look: it uses a good part of what it has, or has more than it must. */
export const isBusy = ({ standing, load }: Slot, { cpuUnits, throttledShare }: Rate): boolean =>
  cpuUnits >= standing.units / 2 || throttledShare > 0 || standing.units > (load?.minUnits ?? 0);
