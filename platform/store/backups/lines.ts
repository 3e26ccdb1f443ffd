import type { Sql } from "../../sql/index.ts";

/** What is stored of one data folder, as last seen. */
export type BackupLine = {
  readonly instance: string;
  readonly identity: string;
  readonly recoverableFrom: Date | null;
  readonly coveredTo: Date | null;
  readonly lastSegment: string | null;
  readonly storedBytes: number;
  readonly baseLabel: string | null;
  readonly baseAt: Date | null;
  readonly baseSegment: string | null;
  readonly fullAt: Date | null;
  readonly tendedAt: Date | null;
  readonly verifiedAt: Date | null;
  readonly copiedAt: Date | null;
  readonly problem: string | null;
};

const columns = `instance, identity, recoverable_from as "recoverableFrom", covered_to as "coveredTo",
  last_segment as "lastSegment", stored_bytes::float8 as "storedBytes", base_label as "baseLabel", base_at as "baseAt",
  base_segment as "baseSegment", full_at as "fullAt", tended_at as "tendedAt", verified_at as "verifiedAt", copied_at as "copiedAt",
  problem`;

/** Of one database, the newest first; of all without one. */
export const listBackupLines = (sql: Sql, instance?: string): Promise<readonly BackupLine[]> =>
  sql.query<BackupLine>(
    `select ${columns} from backup_lines where $1::text is null or instance = $1 order by instance, updated_at desc`,
    [instance ?? null],
  );

export type BackupLineSeen = Pick<
  BackupLine,
  | "instance"
  | "identity"
  | "recoverableFrom"
  | "coveredTo"
  | "lastSegment"
  | "storedBytes"
  | "baseLabel"
  | "baseAt"
  | "baseSegment"
  | "fullAt"
>;

/** What a look at the store's catalog saw. */
export async function recordBackupLine(sql: Sql, line: BackupLineSeen): Promise<void> {
  const { instance, identity, recoverableFrom, coveredTo, lastSegment, storedBytes } = line;
  const { baseLabel, baseAt, baseSegment, fullAt } = line;
  await sql.query(
    `insert into backup_lines (instance, identity, recoverable_from, covered_to, last_segment, stored_bytes, base_label, base_at,
       base_segment, full_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict (instance, identity) do update set recoverable_from = excluded.recoverable_from, covered_to = excluded.covered_to,
       last_segment = excluded.last_segment, stored_bytes = excluded.stored_bytes, base_label = excluded.base_label,
       base_at = excluded.base_at, base_segment = excluded.base_segment, full_at = excluded.full_at, updated_at = clock_timestamp()`,
    [
      ...[instance, identity, recoverableFrom, coveredTo, lastSegment, Math.round(storedBytes)],
      ...[baseLabel, baseAt, baseSegment, fullAt],
    ],
  );
}

/** What the shipping of a log moved. */
export async function recordShipped(
  sql: Sql,
  shipped: {
    readonly instance: string;
    readonly identity: string;
    readonly coveredTo: Date | null;
    readonly lastSegment: string | null;
    readonly moreBytes: number;
  },
): Promise<void> {
  const { instance, identity, coveredTo, lastSegment, moreBytes } = shipped;
  await sql.query(
    `insert into backup_lines as b (instance, identity, covered_to, last_segment, stored_bytes) values ($1, $2, $3, $4, $5)
     on conflict (instance, identity) do update set covered_to = greatest(b.covered_to, excluded.covered_to),
       last_segment = coalesce(excluded.last_segment, b.last_segment), stored_bytes = b.stored_bytes + excluded.stored_bytes,
       updated_at = clock_timestamp()`,
    [instance, identity, coveredTo, lastSegment, Math.round(moreBytes)],
  );
}

const notes = {
  tended: "tended_at = clock_timestamp()",
  verified: "verified_at = clock_timestamp(), problem = null, problem_at = null",
  copied: "copied_at = clock_timestamp()",
  well: "problem = null, problem_at = null",
} as const;

/** Of every line of a database. */
export async function noteBackups(sql: Sql, instance: string, note: keyof typeof notes): Promise<void> {
  await sql.query(`update backup_lines set ${notes[note]} where instance = $1`, [instance]);
}

export async function noteBackupProblem(sql: Sql, instance: string, problem: string): Promise<void> {
  await sql.query(
    `update backup_lines set problem_at = case when problem is null then clock_timestamp() else problem_at end, problem = $2
     where instance = $1`,
    [instance, problem.slice(0, 1000)],
  );
}

/** Rows of folders of which nothing is stored any more. */
export async function forgetBackupLines(sql: Sql, instance: string, kept: readonly string[]): Promise<void> {
  await sql.query("delete from backup_lines where instance = $1 and identity <> all($2::text[])", [instance, kept]);
}
