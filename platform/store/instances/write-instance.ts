import type { DatabaseId, DatabaseSpec, Placement } from "../../spec/index.ts";
import type { Sql } from "../../sql/index.ts";
import { withinQuota } from "../limits/admit-quota.ts";
import { type Instance, type InstancePhase, instanceColumns } from "./instance.ts";

export type NewInstance = {
  readonly id: DatabaseId;
  readonly stack: string;
  readonly placement: Placement;
  readonly spec: DatabaseSpec;
  readonly fence: number;
  readonly commit: string | null;
};

/**
 * Notes an instance before the machine has it, so that it is known whatever happens next. A removed one starts anew.
 * @throws NEB628 when the project's quota has no room for it.
 */
export const reserveInstance = (tx: Sql, wanted: NewInstance): Promise<Instance> =>
  withinQuota(() => insert(tx, wanted));

const insert = (tx: Sql, wanted: NewInstance): Promise<Instance> =>
  tx.one<Instance>(
    `insert into instances (id, stack, database, engine, placement, version, phase, spec, fence, commit)
     values ($1, $2, $3, $4, $5, $6, 'Creating', $7::jsonb, $8, $9)
     on conflict (id) do update set phase = 'Creating', spec = excluded.spec,
       version = excluded.version, identity = null, fence = excluded.fence, commit = excluded.commit, created_at = now(),
       updated_at = now(), retired_at = null, removed_at = null, purge_after = null
     returning ${instanceColumns}`,
    [
      wanted.id,
      wanted.stack,
      wanted.spec.name,
      wanted.spec.engine,
      wanted.placement,
      wanted.spec.version,
      JSON.stringify(wanted.spec),
      wanted.fence,
      wanted.commit,
    ],
  );

export type InstanceChange = {
  readonly id: DatabaseId;
  readonly fence: number;
  readonly phase: InstancePhase;
  readonly spec?: DatabaseSpec;
  readonly commit?: string | null;
  readonly host?: string;
  readonly dataDir?: string;
  readonly identity?: string | null;
};

/** What the machine has become. An older fence changes nothing. */
export async function recordInstance(tx: Sql, change: InstanceChange): Promise<void> {
  await tx.query(
    `update instances set phase = $3, fence = $2, spec = coalesce($4::jsonb, spec), version = coalesce($4::jsonb ->> 'version', version),
       commit = coalesce($5, commit), host = coalesce($6, host), data_dir = coalesce($7, data_dir),
       identity = coalesce($8, identity), updated_at = now(),
       retired_at = case when $3 in ('Retired', 'Expired') then coalesce(retired_at, now()) end
     where id = $1 and fence <= $2`,
    [
      change.id,
      change.fence,
      change.phase,
      change.spec === undefined ? null : JSON.stringify(change.spec),
      change.commit ?? null,
      change.host ?? null,
      change.dataDir ?? null,
      change.identity ?? null,
    ],
  );
  await tx.query("select pg_notify('nebula_instances', $1)", [change.id]);
}

/** The instance is gone, its final copy is kept for a while. */
export async function recordRemoved(
  tx: Sql,
  id: DatabaseId,
  { fence, keepSeconds }: { readonly fence: number; readonly keepSeconds: number },
): Promise<void> {
  await tx.query(
    `update instances set phase = 'Removed', fence = $2, removed_at = now(), updated_at = now(),
       purge_after = now() + make_interval(secs => $3)
     where id = $1 and fence <= $2`,
    [id, fence, keepSeconds],
  );
  await tx.query("select pg_notify('nebula_instances', $1)", [id]);
}
