import { type Observe, reportFault, type Vault } from "../core/index.ts";
import type { Sql } from "../sql/index.ts";
import type { SealedColumn } from "./sealed-columns.ts";

export type Resealed = { readonly resealed: number; readonly failed: number };

type Row = { readonly at: string; readonly sealed: string; readonly context: string };

const rowsAtOnce = 200;

/**
 * Seals anew what is not sealed under the current key, while everybody goes on working: a row is exchanged only if it still
 * holds what was read, so whoever wrote meanwhile wins, and two who do this at once do no harm.
 */
export async function reseal(
  sql: Sql,
  vault: Pick<Vault, "seal" | "open">,
  currentKey: string,
  columns: readonly SealedColumn[],
  observe: Observe,
): Promise<Resealed> {
  let [resealed, failed] = [0, 0];
  for (const column of columns) {
    let last = "(0,0)";
    for (;;) {
      const rows = await readRows(sql, column, currentKey, last);
      for (const row of rows) {
        try {
          const sealed = vault.seal(vault.open(row.sealed, row.context), row.context);
          if (await exchange(sql, column, row, sealed)) resealed++;
        } catch (thrown) {
          failed++;
          reportFault(observe, `keys.reseal ${column.table}`, thrown);
        }
      }
      if (rows.length < rowsAtOnce) break;
      last = rows.at(-1)?.at ?? last;
    }
  }
  return { resealed, failed };
}

const readRows = (sql: Sql, { table, column, context, where }: SealedColumn, current: string, after: string) =>
  sql.query<Row>(
    `select ctid::text as at, ${column} as sealed, ${context} as context from ${table}
     where ${column} <> '' and not starts_with(${column}, 'v2:' || $1 || ':') and ctid > $2::tid ${where ? `and ${where}` : ""}
     order by ctid limit ${rowsAtOnce}`,
    [current, after],
  );

async function exchange(sql: Sql, { table, column, put }: SealedColumn, row: Row, sealed: string): Promise<boolean> {
  const rows = await sql.query(
    `update ${table} set ${put ?? `${column} = $1`} where ctid = $2::tid and ${column} = $3 returning 1 as done`,
    [sealed, row.at, row.sealed],
  );
  return rows.length > 0;
}

/** The keys that something is still sealed under; the first release's key has no name. */
export async function keysInUse(sql: Sql, columns: readonly SealedColumn[]): Promise<ReadonlySet<string>> {
  const used = new Set<string>();
  for (const { table, column, where } of columns)
    for (const { id } of await sql.query<{ id: string }>(
      `select distinct split_part(${column}, ':', 2) as id from ${table}
       where starts_with(${column}, 'v2:') ${where ? `and ${where}` : ""}`,
    ))
      used.add(id);
  return used;
}
