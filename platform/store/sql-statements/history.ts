import type { Sql } from "../../sql/index.ts";

type Where = { readonly tenant: string; readonly project: string; readonly database: string };

/** What somebody ran in a database. */
export type SqlNote = Where & {
  readonly person: string;
  readonly mode: "read" | "write";
  readonly status: "done" | "failed" | "cancelled" | "timed-out" | "refused";
  readonly code: string | null;
  /** Masked already. */
  readonly sql: string;
  readonly statements: number;
  readonly rows: number | null;
  readonly durationMs: number;
};
export type SqlRan = SqlNote & { readonly id: number; readonly at: Date };

/** Of each person in each database; and nothing is older than ninety days. */
const mostKept = 1000;

export async function noteSql(sql: Sql, note: SqlNote): Promise<void> {
  const { person, tenant, project, database, mode, status, code, statements, rows, durationMs } = note;
  await sql.query(
    `insert into sql_history (person, tenant, project, database, mode, status, code, sql, statements, rows, duration_ms)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [person, tenant, project, database, mode, status, code, note.sql, statements, rows, Math.round(durationMs)],
  );
  await sql.query(
    `delete from sql_history where at < now() - interval '90 days' or id <=
       (select id from sql_history where person = $1 and tenant = $2 and project = $3 and database = $4
        order by id desc offset $5 limit 1) and person = $1 and tenant = $2 and project = $3 and database = $4`,
    [person, tenant, project, database, mostKept],
  );
}

type Asked = Where & {
  readonly person: string;
  readonly search: string | null;
  readonly beforeId: number | null;
  readonly count: number;
};

/** Newest first. */
export const listSqlHistory = (sql: Sql, { person, tenant, project, database, search, beforeId, count }: Asked) =>
  sql.query<SqlRan>(
    `select id, at, person, tenant, project, database, mode, status, code, sql, statements, rows, duration_ms as "durationMs"
     from sql_history where person = $1 and tenant = $2 and project = $3 and database = $4
       and ($5::bigint is null or id < $5) and ($6::text is null or strpos(lower(sql), lower($6)) > 0)
     order by id desc limit $7`,
    [person, tenant, project, database, beforeId, search, count],
  );

/** One line, or all of a person's in a database; how many that were. */
export async function forgetSqlHistory(
  sql: Sql,
  where: Where & { readonly person: string; readonly id: number | null },
) {
  const { person, tenant, project, database, id } = where;
  const gone = await sql.query(
    `delete from sql_history where person = $1 and tenant = $2 and project = $3 and database = $4
       and ($5::bigint is null or id = $5) returning 1`,
    [person, tenant, project, database, id],
  );
  return gone.length;
}
