import { Refusal } from "../refusal.ts";

/** Rows from `offset`, `limit` of them at most. */
export type Range = { readonly offset: number; readonly limit: number | null };

const unsatisfiable = (details: string) => new Refusal(416, "PGRST103", "Requested range not satisfiable", { details });

/** The `Range` header of a read and its `limit` and `offset` together: both hold. */
export function rangeOf(header: string | undefined, limit: string | undefined, offset: string | undefined): Range {
  const fromHeader = headerRange(header);
  const from = offset === undefined ? 0 : Number(offset);
  const asked: Range = { offset: from, limit: limit === undefined ? null : Number(limit) };
  if (fromHeader === undefined) return asked;
  const start = Math.max(fromHeader.offset, asked.offset);
  const end = Math.min(endOf(fromHeader), endOf(asked));
  return { offset: start, limit: end === Number.POSITIVE_INFINITY ? null : Math.max(0, end - start) };
}

const endOf = ({ offset, limit }: Range) => (limit === null ? Number.POSITIVE_INFINITY : offset + limit);

function headerRange(header: string | undefined): Range | undefined {
  const [, first, last] = /^(?:items=)?(\d{1,15})-(\d{1,15})?$/.exec(header?.trim() ?? "") ?? [];
  if (first === undefined) return undefined;
  const offset = Number(first);
  if (last === undefined) return { offset, limit: null };
  if (Number(last) < offset)
    throw unsatisfiable("The lower boundary must be lower than or equal to the upper boundary in the Range header.");
  return { offset, limit: Number(last) - offset + 1 };
}

export const offsetTooLarge = (offset: number, total: number) =>
  unsatisfiable(`An offset of ${offset} was requested, but there are only ${total} rows.`);
