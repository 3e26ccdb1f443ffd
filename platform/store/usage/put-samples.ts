import type { Sql } from "../../sql/index.ts";
import { fileFrom, grains } from "./filing.ts";
import type { UsageSample } from "./sample.ts";

/**
 * Writes samples; a slot that is there already keeps the larger of each sum. So a sample written twice, or measured by two
 * processes, counts once: what a slot grew by is added to its hour, in the same statement.
 */
export async function putSamples(sql: Sql, samples: readonly UsageSample[]): Promise<void> {
  if (samples.length === 0) return;
  const column = <T>(read: (sample: UsageSample) => T) => samples.map(read);
  await sql.query(text, [
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
    column((one) => one.branchByteMs.toString()),
  ]);
}

/** The sums of a sample, and the meters that they are of. */
const sums = [
  ["compute_unit_ms", "compute_unit_seconds"],
  ["frozen_unit_ms", "frozen_unit_seconds"],
  ["storage_byte_ms", "storage_byte_hours"],
  ["branch_byte_ms", "branch_storage_byte_hours"],
  ["backup_byte_ms", "backup_byte_hours"],
  ["connection_ms", "connection_seconds"],
] as const;
const keptLarger = ["measured_until", "awake_ms", ...sums.map(([column]) => column)];
const keptLast = ["compute_units", "storage_bytes", "connections", "server_started_at", "commit"];

const text = `
  with written as (
    insert into usage_samples (instance, slot, slot_seconds, measured_until, awake_ms, compute_unit_ms, frozen_unit_ms,
      storage_byte_ms, connection_ms, compute_units, storage_bytes, connections, server_started_at, commit, backup_byte_ms,
      branch_byte_ms)
    select * from unnest($1::text[], $2::timestamptz[], $3::int[], $4::timestamptz[], $5::int[], $6::numeric[], $7::numeric[],
      $8::numeric[], $9::bigint[], $10::float8[], $11::bigint[], $12::int[], $13::timestamptz[], $14::text[], $15::numeric[],
      $16::numeric[])
    order by 1, 2
    on conflict (instance, slot) do update set
      ${keptLarger.map((column) => `${column} = greatest(usage_samples.${column}, excluded.${column})`).join(", ")},
      ${keptLast.map((column) => `${column} = excluded.${column}`).join(", ")}
    where excluded.measured_until >= usage_samples.measured_until
    returning new.instance, new.slot as at, new.commit,
      ${sums.map(([column]) => `(new.${column} - coalesce(old.${column}, 0))::numeric as ${column}`).join(", ")}
  ), used as (
    select instance, at, commit, meter, amount, grain from written cross join lateral (values
      ${sums.map(([column, meter]) => `('${meter}', ${column}, ${grains[meter]})`).join(", ")}
    ) meters (meter, amount, grain)
  )
  ${fileFrom("used", "sampled")}`;
