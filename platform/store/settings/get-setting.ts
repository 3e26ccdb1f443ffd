import type { Sql } from "../../sql/index.ts";

/** A setting of the installation; the caller parses it, for it was written by another version perhaps. */
export async function getSetting(sql: Sql, key: string): Promise<unknown> {
  const row = await sql.maybe<{ value: unknown }>("select value from settings where key = $1", [key]);
  return row?.value;
}
