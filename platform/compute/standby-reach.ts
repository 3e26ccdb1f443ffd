/** How far a standby has its primary's log, once it has stopped to grow. */
import type { Manifest } from "./manifest.ts";
import type { Context } from "./running.ts";
import { doorTo } from "./standby.ts";
import type { StandbyPlace } from "./standby-place.ts";
import { asAdmin } from "./sync.ts";

/** Places in the log, as numbers. */
export type Reach = {
  /** Up to where it is on its disk. */
  readonly onDisk: bigint;
  /** The end of the last whole record of that. */
  readonly replayed: bigint;
};

/**
 * Of one whose primary has no process left. What the primary had sent may still be on its way to the disk, and one that was just
 * started still reads what it has: both are over when nobody receives, and who replays waits for more. Standing still is no sign of
 * it: a busy machine stands still as well. Undefined when it is not so in time.
 */
export const settledReach = (
  context: Context,
  manifest: Manifest,
  standby: StandbyPlace,
  timeoutMs: number,
): Promise<Reach | undefined> =>
  asAdmin(doorTo(context, manifest, standby), "postgres", async (sql) => {
    let before: Reach | undefined;
    for (const deadline = performance.now() + timeoutMs; performance.now() < deadline; ) {
      const { settled, onDisk, replayed } = await sql.one<Row>(looks);
      const now = settled ? { onDisk: BigInt(onDisk), replayed: BigInt(replayed) } : undefined;
      if (now !== undefined && now.onDisk === before?.onDisk && now.replayed === before.replayed) return now;
      before = now;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return undefined;
  });

type Row = { readonly settled: boolean; readonly onDisk: string; readonly replayed: string };

const looks = `
  with place as (
    select coalesce(pg_last_wal_replay_lsn(), '0/0') as replayed, coalesce(pg_last_wal_receive_lsn(), '0/0') as received
  )
  select pg_wal_lsn_diff(greatest(received, replayed), '0/0')::text as "onDisk",
    pg_wal_lsn_diff(replayed, '0/0')::text as replayed,
    not exists (select from pg_stat_wal_receiver where status = 'streaming')
      and exists (select from pg_stat_activity where backend_type = 'startup'
        and wait_event in ('RecoveryWalStream', 'RecoveryRetrieveRetryInterval')) as settled
  from place`;
