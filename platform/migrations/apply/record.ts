/**
 * What a database itself knows of its migrations: the schema `nebula`, which its owner may read and not write.
 *
 * 1. A file's row is written in the transaction that runs the file, so it is there exactly when what the file did is.
 * 2. The owner, who runs the file, cannot write the row: a ticket of the administrator's can, once, for one file, and a file never
 *    sees it before it has run.
 * 3. One holder at a time: a newer fence ends the sessions of the older one before it begins, and takes its tickets away.
 */
import { createHash, randomBytes } from "node:crypto";
import { quoteIdent, type Sql } from "../../sql/index.ts";
import { holderReplaced, recordNotOurs } from "../errors.ts";
import type { Snapshot } from "../schema/types.ts";

/** A row of the record. */
export type Ran = {
  /** Whose folder the file is in: a branch has the rows of its parent. */
  readonly folder: string;
  readonly file: string;
  readonly checksum: string;
  readonly commit: string | null;
  readonly operation: string | null;
  readonly at: Date;
  readonly adopted: boolean;
};

/** What is being run. */
export type Run = Pick<Ran, "folder" | "file" | "checksum" | "commit" | "operation"> & Hold;

/** A holder: what its fence counts in, and the fence. A copy of a database elsewhere knows nothing of ours. */
export type Hold = { readonly scope: string; readonly fence: number };

const statements = (owner: string): readonly string[] => [
  "create schema if not exists nebula",
  `create table if not exists nebula.migrations (
     folder text not null, file text not null, checksum text not null, commit text, operation text,
     applied_at timestamptz not null default clock_timestamp(), duration_ms double precision,
     adopted boolean not null default false, primary key (folder, file))`,
  `create table if not exists nebula.migration_runs (
     folder text not null, file text not null, checksum text not null, commit text, operation text,
     scope text not null, fence bigint not null, ticket_hash text not null unique, backend int, backend_start timestamptz,
     begun_at timestamptz not null default clock_timestamp(), primary key (folder, file))`,
  `create table if not exists nebula.migration_state (
     one boolean primary key default true check (one), scope text, fence bigint not null, backend int, backend_start timestamptz,
     fingerprint text, snapshot jsonb, snapshot_at timestamptz)`,
  "insert into nebula.migration_state (fence) values (0) on conflict do nothing",
  `create or replace function nebula.finish_migration(ticket text) returns bigint
   language sql security definer set search_path = pg_catalog, pg_temp
   begin atomic
     with run as (delete from nebula.migration_runs r
         where r.ticket_hash = encode(sha256(convert_to(ticket, 'UTF8')), 'hex') returning *),
       kept as (insert into nebula.migrations (folder, file, checksum, commit, operation, duration_ms)
         select folder, file, checksum, commit, operation, extract(epoch from clock_timestamp() - begun_at) * 1000 from run
         returning 1)
     select count(*) from kept;
   end`,
  "revoke all on schema nebula from public",
  "revoke all on function nebula.finish_migration(text) from public",
  `grant usage on schema nebula to ${owner}`,
  `grant select on nebula.migrations, nebula.migration_runs, nebula.migration_state to ${owner}`,
  `grant execute on function nebula.finish_migration(text) to ${owner}`,
];

/** Makes the record where it is not. As the administrator. @throws NEB443 when the schema is somebody else's. */
export const ensureRecord = (admin: Sql, ownerRole: string): Promise<void> =>
  admin.tx(async (tx) => {
    await tx.query("select pg_advisory_xact_lock(hashtext('nebuladb record'))");
    const [stranger] = await tx.query<{ what: string }>(
      `select n.nspname as what from pg_namespace n where n.nspname = 'nebula' and n.nspowner <> current_user::regrole
       union all select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'nebula' and c.relowner <> current_user::regrole`,
    );
    if (stranger !== undefined) throw recordNotOurs(`${stranger.what} in the schema nebula was not made by NebulaDB`);
    await tx.query("set local client_min_messages = warning");
    for (const text of statements(quoteIdent(ownerRole))) await tx.query(text);
  });

export const hasRecord = async (admin: Sql): Promise<boolean> =>
  (await admin.one<{ there: boolean }>("select to_regclass('nebula.migration_state') is not null as there")).there;

/** Everything that ran, oldest first. */
export async function listRan(admin: Sql): Promise<readonly Ran[]> {
  if (!(await hasRecord(admin))) return [];
  return admin.query<Ran>(
    `select folder, file, checksum, commit, operation, applied_at as at, adopted from nebula.migrations
     order by applied_at, file`,
  );
}

/**
 * Makes us the one who migrates, for as long as this session lasts: the sessions of an older holder are ended first, whatever they
 * are in the middle of. Answers the files that one of them had begun outside of a transaction. @throws NEB444
 */
