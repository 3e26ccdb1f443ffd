import { badMonth } from "./errors.ts";

/** A billing month: `from` its first millisecond, `to` the first of the next one, in UTC. */
export type MonthSpan = { readonly month: string; readonly fromMs: number; readonly toMs: number };

/** @throws NEB502 for anything but YYYY-MM. */
export function monthSpan(month: string): MonthSpan {
  const [, year, number] = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(month) ?? [];
  if (year === undefined || Number(year) < 1970) throw badMonth(`${JSON.stringify(month.slice(0, 20))} is not a month`);
  return { month, fromMs: Date.UTC(Number(year), Number(number) - 1), toMs: Date.UTC(Number(year), Number(number)) };
}

/** The month that a moment lies in, as YYYY-MM. */
export const monthOf = (ms: number): string => new Date(ms).toISOString().slice(0, 7);
