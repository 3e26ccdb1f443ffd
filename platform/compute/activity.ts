import type { DatabaseId } from "../spec/index.ts";
import { changesLogin } from "./change-capture.ts";
import { standbyRole } from "./conf.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { type Place, placeOf } from "./paths.ts";
import { findPostmaster } from "./postmaster.ts";
import { type Context, doorOf } from "./running.ts";
import { doorTo, standbysIn } from "./standby.ts";
import { asAdmin, type Door } from "./sync.ts";
import type { Activity } from "./types.ts";

/** Who uses it, its standbys counted in. */
export async function readActivity(context: Context, id: DatabaseId): Promise<Activity | undefined> {
  const found = await findServing(context, id);
  if (found === undefined) return undefined;
  const [own, others] = await Promise.all([ask(found.door), askStandbys(context, found.place, found.manifest)]);
  return others.reduce(together, own);
}

/** A question to the primary alone. */
export async function answers(context: Context, id: DatabaseId): Promise<boolean> {
  const found = await findServing(context, id);
  if (found === undefined) return false;
  await asAdmin(found.door, "postgres", (sql) => sql.query("select 1"));
  return true;
}

type Serving = { readonly place: Place; readonly manifest: Manifest; readonly door: Door };

async function findServing(context: Context, id: DatabaseId): Promise<Serving | undefined> {
  const place = placeOf(context.layout, id);
  const [manifest, running] = await Promise.all([readManifest(place), findPostmaster(place.pgdata)]);
  if (manifest === undefined || running?.ready !== true || running.frozen) return undefined;
  return { place, manifest, door: doorOf(context, place, manifest, running) };
}

async function askStandbys(context: Context, place: Place, manifest: Manifest): Promise<readonly Activity[]> {
  if ((manifest.replicas ?? 0) === 0) return [];
  const found = await Promise.all(
    (await standbysIn(context, place, manifest.id)).map(async (standby) =>
      (await findPostmaster(standby.pgdata))?.ready === true
        ? ask(doorTo(context, manifest, standby)).catch(() => undefined)
        : undefined,
    ),
  );
  return found.filter((one) => one !== undefined);
}

function together(a: Activity, b: Activity): Activity {
  const least = (one: number | null, other: number | null) =>
    one === null ? other : other === null ? one : Math.min(one, other);
  return {
    clients: a.clients + b.clients,
    busy: a.busy + b.busy,
    longRunning: a.longRunning + b.longRunning,
    idleMs: least(a.idleMs, b.idleMs),
    replication: a.replication + b.replication,
    baseBackups: a.baseBackups + b.baseBackups,
    maintenance: a.maintenance + b.maintenance,
  };
}

/**
 * One question to a server, in `postgres`, where no tenant has set anything. Counted is who is not our administrator, and not the
 * gateway's own listener for changed rows, which does nothing by itself; what the administrator replicates (a base backup) does count,
 * its own standbys do not. The server's background processes are no maintenance.
 */
const ask = (door: Door): Promise<Activity> =>
  asAdmin(door, "postgres", (sql) =>
    sql.one<Activity>(
      `with client as (
         select * from pg_stat_activity where backend_type = 'client backend' and usename is distinct from current_user
           and usename is distinct from '${changesLogin}'
       )
       select count(*)::int as clients,
         count(*) filter (where state is distinct from 'idle')::int as busy,
         count(*) filter (where state = 'active' and wait_event is null
           and query_start < clock_timestamp() - interval '10 s')::int as "longRunning",
         (extract(epoch from clock_timestamp() - max(greatest(state_change, backend_start))) * 1000)::float8 as "idleMs",
         (select count(*)::int from pg_stat_activity
            where backend_type = 'walsender' and usename is distinct from $1) as replication,
         (select count(*)::int from pg_stat_progress_basebackup) as "baseBackups",
         (select count(*)::int from pg_stat_activity
            where backend_type in ('autovacuum worker', 'parallel worker')) as maintenance
       from client`,
      [standbyRole],
    ),
  );
