import type { DatabaseId } from "../spec/index.ts";
import { changesLogin } from "./change-capture.ts";
import { readManifest } from "./manifest.ts";
import { placeOf } from "./paths.ts";
import { findPostmaster } from "./postmaster.ts";
import { type Context, doorOf } from "./running.ts";
import { asAdmin } from "./sync.ts";
import type { Activity } from "./types.ts";

/**
 * One question to the server, in `postgres`, where no tenant has set anything. Counted is who is not our administrator, and not the
 * gateway's own listener for changed rows, which does nothing by itself; what the
 * administrator replicates (a base backup) does count. The server's own background processes are no maintenance.
 */
export async function readActivity(context: Context, id: DatabaseId): Promise<Activity | undefined> {
  const place = placeOf(context.layout, id);
  const [manifest, running] = await Promise.all([readManifest(place), findPostmaster(place.pgdata)]);
  if (manifest === undefined || running?.ready !== true || running.frozen) return undefined;
  return asAdmin(doorOf(context, place, manifest, running), "postgres", (sql) =>
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
         (extract(epoch from max(greatest(state_change, backend_start))) * 1000)::float8 as "lastChangeMs",
         (select count(*)::int from pg_stat_activity where backend_type = 'walsender') as replication,
         (select count(*)::int from pg_stat_progress_basebackup) as "baseBackups",
         (select count(*)::int from pg_stat_activity
            where backend_type in ('autovacuum worker', 'parallel worker')) as maintenance
       from client`,
    ),
  );
}
