/** A span cut along the calendar (UTC), so that whole months and days are read from what was added up before. */
export type Cut = {
  /** Whole months: [from, to), empty when from = to. */
  readonly months: Range;
  /** Whole days that are in no whole month, before and after it. */
  readonly days: readonly [Range, Range];
  /** The hours that are left at both ends. */
  readonly hours: readonly [Range, Range];
};
type Range = readonly [fromMs: number, toMs: number];

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** @param fromMs, toMs the first window's start and the first that is left out: [from, to). */
export function cutSpan(fromMs: number, toMs: number): Cut {
  const [from, to] = [fromMs, Math.max(fromMs, toMs)];
  const days = whole(from, to, dayUp(from), dayDown(to));
  const months = whole(days[0], days[1], monthUp(days[0]), monthDown(days[1]));
  return {
    months,
    days: [
      [days[0], months[0]],
      [months[1], days[1]],
    ],
    hours: [
      [from, days[0]],
      [days[1], to],
    ],
  };
}

/** What is whole inside of a span; where nothing is, an empty range at its end: all of it lies before. */
const whole = (from: number, to: number, first: number, last: number): Range =>
  first < last && first >= from ? [first, last] : [to, to];

const dayUp = (ms: number): number => Math.ceil(ms / dayMs) * dayMs;
const dayDown = (ms: number): number => Math.floor(ms / dayMs) * dayMs;

function monthDown(ms: number): number {
  const at = new Date(ms);
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth());
}

function monthUp(ms: number): number {
  const at = new Date(ms);
  const start = monthDown(ms);
  return start === ms ? ms : Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1);
}
