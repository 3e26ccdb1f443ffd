import type { Sql } from "../../sql/index.ts";

export type HeldDatabase = {
  readonly instance: string;
  readonly stack: string;
  readonly database: string;
  /** The last one that was asked for, and whether that starts it again. */
  readonly operation: string;
  readonly resuming: boolean;
  readonly at: Date;
};

/** Neither a pause nor a resume of it is under way, and none has failed a moment ago. */
const settled = (of: "i" | "d"): string => `not exists (select from operations o where o.stack = ${of}.stack
  and o.database = ${of}.database and o.type in ('PAUSE', 'RESUME')
  and (o.state in ('QUEUED', 'IN_PROGRESS') or (o.state = 'FAILED' and o.finished_at > now() - interval '10 minutes')))`;

export type ToHold = {
  readonly instance: string;
  readonly stack: string;
  readonly database: string;
  readonly hold: string;
};

/** Databases that run although a hold in force is over them. */
export const listToHold = (sql: Sql): Promise<readonly ToHold[]> =>
  sql.query<ToHold>(
    `select i.id as instance, i.stack, i.database, h.id as hold from instances i
     join lateral (select id from holds where lifted_at is null and tenant = split_part(i.stack, '.', 1)
       and (project is null or project = split_part(i.stack, '.', 2)) order by since, id limit 1) h on true
     where i.phase = 'Ready' and exists (select from holds where lifted_at is null) and ${settled("i")} order by i.id`,
  );

export type ToRelease = {
  readonly instance: string;
  readonly stack: string;
  readonly database: string;
  /** It is as it should be: what we asked for was done, or it is not paused (any more). */
  readonly isOver: boolean;
};

/** Databases that holds paused, and that none is over any more. */
export const listToRelease = (sql: Sql): Promise<readonly ToRelease[]> =>
  sql.query<ToRelease>(
    `select d.instance, d.stack, d.database,
       coalesce(i.phase, 'Removed') <> 'Paused' or (d.resuming and coalesce(o.state, 'COMPLETED') = 'COMPLETED') as "isOver"
     from held_databases d left join instances i on i.id = d.instance left join operations o on o.id = d.operation
     where not exists (select from holds where lifted_at is null and tenant = split_part(d.stack, '.', 1)
       and (project is null or project = split_part(d.stack, '.', 2)))
       and ${settled("d")} order by d.instance`,
  );

export async function noteHeld(sql: Sql, held: HeldDatabase): Promise<void> {
  await sql.query(
    `insert into held_databases (instance, stack, database, operation, resuming, paused_at) values ($1, $2, $3, $4, $5, $6)
     on conflict (instance) do update set operation = excluded.operation, resuming = excluded.resuming`,
    [held.instance, held.stack, held.database, held.operation, held.resuming, held.at],
  );
}

export async function forgetHeld(sql: Sql, instance: string): Promise<void> {
  await sql.query("delete from held_databases where instance = $1", [instance]);
}
