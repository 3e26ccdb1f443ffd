import { wrongUnit } from "./errors.ts";

const durations = { d: 86_400, h: 3_600, m: 60, s: 1 } as const;
const sizes = { Ti: 2 ** 40, Gi: 2 ** 30, Mi: 2 ** 20 } as const;

const exact = /^(\d{1,12}(?:\.\d{1,3})?)([A-Za-z]{1,2})$/;

function scaled(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, amount, unit] = exact.exec(text) ?? [];
  const factor = unit === undefined ? undefined : units[unit];
  if (amount === undefined || factor === undefined) return undefined;
  const value = Number(amount) * factor;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** "30s", "5m", "12h", "30d" in seconds; "never" is 0. undefined when it is no duration. */
export const durationSeconds = (text: string): number | undefined => (text === "never" ? 0 : scaled(text, durations));

/** "512Mi", "10Gi", "1.5Ti" in bytes. undefined when it is no size. */
export const sizeBytes = (text: string): number | undefined => scaled(text, sizes);

/** @throws NEB112 */
export function parseDurationSeconds(text: string): number {
  const value = durationSeconds(text);
  if (value === undefined) throw wrongUnit(`"${text}" is not a duration`);
  return value;
}

/** @throws NEB112 */
export function parseSizeBytes(text: string): number {
  const value = sizeBytes(text);
  if (value === undefined) throw wrongUnit(`"${text}" is not a size`);
  return value;
}

function inLargest(value: number, units: Readonly<Record<string, number>>): string | undefined {
  const unit = Object.entries(units).find(([, factor]) => value % factor === 0);
  return unit === undefined ? undefined : `${value / unit[1]}${unit[0]}`;
}

/** The shortest exact form: 300 is "5m", 0 is "never". */
export const formatDurationSeconds = (seconds: number): string =>
  seconds === 0 ? "never" : (inLargest(seconds, durations) ?? `${seconds}s`);

/** The shortest exact form: 10737418240 is "10Gi". Bytes below a Mi are rounded up to it. */
export const formatSizeBytes = (bytes: number): string =>
  bytes === 0 ? "0Gi" : (inLargest(bytes, sizes) ?? `${Math.ceil(bytes / sizes.Mi)}Mi`);

/** A decimal amount of money ("0.12" or 0.12) in micro-units, exactly; undefined when it has more than six decimals. */
export function amountMicros(amount: string | number): number | undefined {
  const [, whole, fraction = ""] = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(String(amount)) ?? [];
  return whole === undefined ? undefined : Number(whole) * 1_000_000 + Number(fraction.padEnd(6, "0"));
}

/** "7.7" is 77,000 millionths of what is taxed; undefined for what is no percentage, or has more than four places. */
export function percentMillionths(percent: string | number): number | undefined {
  const given = amountMicros(percent);
  return given === undefined || given > 100_000_000 || given % 100 !== 0 ? undefined : given / 100;
}
