/**
 * A database to be tried on: a copy of one that runs, or an empty one, in a server for a moment.
 *
 * 1. Nobody reaches it but whoever it is lent to: no network, a socket of its own, only the administrator and the owner sign in.
 * 2. The owner is the plain role that it is everywhere, and no file or program is within its reach.
 * 3. It takes so much time and so much disk at the most; beyond that the owner's sessions are ended.
 * 4. Nothing of it is left.
 */
import { randomBytes } from "node:crypto";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { type Asking, unclaimed } from "../compute/index.ts";
import { Secret } from "../core/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { connectionUrl, connectOnce, makeVerifier, quoteIdent, quoteLiteral, type Sql } from "../sql/index.ts";
import type { Ground } from "./ground.ts";
import type { Names } from "./hand-over.ts";
import { hotCopy } from "./hot-copy.ts";

export type RehearsalInput = {
  /** Whose data it has; null: none. */
  readonly of: DatabaseId | null;
  /** The database that it stands for. */
  readonly id: DatabaseId;
  readonly names: Names;
  /** What is there before anything is tried. */
  readonly extensions: readonly string[];
  readonly roles: readonly string[];
  /** Above it nothing is copied. */
  readonly mostBytes?: number;
  /** What it may grow by, beside what it was. Default: 2 GiB. */
  readonly growthBytes?: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
};

/** The place that is lent. */
export type Stage = { readonly admin: Sql; readonly asOwner: Asking };

export type Rehearsed<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "too large"; readonly bytes: number };

const gib = 1024 ** 3;
export async function rehearseOn<T>(
  ground: Ground,
  input: RehearsalInput,
  body: (stage: Stage) => Promise<T>,
): Promise<Rehearsed<T>> {
  const { machinery } = ground;
  const { of, id, mostBytes = 20 * gib, growthBytes = 2 * gib, timeoutMs = 120_000 } = input;
  if (of !== null) await machinery.wake(of);
  const bytes = of === null ? 0 : await sizeOf(ground, of);
  if (bytes > mostBytes) return { kind: "too large", bytes };
  return machinery.site(async (site) => {
    const { bavail, bsize } = await statfs(site);
    if (bavail * bsize < bytes + 2 * growthBytes) return { kind: "too large", bytes };
    const pgdata = join(site, "pgdata");
    if (of === null) await machinery.take(pgdata);
    else await hotCopy(ground, of, pgdata);
    // What is tried on it is a stranger's: not even other copies are within its reach.
    await machinery.separate(pgdata);
    const settings = { temp_file_limit: "2GB", max_wal_size: "1GB", log_statement: "none" };
    const logins = [input.names.ownerRole];
    const server = { site, pgdata, of: of ?? id, settings, timeoutMs: 600_000, logins, fresh: of === null };
    const value = await machinery.scratch(server, async (as, socket) => {
      const from = await namesIn(as("postgres"), of === null);
      const password = new Secret(randomBytes(18).toString("base64url"));
      await furnish(as, from, input, password);
      const { databaseName: database, ownerRole: user } = input.names;
      const url = connectionUrl({ ...socket, user, password, database });
      const asOwner: Asking = (ask) => connectOnce(url, ask, { applicationName: "nebula rehearsal" });
      return as(database)((admin) =>
        guarded(
          as("postgres"),
          { user, database, limitBytes: bytes + growthBytes, timeoutMs, signal: input.signal },
          () => body({ admin, asOwner }),
        ),
      );
    });
    return { kind: "done", value };
  });
}

const sizeOf = ({ machinery }: Ground, id: DatabaseId): Promise<number> =>
  machinery.admin(id, "postgres", async (sql) => {
    const { bytes } = await sql.one<{ bytes: number }>("select sum(pg_database_size(oid)) as bytes from pg_database");
    return bytes;
  });

/** The one database that is no server's own, and its owner. */
async function namesIn(ask: Asking, fresh: boolean): Promise<Names> {
  if (fresh) return { databaseName: unclaimed.database, ownerRole: unclaimed.owner };
  return ask((sql) =>
    sql.one<Names>(
      `select datname as "databaseName", pg_get_userbyid(datdba) as "ownerRole" from pg_database
       where not datistemplate and datname <> 'postgres'`,
    ),
  );
}

/** Names, a password that only we have, roles and extensions as they are declared. */
async function furnish(
  as: (database: string) => Asking,
  from: Names,
  { names, roles, extensions }: RehearsalInput,
  password: Secret,
): Promise<void> {
  const owner = quoteIdent(names.ownerRole);
  const verifier = quoteLiteral(await makeVerifier(password));
  await as("postgres")(async (sql) => {
    if (from.ownerRole !== names.ownerRole)
      await sql.query(`alter role ${quoteIdent(from.ownerRole)} rename to ${owner}`);
    await sql.query(`alter role ${owner} login password ${verifier}`);
    if (from.databaseName !== names.databaseName)
      await sql.query(`alter database ${quoteIdent(from.databaseName)} rename to ${quoteIdent(names.databaseName)}`);
    const known = await sql.query<{ name: string }>("select rolname as name from pg_roles");
    for (const role of roles)
      if (!known.some(({ name }) => name === role)) await sql.query(`create role ${quoteIdent(role)} nologin`);
  });
  await as(names.databaseName)(async (sql) => {
    // One that is not to be had here is refused elsewhere, by name.
    for (const name of extensions)
      await sql
        .query(`create extension if not exists ${quoteIdent(name)} with schema public cascade`)
        .catch((e) => console.error("XXX", e));
  });
}

type Bounds = {
  readonly user: string;
  readonly database: string;
  readonly limitBytes: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
};

/** Ends the owner's sessions when it takes too long, grows too large, or is not wanted any more. */
async function guarded<T>(ask: Asking, bounds: Bounds, body: () => Promise<T>): Promise<T> {
  const { user, database, limitBytes, timeoutMs, signal } = bounds;
  const until = performance.now() + timeoutMs;
  let isDone = false;
  const watching = ask(async (sql) => {
    while (!isDone) {
      const { bytes } = await sql.one<{ bytes: number }>("select pg_database_size($1) as bytes", [database]);
      if (bytes > limitBytes || performance.now() > until || signal?.aborted === true)
        await sql.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", [user]);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }).catch(() => undefined);
  try {
    return await body();
  } finally {
    isDone = true;
    await watching;
  }
}