export async function takeHold(admin: Sql, { scope, fence }: Hold): Promise<ReadonlySet<string>> {
  const held = await admin.tx(async (tx) => {
    const before = await tx.one<{ known: number; scope: string | null }>(
      "select scope, fence as known from nebula.migration_state for update",
    );
    if (before.scope === scope && before.known > fence)
      throw holderReplaced(`it was taken over under fence ${before.known}; ours is ${fence}`);
    const older = await tx.query<Backend>(
      `select backend as pid, extract(epoch from backend_start)::text as since from nebula.migration_state
         where backend <> pg_backend_pid()
       union all select backend, extract(epoch from backend_start)::text from nebula.migration_runs where backend is not null`,
    );
    await tx.query(
      `update nebula.migration_state s set scope = $2, fence = $1, backend = a.pid, backend_start = a.backend_start
       from pg_stat_activity a where a.pid = pg_backend_pid()`,
      [fence, scope],
    );
    return older;
  });
  await endBackends(admin, held);
  await admin.query("select pg_advisory_lock(hashtextextended('nebuladb migrations', 0))");
  // Waits for what commits at this moment: its row is there then, and its run is not.
  const left = await admin.query<{ folder: string; file: string }>(
    "delete from nebula.migration_runs where fence <= $1 or scope <> $2 returning folder, file",
    [fence, scope],
  );
  return new Set(left.map(({ folder, file }) => `${folder}/${file}`));
}

/** Numbers of processes are used again: `since`, in seconds, tells them apart. */
type Backend = { readonly pid: number; readonly since: string };

/** Ends sessions and waits until they are gone: a statement of theirs does nothing more then. */
async function endBackends(admin: Sql, backends: readonly Backend[]): Promise<void> {
  for (const { pid, since } of backends) {
    const isThere = async () =>
      (await admin.maybe(
        "select from pg_stat_activity where pid = $1 and extract(epoch from backend_start) = $2::numeric",
        [pid, since],
      )) !== undefined;
    for (const deadline = performance.now() + 30_000; (await isThere()) && performance.now() < deadline; ) {
      await admin.query("select pg_terminate_backend($1)", [pid]);
      await admin.query("select pg_sleep(0.02)");
    }
  }
}

/** Begins a file: from now on whoever takes over knows which session to end. Answers the ticket. */
export async function beginRun(admin: Sql, run: Run, backend: number): Promise<string> {
  const ticket = randomBytes(24).toString("hex");
  const hash = createHash("sha256").update(ticket).digest("hex");
  await admin.query(
    `insert into nebula.migration_runs (folder, file, checksum, commit, operation, scope, fence, ticket_hash, backend,
       backend_start)
     select $1, $2, $3, $4, $5, $6, $7, $8, pid, backend_start from pg_stat_activity where pid = $9`,
    [run.folder, run.file, run.checksum, run.commit, run.operation, run.scope, run.fence, hash, backend],
  );
  return ticket;
}

/** A file that failed inside its transaction left nothing; one without a transaction may have, and is remembered as begun. */
export async function endRun(admin: Sql, { folder, file }: Run): Promise<void> {
  await admin.query("delete from nebula.migration_runs where folder = $1 and file = $2", [folder, file]);
}

/** A file that ran without a transaction, or was there already. */
export async function noteRan(admin: Sql, run: Run, how: { readonly adopted: boolean; readonly durationMs: number }) {
  await admin.tx(async (tx) => {
    await endRun(tx, run);
    await tx.query(
      `insert into nebula.migrations (folder, file, checksum, commit, operation, duration_ms, adopted)
       values ($1, $2, $3, $4, $5, $6, $7)`,
      [run.folder, run.file, run.checksum, run.commit, run.operation, how.durationMs, how.adopted],
    );
  });
}

/** The schema as the newest migration left it. */
export async function noteSnapshot(admin: Sql, snapshot: Snapshot, fingerprint: string): Promise<void> {
  await admin.query(
    "update nebula.migration_state set snapshot = $1::jsonb, fingerprint = $2, snapshot_at = clock_timestamp()",
    [JSON.stringify(snapshot), fingerprint],
  );
}

export type Noted = { readonly snapshot: Snapshot; readonly fingerprint: string };

/** Undefined before any migration has run. */
export async function readNoted(admin: Sql): Promise<Noted | undefined> {
  if (!(await hasRecord(admin))) return undefined;
  const row = await admin.maybe<{ snapshot: Snapshot | null; fingerprint: string | null }>(
    "select snapshot, fingerprint from nebula.migration_state",
  );
  return row?.snapshot == null || row.fingerprint === null
    ? undefined
    : { snapshot: row.snapshot, fingerprint: row.fingerprint };
}
