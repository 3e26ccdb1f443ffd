/**
 * When something was used. All pure and exact: what is cut into hours adds up to what was cut.
 *
 * 1. A delta is spread evenly over its time.
 * 2. A level counts between two readings that are no farther apart than it holds: what it was is attested at both ends. Otherwise that
 *    time is a gap and counts nothing.
 * 3. Of a counter the difference of two readings counts, spread evenly between them. One that has gone back, or that has another epoch,
 *    began anew at nothing.
 * 4. What readings are worth depends on the readings alone and not on the order in which they came: whoever adds one files the
 *    difference between what they are worth with it and without it.
 */
import { readingHoldsMs } from "../store/index.ts";

/** How far apart two readings may be. */
export const { level: levelHoldsMs, counter: counterHoldsMs } = readingHoldsMs;

const hourMs = 3_600_000;
export const hourOf = (ms: number): number => Math.floor(ms / hourMs) * hourMs;

export type Part = { readonly hourMs: number; readonly commit: string | null; readonly amount: bigint };

/** An amount that was used in [fromMs, toMs), by UTC hour; all of it at `toMs` when that is a moment. */
export function spread(amount: bigint, fromMs: number, toMs: number): { hourMs: number; amount: bigint }[] {
  if (toMs <= fromMs) return [{ hourMs: hourOf(toMs), amount }];
  const whole = BigInt(toMs - fromMs);
  const parts: { hourMs: number; amount: bigint }[] = [];
  let before = 0n;
  for (let hour = hourOf(fromMs); hour < toMs; hour += hourMs) {
    const upTo = (amount * BigInt(Math.min(hour + hourMs, toMs) - fromMs)) / whole;
    if (upTo !== before) parts.push({ hourMs: hour, amount: upTo - before });
    before = upTo;
  }
  return parts;
}

export type ReadingAt = {
  readonly atMs: number;
  readonly kind: "level" | "counter";
  readonly micros: bigint;
  readonly epoch: string;
  readonly commit: string | null;
};

export type Worth = {
  /** In whole millionths of a grain. */
  readonly parts: readonly Part[];
  readonly gaps: readonly { readonly fromMs: number; readonly toMs: number }[];
};

/** What readings of one series are worth, oldest first. */
export function worthOf(readings: readonly ReadingAt[], grain: bigint): Worth {
  const [parts, gaps]: [Part[], { fromMs: number; toMs: number }[]] = [[], []];
  for (const [i, next] of readings.entries()) {
    const last = readings[i - 1];
    if (last === undefined) continue;
    const holdsMs = last.kind === "level" ? levelHoldsMs : counterHoldsMs;
    if (next.atMs - last.atMs > holdsMs) {
      gaps.push({ fromMs: last.atMs, toMs: next.atMs });
      continue;
    }
    const amount = last.kind === "level" ? last.micros * BigInt(next.atMs - last.atMs) : grain * counted(last, next);
    for (const part of spread(amount, last.atMs, next.atMs)) parts.push({ ...part, commit: last.commit });
  }
  return { parts, gaps };
}

const counted = (last: ReadingAt, next: ReadingAt): bigint =>
  last.epoch !== next.epoch || next.micros < last.micros ? next.micros : next.micros - last.micros;

/** What `after` has more than `before`, or less. */
export function difference(after: readonly Part[], before: readonly Part[]): Part[] {
  const sums = new Map<string, Part>();
  const add = ({ hourMs: hour, commit, amount }: Part, sign: bigint) => {
    const key = `${hour} ${commit ?? ""}`;
    sums.set(key, { hourMs: hour, commit, amount: (sums.get(key)?.amount ?? 0n) + sign * amount });
  };
  for (const part of after) add(part, 1n);
  for (const part of before) add(part, -1n);
  return [...sums.values()].filter(({ amount }) => amount !== 0n);
}
