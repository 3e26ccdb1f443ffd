import type { Sql } from "../../sql/index.ts";
import { type Instance, type InstancePhase, instanceColumns, type StorageSeen } from "./instance.ts";

/**
 * Writes what the status pass saw, only if the row still says what it decided upon: a deployment that wrote meanwhile wins.
 * Whether it was written.
 */
export async function setInstancePhase(
  sql: Sql,
  seen: Pick<Instance, "id" | "phase" | "fence">,
  phase: InstancePhase,
): Promise<boolean> {
  const rows = await sql.query(
    `update instances set phase = $3, updated_at = now() where id = $1 and phase = $2 and fence = $4
     returning pg_notify('nebula_instances', id)`,
    [seen.id, seen.phase, phase, seen.fence],
  );
  return rows.length > 0;
}

export type ComputeSeen = Pick<Instance, "computeState" | "computeUnits" | "computeEnforced">;

/** What a look has seen it do; no deployment writes this. */
export async function setComputeSeen(sql: Sql, { id }: Pick<Instance, "id">, seen: ComputeSeen): Promise<void> {
  await sql.query(
    `with changed as (
       update instances set compute_state = $2, compute_units = $3, compute_enforced = $4
       where id = $1 and (compute_state, compute_units, compute_enforced) is distinct from ($2::text, $3::float8, $4::boolean)
       returning id
     ) select pg_notify('nebula_instances', id) from changed`,
    [id, seen.computeState, seen.computeUnits, seen.computeEnforced],
  );
}

/** How full a look has found it; no deployment writes this. */
export async function setStorageSeen(sql: Sql, id: string, seen: StorageSeen): Promise<void> {
  await sql.query(
    `with changed as (
       update instances set storage_used_bytes = $2, storage_mode = $3
       where id = $1 and (storage_used_bytes, storage_mode) is distinct from ($2::bigint, $3::text) returning id
     ) select pg_notify('nebula_instances', id) from changed`,
    [id, seen.storageUsedBytes, seen.storageMode],
  );
}

export type StandbysSeen = Pick<Instance, "standbys" | "failovers">;

/** The same of its standbys. Whoever follows the instance is told when more than their lag is another. */
export async function setStandbysSeen(sql: Sql, { id }: Pick<Instance, "id">, seen: StandbysSeen): Promise<void> {
  await sql.query("update instances set standbys = $2, failovers = $3 where id = $1", [
    id,
    JSON.stringify(seen.standbys),
    seen.failovers,
  ]);
}

/** Removed instances whose final copy has been kept long enough. */
export const listPurgeable = (sql: Sql): Promise<readonly Instance[]> =>
  sql.query<Instance>(
    `select ${instanceColumns} from instances where phase = 'Removed' and purge_after <= now() order by purge_after`,
  );

/** After the final copy is purged: row and credentials are gone. False when it was declared again meanwhile. */
export const forgetInstance = (sql: Sql, id: string): Promise<boolean> =>
  sql.tx(async (tx) => {
    const rows = await tx.query("delete from instances where id = $1 and phase = 'Removed' returning id", [id]);
    if (rows.length === 0) return false;
    await tx.query("delete from credentials where instance = $1", [id]);
    return true;
  });
