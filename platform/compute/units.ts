/**
 * How many compute units a server has. It moves between `min` and `max` only where the machine holds it to them; elsewhere it may
 * use what there is, so it counts as `max` (docs/decisions/0004, 0019). The journal says what it had: it is what is billed.
 */
import { createHash } from "node:crypto";
import type { Groups } from "./cgroups.ts";
import { lastTransitions } from "./journal.ts";
import type { Manifest } from "./manifest.ts";
import type { Place } from "./paths.ts";
import { unitStep } from "./unit-limits.ts";

export type UnitRange = { readonly minUnits: number; readonly maxUnits: number };

/** `minUnits` is absent where it is the same, and where a release made it that knew only one. */
export const rangeOf = ({ units, minUnits = units }: Pick<Manifest, "units" | "minUnits">): UnitRange => ({
  minUnits: Math.min(minUnits, units),
  maxUnits: units,
});

export const clampUnits = (units: number, { minUnits, maxUnits }: UnitRange): number =>
  Math.min(maxUnits, Math.max(minUnits, Math.round(units / unitStep) * unitStep));

type Machine = { readonly groups: Pick<Groups, "enforces">; readonly now: () => number };

/** Somebody who comes back so soon finds it as large as he left it. */
const rememberedMs = 5 * 60_000;

/** What a server begins with. */
export async function unitsAtStart({ groups, now }: Machine, place: Place, manifest: Manifest): Promise<number> {
  const range = rangeOf(manifest);
  if (!groups.enforces.cpu) return range.maxUnits;
  const last = await lastTransitions(place);
  const ran = last.findLast(({ state }) => state === "awake" || state === "frozen");
  const ended = last.at(-1);
  const isFresh = ended !== undefined && now() - Date.parse(ended.at) < rememberedMs;
  return ran !== undefined && isFresh ? clampUnits(ran.units, range) : range.minUnits;
}

/** What one that runs has. */
export async function unitsHeld(machine: Machine, place: Place, manifest: Manifest): Promise<number> {
  const range = rangeOf(manifest);
  if (!machine.groups.enforces.cpu) return range.maxUnits;
  const last = (await lastTransitions(place)).at(-1);
  const runs = last?.state === "awake" || last?.state === "frozen";
  return runs ? clampUnits(last.units, range) : unitsAtStart(machine, place, manifest);
}

/** Names an instance's control group on the machine, whose data folders all share it. */
export const groupOf = ({ folder }: Pick<Place, "folder">): string =>
  createHash("sha256").update(folder).digest("hex").slice(0, 16);
