import type { MonthSpan } from "./month.ts";
import { safe } from "./rate.ts";

/** A time in which a tenant was on one plan; null: on none, because it was not there. */
export type PlanStretch = { readonly plan: string | null; readonly fromMs: number; readonly toMs: number };

/** A stretch by its days of the month. */
export type PlanDays = {
  readonly plan: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly days: number;
  readonly ofDays: number;
};

const dayMs = 86_400_000;

/**
 * Plans by days (UTC): a day belongs to the plan that is in force at its end, so that no day is billed twice or to nobody.
 * Stretches of the same plan that follow each other are one.
 */
export function planDays(
  stretches: readonly PlanStretch[],
  { fromMs, toMs }: Pick<MonthSpan, "fromMs" | "toMs">,
): PlanDays[] {
  const ofDays = (toMs - fromMs) / dayMs;
  const joined: PlanDays[] = [];
  for (const one of [...stretches].sort((a, b) => a.fromMs - b.fromMs)) {
    const begins = dayOf(Math.max(one.fromMs, fromMs));
    const ends = one.toMs >= toMs ? toMs : dayOf(one.toMs);
    const days = (ends - begins) / dayMs;
    if (one.plan === null || days <= 0) continue;
    const last = joined.at(-1);
    if (last?.plan === one.plan && last.toMs === begins)
      joined[joined.length - 1] = { ...last, toMs: ends, days: last.days + days };
    else joined.push({ plan: one.plan, fromMs: begins, toMs: ends, days, ofDays });
  }
  return joined;
}

/** `micros * days / ofDays`, rounded once, half to even. */
export function prorate(micros: number, { days, ofDays }: Pick<PlanDays, "days" | "ofDays">): number {
  return divideToEven(BigInt(micros) * BigInt(days), BigInt(ofDays));
}

/**
 * Whole micro-units, half to even; the sign is kept. `times`: how many micro-units one of the result is.
 * @throws NEB501 for more than can be billed exactly.
 */
export function divideToEven(numerator: bigint, denominator: bigint, times = 1): number {
  const sign = numerator < 0n ? -1n : 1n;
  const size = numerator * sign;
  const whole = size / denominator;
  const twice = (size % denominator) * 2n;
  const up = twice > denominator || (twice === denominator && whole % 2n === 1n);
  return safe(sign * (up ? whole + 1n : whole) * BigInt(times));
}

const dayOf = (ms: number): number => Math.floor(ms / dayMs) * dayMs;
