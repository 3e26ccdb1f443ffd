import { z } from "zod";
import { badCursor } from "./errors.ts";

/** Query of every list. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(200).default(50).describe("Items a page."),
  cursor: z.string().max(500).optional().describe("`nextCursor` of the page before."),
};

export const pageOf = <S extends z.ZodType>(item: S) =>
  z.strictObject({ items: z.array(item), nextCursor: z.string().nullable().describe("null on the last page.") });

/**
 * Opaque: what it holds is ours to change. `kind` keeps a cursor of one list from being used in another.
 */
export const toCursor = (kind: string, position: unknown): string =>
  Buffer.from(JSON.stringify([kind, position])).toString("base64url");

/** @throws NEB610 when the cursor is none of ours, or another list's. */
export function fromCursor<S extends z.ZodType>(
  kind: string,
  cursor: string | undefined,
  schema: S,
): z.output<S> | null {
  if (cursor === undefined) return null;
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    return z.tuple([z.literal(kind), schema]).parse(value)[1] as z.output<S>;
  } catch (cause) {
    throw badCursor("query.cursor: is not a cursor of this list", { cause });
  }
}

/**
 * A page from one row more than asked for: the extra row only tells that there is a next page.
 * @param positionOf what the next page begins after.
 */
export function toPage<Row, Item>(
  kind: string,
  rows: readonly Row[],
  limit: number,
  positionOf: (row: Row) => unknown,
  toWire: (row: Row) => Item,
): { items: Item[]; nextCursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(toWire),
    nextCursor: rows.length > limit && last !== undefined ? toCursor(kind, positionOf(last)) : null,
  };
}
