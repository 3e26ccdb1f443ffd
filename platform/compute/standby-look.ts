/** What can be seen of the standbys of an instance. Changes nothing. */
import type { DatabaseId } from "../spec/index.ts";
import type { Sql } from "../sql/index.ts";
import { standbyRole } from "./conf.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { type Place, placeOf } from "./paths.ts";
import { findPostmaster } from "./postmaster.ts";
import { type Context, doorOf } from "./running.ts";
import { socketPort } from "./settings.ts";
import { isThere } from "./standby.ts";
import { readStandbyState, type StandbyPlace, type StandbyState, standbyPlace } from "./standby-place.ts";
import { asAdmin } from "./sync.ts";
import type { StandbyObserved } from "./types.ts";

/** One that follows, as its primary sees it. */
export type Link = {
  readonly name: string;
  readonly streaming: boolean;
  /** It gets what it lacks, and comes nearer. */
  readonly catchingUp: boolean;
  /** Commits wait for it, or for another one like it. */
  readonly synchronous: boolean;
  readonly lagBytes: number | null;
  readonly lagMs: number | null;
};

type Seen = { readonly links: readonly Link[]; readonly state: StandbyState };

/** Asks the primary when it serves; empty where there are none to be. */
export async function observeStandbys(context: Context, id: DatabaseId): Promise<readonly StandbyObserved[]> {
  const place = placeOf(context.layout, id);
  const manifest = await readManifest(place);
  if (manifest === undefined || (manifest.replicas ?? 0) === 0) return [];
  const running = await findPostmaster(place.pgdata);
  const asks = running?.ready === true && !running.frozen;
  const ask = () =>
    asAdmin(doorOf(context, place, manifest, running as NonNullable<typeof running>), "postgres", readLinks);
  const [links, state] = await Promise.all([asks ? ask().catch(() => []) : [], readStandbyState(place)]);
  return lookAt(context, place, manifest, { links, state });
}

export const readLinks = (primary: Sql): Promise<readonly Link[]> =>
  primary.query<Link>(
    `select application_name as name, state = 'streaming' as streaming, state = 'catchup' as "catchingUp", sync_state in ('sync', 'quorum') as synchronous,
       pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, replay_lsn)::float8 as "lagBytes",
       coalesce(extract(epoch from replay_lag) * 1000, 0)::float8 as "lagMs"
     from pg_stat_replication where usename = $1`,
    [standbyRole],
  );

export const lookAt = (
  { layout }: Context,
  place: Place,
  manifest: Manifest,
  seen: Seen,
): Promise<readonly StandbyObserved[]> =>
  Promise.all(
    Array.from({ length: manifest.replicas ?? 0 }, (_, i) => standbyPlace(layout, place, manifest.id, i + 1)).map(
      (standby) => lookAtOne(standby, seen),
    ),
  );

async function lookAtOne(
  { number, name, folder, pgdata, socketDir }: StandbyPlace,
  { links, state }: Seen,
): Promise<StandbyObserved> {
  const [made, running] = await Promise.all([isThere(folder), findPostmaster(pgdata)]);
  const link = links.find((one) => one.name === name);
  const serves = running?.ready === true;
  return {
    number,
    phase: !made ? "Missing" : running === undefined ? "Stopped" : serves ? "Ready" : "Starting",
    streaming: link?.streaming === true && state.follows.includes(number),
    synchronous: link?.synchronous === true && state.applied && state.waitsFor.includes(number),
    ...{ lagBytes: link?.lagBytes ?? null, lagMs: link?.lagMs ?? null },
    counted: state.complete && state.counted.includes(number),
    epoch: state.epoch,
    socketPath: serves ? `${socketDir}/.s.PGSQL.${socketPort}` : null,
  };
}
