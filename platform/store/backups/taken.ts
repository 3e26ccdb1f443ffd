import type { Sql } from "../../sql/index.ts";

/** One base backup. */
export type BackupTaken = {
  readonly instance: string;
  readonly identity: string;
  readonly label: string;
  readonly kind: "full" | "incremental";
  readonly parent: string | null;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly startLsn: string;
  readonly stopLsn: string;
  readonly storedBytes: number;
  /** Who asked; null: it was due. */
  readonly operation: string | null;
};

const columns = `instance, identity, label, kind, parent, started_at as "startedAt", ended_at as "endedAt", start_lsn as "startLsn",
  stop_lsn as "stopLsn", stored_bytes::float8 as "storedBytes", operation`;

export async function recordBackup(sql: Sql, taken: BackupTaken): Promise<void> {
  const { instance, identity, label, kind, parent, startedAt, endedAt, startLsn, stopLsn } = taken;
  await sql.query(
    `insert into backups (instance, identity, label, kind, parent, started_at, ended_at, start_lsn, stop_lsn, stored_bytes, operation)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     on conflict (instance, identity, label) do update set operation = coalesce(backups.operation, excluded.operation)`,
    [
      ...[instance, identity, label, kind, parent, startedAt, endedAt, startLsn, stopLsn],
      ...[Math.round(taken.storedBytes), taken.operation],
    ],
  );
}

/** Those that can be restored, newest first. */
export const listBackups = (
  sql: Sql,
  { instance, limit = 100 }: { readonly instance: string; readonly limit?: number },
): Promise<readonly BackupTaken[]> =>
  sql.query<BackupTaken>(
    `select ${columns} from backups where instance = $1 and expired_at is null order by ended_at desc limit $2`,
    [instance, limit],
  );

/** Those of a database that are not among the kept ones have expired. */
export async function expireBackupRows(sql: Sql, instance: string, kept: readonly string[]): Promise<void> {
  await sql.query(
    "update backups set expired_at = clock_timestamp() where instance = $1 and expired_at is null and label <> all($2::text[])",
    [instance, kept],
  );
}
