import { newId } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";

/** A query that somebody keeps, for themselves or for everybody who may run SQL in the project. */
export type SqlQuery = {
  readonly id: string;
  readonly tenant: string;
  readonly project: string;
  /** null: for any database of the project. */
  readonly database: string | null;
  readonly owner: string;
  readonly name: string;
  readonly sql: string;
  readonly shared: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};
export type NewSqlQuery = Omit<SqlQuery, "id" | "createdAt" | "updatedAt">;

const columns = `id, tenant, project, database, owner, name, sql, shared, created_at as "createdAt", updated_at as "updatedAt"`;

/** @throws NEB911 when the owner has one of this name in the project. */
export const insertSqlQuery = (sql: Sql, { tenant, project, database, owner, name, sql: text, shared }: NewSqlQuery) =>
  sql.one<SqlQuery>(
    `insert into sql_queries (id, tenant, project, database, owner, name, sql, shared)
     values ($1, $2, $3, $4, $5, $6, $7, $8) returning ${columns}`,
    [newId("qry"), tenant, project, database, owner, name, text, shared],
  );

type Project = { readonly tenant: string; readonly project: string };
type Asked = Project & { readonly person: string; readonly afterName: string | null; readonly count: number };

/** One's own, and what others share; by name. */
export const listSqlQueries = (sql: Sql, { tenant, project, person, afterName, count }: Asked) =>
  sql.query<SqlQuery>(
    `select ${columns} from sql_queries where tenant = $1 and project = $2 and (owner = $3 or shared)
       and ($4::text is null or name || ' ' || id > $4) order by name || ' ' || id limit $5`,
    [tenant, project, person, afterName, count],
  );

/** undefined: it is not there, or not for this person. */
export const findSqlQuery = (sql: Sql, { tenant, project }: Project, person: string, id: string) =>
  sql.maybe<SqlQuery>(
    `select ${columns} from sql_queries where tenant = $1 and project = $2 and id = $4 and (owner = $3 or shared)`,
    [tenant, project, person, id],
  );

type Change = {
  readonly name?: string | undefined;
  readonly sql?: string | undefined;
  readonly shared?: boolean | undefined;
};

/** Its owner's only. @throws NEB911 when the name is taken. */
export const changeSqlQuery = (sql: Sql, owner: string, id: string, { name, sql: text, shared }: Change) =>
  sql.maybe<SqlQuery>(
    `update sql_queries set name = coalesce($3, name), sql = coalesce($4, sql), shared = coalesce($5, shared),
       updated_at = clock_timestamp() where owner = $1 and id = $2 returning ${columns}`,
    [owner, id, name ?? null, text ?? null, shared ?? null],
  );

export const deleteSqlQuery = async (sql: Sql, id: string): Promise<boolean> =>
  (await sql.query("delete from sql_queries where id = $1 returning 1", [id])).length > 0;
