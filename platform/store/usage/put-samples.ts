import type { Sql } from "../../sql/index.ts";
import type { UsageSample } from "./sample.ts";

/**
 * Writes samples; a slot that is there already keeps the larger of each sum. So a sample written twice, or measured by two
 * processes, counts once.
 */
export async function putSamples(sql: Sql, samples: readonly UsageSample[]): Promise<void> {
  if (samples.length === 0) return;
  const column = <T>(read: (sample: UsageSample) => T) => samples.map(read);
  await sql.query(
    `insert into usage_samples (instance, slot, slot_seconds, measured_until, awake_ms, compute_unit_ms, frozen_unit_ms,
       storage_byte_ms, connection_ms, compute_units, storage_bytes, connections, server_started_at,
       commit, backup_byte_ms)
     select * from unnest($1::text[], $2::timestamptz[], $3::int[], $4::timestamptz[], $5::int[], $6::numeric[],
       $7::numeric[], $8::numeric[], $9::bigint[], $10::float8[], $11::bigint[], $12::int[], $13::timestamptz[], $14::text[],
       $15::numeric[])
     order by 1, 2
     on conflict (instance, slot) do update set
       measured_until = greatest(usage_samples.measured_until, excluded.measured_until),
       awake_ms = greatest(usage_samples.awake_ms, excluded.awake_ms),
       compute_unit_ms = greatest(usage_samples.compute_unit_ms, excluded.compute_unit_ms),
       frozen_unit_ms = greatest(usage_samples.frozen_unit_ms, excluded.frozen_unit_ms),
       storage_byte_ms = greatest(usage_samples.storage_byte_ms, excluded.storage_byte_ms),
       backup_byte_ms = greatest(usage_samples.backup_byte_ms, excluded.backup_byte_ms),
       connection_ms = greatest(usage_samples.connection_ms, excluded.connection_ms),
       compute_units = excluded.compute_units,
       storage_bytes = excluded.storage_bytes,
       connections = excluded.connections,
       server_started_at = excluded.server_started_at,
       commit = excluded.commit
     where excluded.measured_until >= usage_samples.measured_until`,
    [
      column((one) => one.instance),
      column((one) => new Date(one.slotMs)),
      column((one) => one.slotSeconds),
      column((one) => new Date(one.untilMs)),
      column((one) => one.awakeMs),
      column((one) => one.computeUnitMs),
      column((one) => one.frozenUnitMs),
      column((one) => one.storageByteMs.toString()),
      column((one) => one.connectionMs),
      column((one) => one.computeUnits),
      column((one) => one.storageBytes),
      column((one) => one.connections),
      column((one) => (one.serverStartedAtMs === null ? null : new Date(one.serverStartedAtMs))),
      column((one) => one.commit),
      column((one) => one.backupByteMs.toString()),
    ],
  );
}
