import type { Sql } from "../../sql/index.ts";

export type AppliedMigration = {
  readonly checksum: string;
  readonly commit: string | null;
  readonly operation: string | null;
  /** RFC 3339. */
  readonly at: string;
  /** It was there already, made by hand, and is recorded only. */
  readonly adopted?: boolean;
};

export type FailedMigration = {
  readonly file: string;
  readonly checksum: string;
  readonly code: string;
  readonly message: string;
  readonly line: number;
  readonly column: number;
};

export type WaitingMigration = { readonly file: string; readonly checksum: string; readonly why: string };

/** What a database's own record of its migrations said when it was looked at last. */
export type DatabaseSchema = {
  readonly instance: string;
  /** By file, without `.sql`. */
  readonly applied: Readonly<Record<string, AppliedMigration>>;
  readonly failed: FailedMigration | null;
  readonly waits: WaitingMigration | null;
  readonly fingerprint: string | null;
  readonly operation: string | null;
  readonly at: Date;
};

const columns = "instance, applied, failed, waits, fingerprint, operation, at";

export const getSchema = (sql: Sql, instance: string): Promise<DatabaseSchema | undefined> =>
  sql.maybe<DatabaseSchema>(`select ${columns} from database_schemas where instance = $1`, [instance]);

/** Of the databases of a stack. */
export const listSchemas = (sql: Sql, stack: string): Promise<readonly DatabaseSchema[]> =>
  sql.query<DatabaseSchema>(
    `select ${columns} from database_schemas where starts_with(instance, $1 || '.') order by instance`,
    [stack],
  );

export async function recordSchema(sql: Sql, schema: Omit<DatabaseSchema, "at">): Promise<void> {
  const json = (value: unknown) => (value === null ? null : JSON.stringify(value));
  await sql.query(
    `insert into database_schemas as s (instance, applied, failed, waits, fingerprint, operation)
     values ($1, $2::jsonb, $3::jsonb, $4::jsonb, $5, $6)
     on conflict (instance) do update set applied = excluded.applied, failed = excluded.failed, waits = excluded.waits,
       fingerprint = excluded.fingerprint, operation = excluded.operation, at = clock_timestamp()`,
    [
      ...[schema.instance, json(schema.applied), json(schema.failed), json(schema.waits)],
      ...[schema.fingerprint, schema.operation],
    ],
  );
}

/** Its data was replaced or is gone: what was known of it is not known any more. */
export async function forgetSchema(sql: Sql, instance: string): Promise<void> {
  await sql.query("delete from database_schemas where instance = $1", [instance]);
}

/** Whether an operation waits already that will run whatever is missing by then. */
export async function isMigrationQueued(sql: Sql, stack: string, database: string): Promise<boolean> {
  const found = await sql.maybe(
    `select from operations where stack = $1 and database = $2 and type = 'MIGRATE' and state = 'QUEUED'
       and coalesce(params ->> 'verb', 'apply') = 'apply' limit 1`,
    [stack, database],
  );
  return found !== undefined;
}

/** Those that wait or run in a stack. */
export async function countMigrating(sql: Sql, stack: string): Promise<number> {
  const { running } = await sql.one<{ running: number }>(
    `select count(*) as running from operations where stack = $1 and type = 'MIGRATE' and state in ('QUEUED', 'IN_PROGRESS')
       and coalesce(params ->> 'verb', 'apply') = 'apply'`,
    [stack],
  );
  return running;
}
