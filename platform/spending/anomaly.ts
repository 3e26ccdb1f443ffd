/** What a day cost, oldest first; the last one is the one that is judged. */
export type DayCost = { readonly day: string; readonly micros: number };

/** Fewer days before it say nothing of what is usual. */
const fewestDays = 7;
/** How far above the usual, in the scatter of the days before; and at least in parts of the usual and in money. */
const [scatters, atLeastTimes, atLeastMicros] = [6, 1.5, 1_000_000];

/**
 * Whether the last day cost far more than the days before it: above the median by six times their scatter (the median deviation, which
 * one earlier spike does not move), half as much again, and by a whole unit of the currency. Rises only. Pure.
 */
export function findAnomaly(days: readonly DayCost[]): { readonly usualMicros: number } | null {
  const last = days.at(-1);
  const before = days.slice(0, -1).map(({ micros }) => micros);
  if (last === undefined || before.length < fewestDays) return null;
  const usual = median(before);
  const scatter = 1.4826 * median(before.map((micros) => Math.abs(micros - usual)));
  const limit = Math.max(usual + scatters * scatter, usual * atLeastTimes, usual + atLeastMicros);
  return last.micros > limit ? { usualMicros: Math.round(usual) } : null;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = 0, high = 0] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return (low + high) / 2;
}
