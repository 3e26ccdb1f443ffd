/**
 * Names of the parts of a write-ahead log, as Postgres gives them: timeline, and number of the 16 MiB segment, in hexadecimal. Pure.
 */
export const segmentBytes = 16 * 1024 * 1024;

export const isSegment = (name: string): boolean => /^[0-9A-F]{24}$/.test(name);
/** A timeline's descent, or the label of a backup: small files beside the segments. */
export const isSmallPart = (name: string): boolean =>
  /^[0-9A-F]{8}\.history$|^[0-9A-F]{24}\.[0-9A-F]{8}\.backup$/.test(name);
/** What a promoted server archives of the segment in which its timeline began. */
export const isHalfPart = (name: string): boolean => /^[0-9A-F]{24}\.partial$/.test(name);

export const timelineOf = (segment: string): number => Number.parseInt(segment.slice(0, 8), 16);
/** Counts through all of a timeline's segments. */
export const numberOf = (segment: string): number =>
  Number.parseInt(segment.slice(8, 16), 16) * 256 + Number.parseInt(segment.slice(16, 24), 16);

const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, "0");
export const segmentNamed = (timeline: number, number: number): string =>
  `${hex(timeline)}${hex(Math.floor(number / 256))}${hex(number % 256)}`;

/** A place in the log, `16/B374D848`, as a number that can be compared. */
export function lsnNumber(lsn: string): bigint {
  const [, high = "", low = ""] = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(lsn) ?? [];
  if (high === "") throw new RangeError(`"${lsn}" is no place in a log`);
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

/** The segment that holds a place. */
export const segmentAt = (timeline: number, lsn: string): string =>
  segmentNamed(timeline, Number(lsnNumber(lsn) / BigInt(segmentBytes)));

/** Numbers that are missing between two, both of them included. */
export function gapsIn(names: Iterable<string>, from: number, to: number): readonly number[] {
  const there = new Set([...names].map(numberOf));
  const missing: number[] = [];
  for (let n = from; n <= to; n++) if (!there.has(n)) missing.push(n);
  return missing;
}
