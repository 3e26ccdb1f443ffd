import { quoteIdent, type Sql } from "../sql/index.ts";

export type Table = { readonly schema: string; readonly name: string };

/** Tables with rows of their own that belong to the database's users: no system's, no extension's, no partitioned parents. */
export const listTables = (sql: Sql): Promise<readonly Table[]> =>
  sql.query<Table>(
    `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
       and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
     order by 1, 2`,
  );

/** Rows of each table, by `schema.name`. */
export async function countRows(sql: Sql, tables: readonly Table[]): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const { schema, name } of tables) {
    const { rows } = await sql.one<{ rows: number }>(
      `select count(*)::int8 as rows from only ${quoteIdent(schema)}.${quoteIdent(name)}`,
    );
    counts.set(`${schema}.${name}`, rows);
  }
  return counts;
}

export const listExtensions = async (sql: Sql): Promise<readonly string[]> => {
  const rows = await sql.query<{ name: string }>(
    "select extname as name from pg_extension where extname <> 'plpgsql' order by 1",
  );
  return rows.map(({ name }) => name);
};

/** What differs, in words: `public.orders has 9 of 10 rows`. Pure. */
export function differingCounts(
  source: ReadonlyMap<string, number>,
  target: ReadonlyMap<string, number>,
): readonly string[] {
  return [...source]
    .filter(([table, rows]) => target.get(table) !== rows)
    .map(([table, rows]) =>
      target.has(table)
        ? `${table} has ${target.get(table)} of ${rows} rows`
        : `${table} is missing, with ${rows} rows`,
    );
}
