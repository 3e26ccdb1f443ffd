import type { Sql } from "../../sql/index.ts";
import { type Instance, instanceColumns } from "./instance.ts";

const unasked = `not exists (select from operations o where o.stack = i.stack and o.database = i.database
  and o.type = 'BRANCH' and o.state in ('QUEUED', 'IN_PROGRESS'))`;

/**
 * Branches that something is to be done about and nothing is under way for: their time is over and they are not stopped, or they
 * were stopped so long ago that their data may go.
 */
export const listOverdueBranches = (sql: Sql, keepSeconds: number): Promise<readonly Instance[]> =>
  sql.query<Instance>(
    `select ${instanceColumns} from instances i
     where i.spec ? 'branch' and ${unasked} and (
       (i.phase in ('Ready', 'Paused', 'Retired', 'Failed') and (i.spec #>> '{branch,ttlSeconds}') is not null
         and i.created_at + make_interval(secs => (i.spec #>> '{branch,ttlSeconds}')::float8) <= clock_timestamp())
       or (i.phase = 'Expired' and i.data_dir is not null and i.retired_at <= clock_timestamp() - make_interval(secs => $1)))
     order by i.id`,
    [keepSeconds],
  );

/** Branches that belong to pull requests, whatever became of those, and that nothing is under way for. */
export const listPreviewBranches = (sql: Sql): Promise<readonly Instance[]> =>
  sql.query<Instance>(
    `select ${instanceColumns} from instances i
     where i.spec #>> '{branch,pull}' is not null and i.phase <> 'Removed' and ${unasked} order by i.id`,
  );

/** A branch is over: stopped, and its data kept for a while. */
export async function recordExpired(tx: Sql, id: string, fence: number): Promise<void> {
  await tx.query(
    `update instances set phase = 'Expired', fence = $2, updated_at = now(), retired_at = coalesce(retired_at, now())
     where id = $1 and fence <= $2`,
    [id, fence],
  );
  await tx.query("select pg_notify('nebula_instances', $1)", [id]);
}

/** Nothing of it is left on a machine. The row stays, as long as it is declared, so that it is not made again. */
export async function recordBuried(tx: Sql, id: string, fence: number): Promise<void> {
  await tx.query(
    `update instances set host = null, data_dir = null, identity = null, fence = $2, updated_at = now()
     where id = $1 and fence <= $2`,
    [id, fence],
  );
}

/** A branch that is made anew keeps its name and the moment that its end counts from. */
export async function recordEmptied(tx: Sql, id: string, fence: number): Promise<void> {
  await tx.query(
    `update instances set phase = 'Creating', identity = null, data_dir = null, retired_at = null, fence = $2, updated_at = now()
     where id = $1 and fence <= $2`,
    [id, fence],
  );
}

/** By the ledger's clock, which every replica has. */
export async function isPast(sql: Sql, at: Date): Promise<boolean> {
  const { past } = await sql.one<{ past: boolean }>("select clock_timestamp() >= $1::timestamptz as past", [
    at.toISOString(),
  ]);
  return past;
}

/** Branches whose newest operation is under way, or failed less than so many seconds ago. */
export const listFailedBranches = (
  sql: Sql,
  seconds: number,
): Promise<readonly { readonly stack: string; readonly database: string }[]> =>
  sql.query(
    `select distinct stack, database from operations where type = 'BRANCH' and (state in ('QUEUED', 'IN_PROGRESS')
       or (state in ('FAILED', 'CANCELLED') and finished_at > clock_timestamp() - make_interval(secs => $1)))`,
    [seconds],
  );
