import type { Sql } from "../../sql/index.ts";

/** How a database was used over whole hours, as recorded. */
export type Activity = {
  readonly project: string;
  readonly database: string;
  /** Hours from its first record in the span to the span's end. */
  readonly hours: number;
  /** In which it had compute. */
  readonly awakeHours: number;
  readonly unitSeconds: number;
  /** Of those in hours in which nobody was connected and nothing was sent. */
  readonly idleUnitSeconds: number;
  /** The most that an hour had, as units all through it. */
  readonly peakUnits: number;
  readonly connectionSeconds: number;
  readonly storageByteHours: number;
  readonly backupByteHours: number;
};

/** Every database of a tenant that has records in the span; whole hours. Sums for people to look at: as doubles. */
export const activityOf = (
  sql: Sql,
  { tenant, from, to }: { readonly tenant: string; readonly from: Date; readonly to: Date },
): Promise<readonly Activity[]> =>
  sql.query<Activity>(
    `with hours as (
       select project, database, window_start as hour,
         sum(quantity) filter (where meter = 'compute_unit_seconds')::float8 as units,
         sum(quantity) filter (where meter = 'connection_seconds')::float8 as connections,
         sum(quantity) filter (where meter in ('egress_bytes', 'api_requests'))::float8 as sent,
         sum(quantity) filter (where meter in ('storage_byte_hours', 'branch_storage_byte_hours'))::float8 as stored,
         sum(quantity) filter (where meter = 'backup_byte_hours')::float8 as backups
       from usage_records where tenant = $1 and window_start >= $2 and window_start < $3
       group by project, database, window_start
     )
     select project, database, (extract(epoch from $3::timestamptz - min(hour)) / 3600)::float8 as hours,
       count(*) filter (where units > 0)::int as "awakeHours", coalesce(sum(units), 0) as "unitSeconds",
       coalesce(sum(units) filter (where coalesce(connections, 0) = 0 and coalesce(sent, 0) = 0), 0) as "idleUnitSeconds",
       coalesce(max(units), 0) / 3600 as "peakUnits", coalesce(sum(connections), 0) as "connectionSeconds",
       coalesce(sum(stored), 0) as "storageByteHours", coalesce(sum(backups), 0) as "backupByteHours"
     from hours group by project, database order by project, database`,
    [tenant, from, to],
  );
