/** RFC 3339 without fractions, as GitHub writes it. */
export const timestamp = (at: Date | number): string => new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
export const timestampOrNull = (at: Date | null): string | null => (at === null ? null : timestamp(at));

export const nodeId = (kind: string, id: number | string): string =>
  Buffer.from(`0${kind.length}:${kind}${id}`).toString("base64");
