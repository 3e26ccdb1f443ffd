import type { Sql } from "../../sql/index.ts";

/** Why databases are paused although nobody asked for it: money. */
export type HoldRow = {
  /** Made of what it is about. */
  readonly id: string;
  readonly tenant: string;
  /** null: all of the tenant's. */
  readonly project: string | null;
  readonly reason: "budget" | "unpaid";
  readonly data: Readonly<Record<string, unknown>>;
  readonly since: Date;
  readonly liftedAt: Date | null;
  readonly liftedWhy: string | null;
  readonly liftedBy: string | null;
};

const columns = `id, tenant, project, reason, data, since, lifted_at as "liftedAt", lifted_why as "liftedWhy", lifted_by as "liftedBy"`;

/** Whether it was new: one that was lifted is not put on again. */
export async function putHold(
  sql: Sql,
  hold: Pick<HoldRow, "id" | "tenant" | "project" | "reason" | "data" | "since">,
): Promise<boolean> {
  const made = await sql.query(
    `insert into holds (id, tenant, project, reason, data, since) values ($1, $2, $3, $4, $5::jsonb, $6)
     on conflict (id) do nothing returning id`,
    [hold.id, hold.tenant, hold.project, hold.reason, JSON.stringify(hold.data), hold.since],
  );
  return made.length > 0;
}

/** Undefined when there is none in force by that id. */
export const liftHold = (
  sql: Sql,
  id: string,
  { at, why, by = null }: { readonly at: Date; readonly why: string; readonly by?: string | null },
): Promise<HoldRow | undefined> =>
  sql.maybe<HoldRow>(
    `update holds set lifted_at = $2, lifted_why = $3, lifted_by = $4 where id = $1 and lifted_at is null returning ${columns}`,
    [id, at, why, by],
  );

/** In force. */
export const activeHolds = (
  sql: Sql,
  { tenant, reason }: { readonly tenant?: string; readonly reason?: HoldRow["reason"] } = {},
): Promise<readonly HoldRow[]> =>
  sql.query<HoldRow>(
    `select ${columns} from holds where lifted_at is null and ($1::text is null or tenant = $1)
       and ($2::text is null or reason = $2) order by since, id`,
    [tenant ?? null, reason ?? null],
  );

/** Newest first, the lifted ones too. */
export const listHolds = (sql: Sql, tenant: string, limit = 100): Promise<readonly HoldRow[]> =>
  sql.query<HoldRow>(`select ${columns} from holds where tenant = $1 order by since desc, id limit $2`, [
    tenant,
    limit,
  ]);

/** The hold in force that a database of this project is under. */
export const holdOver = (sql: Sql, tenant: string, project: string): Promise<HoldRow | undefined> =>
  sql.maybe<HoldRow>(
    `select ${columns} from holds where lifted_at is null and tenant = $1 and (project is null or project = $2)
     order by since, id limit 1`,
    [tenant, project],
  );
