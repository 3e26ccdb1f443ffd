/**
 * A copy of a running server's folder, with shared blocks where the file system has them (reflinks), by Postgres's own procedure:
 * `pg_backup_start`, copy, `pg_backup_stop`, and the log between the two.
 *
 * 1. The source serves meanwhile; its lock is held, so that nobody stops or freezes it.
 * 2. A temporary slot keeps the log that the copy needs, and goes with the session.
 * 3. Files that vanish while they are copied were dropped: the log says so.
 * 4. Only files that the source's own server owns are read: it may put links into its folder, and we may read everything.
 */
import { chmod, lchown, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pLimit from "p-limit";
import type { Programs } from "../compute/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { copyOwnFile, ownerIdOf } from "./copy-file.ts";
import type { Ground } from "./ground.ts";
import { numberOf } from "./log-names.ts";

/** Of the moment at which the copy became possible; the copy has what was committed before, and perhaps a little more. */
export type Copied = { readonly at: Date };

const slot = "nebula_branch";

export async function hotCopy({ machinery }: Ground, id: DatabaseId, pgdata: string): Promise<Copied> {
  await machinery.wake(id);
  return machinery.locked(id, async () => {
    const lent = await machinery.find(id);
    if (lent === undefined) throw new Error(`${id} is gone`);
    const { programs } = machinery;
    const copying = { programs, owner: await ownerIdOf(lent.pgdata) };
    return machinery.admin(id, "postgres", async (sql) => {
      const at = new Date(machinery.now());
      await sql.query("select pg_create_physical_replication_slot($1, true, true)", [slot]);
      const { first } = await sql.one<{ first: string }>(
        "select pg_walfile_name(pg_backup_start('branch', true)) as first",
      );
      await copyTree(copying, lent.pgdata, pgdata);
      const { last, label } = await sql.one<{ last: string; label: string }>(
        `select pg_walfile_name(lsn) as last, labelfile as label from pg_backup_stop(false)`,
      );
      await writeFile(join(pgdata, "backup_label"), label, { mode: 0o600 });
      await give(programs, join(pgdata, "backup_label"));
      await copyLog(copying, lent.pgdata, pgdata, { first, last });
      return { at };
    });
  });
}

/** What belongs to the server that runs, and not to its data. */
const left: ReadonlySet<string> = new Set([
  ...["postmaster.pid", "postmaster.opts", "backup_manifest", "pgsql_tmp", "standby.signal"],
]);
const emptied: ReadonlySet<string> = new Set([
  ...["pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans"],
]);

async function copyTree({ programs, owner }: Copying, from: string, to: string): Promise<void> {
  const limit = pLimit(8);
  const folder = async (inner: string): Promise<void> => {
    await makeFolder(programs, join(to, inner));
    if (emptied.has(inner)) return;
    const entries = await readdir(join(from, inner), { withFileTypes: true }).catch(gone);
    await Promise.all(
      (entries ?? []).map(async (entry) => {
        if (left.has(entry.name) || entry.name.startsWith("pgsql_tmp")) return;
        const path = join(inner, entry.name);
        if (entry.isDirectory()) return folder(path);
        if (entry.isFile()) await limit(() => copyOne({ programs, owner }, join(from, path), join(to, path)));
      }),
    );
  };
  await folder("");
  for (const name of ["archive_status", "summaries"]) await makeFolder(programs, join(to, "pg_wal", name));
}

type Copying = { readonly programs: Programs; readonly owner: number };

async function copyOne({ programs, owner }: Copying, from: string, to: string): Promise<void> {
  if (await copyOwnFile(from, to, owner)) await give(programs, to);
}

async function copyLog(
  copying: Copying,
  from: string,
  to: string,
  { first, last }: { readonly first: string; readonly last: string },
): Promise<void> {
  const names = (await readdir(join(from, "pg_wal"))).filter((name) => /^[0-9A-F]{24}$/.test(name));
  const needed = names.filter((name) => numberOf(name) >= numberOf(first) && numberOf(name) <= numberOf(last));
  for (const name of needed) await copyOne(copying, join(from, "pg_wal", name), join(to, "pg_wal", name));
}

async function makeFolder(programs: Programs, path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await give(programs, path);
  await chmod(path, 0o700);
}

const give = async ({ user }: Programs, path: string): Promise<void> => {
  if (user !== null) await lchown(path, user.uid, user.gid);
};

function gone(thrown: NodeJS.ErrnoException): undefined {
  if (thrown.code !== "ENOENT") throw thrown;
  return undefined;
}
