import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { chmod, mkdir, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { OsUser } from "./os-user.ts";

/**
 * Where things are in a data folder.
 *
 *     template/<version>/       the prepared cluster: template.json and pgdata/          0700, ours
 *     spares/<version>/<n>/     copies of it, ready to be renamed into place             0700, ours; each another user's
 *     building/                 a template while it is built, restores                   passed through by anybody
 *     instances/<id>/           instance.json, postgresql.conf, pg_hba.conf, pgdata/     entered by its server's user
 *                               gate.json: who may come in; admin.key; trace.json      0600, ours
 *                               <role>.key, api.secrets.json: for the data API         0600, ours
 *                               asleep: a mark; journal.jsonl: when it was awake
 *                               spool/<identity>/: finished parts of its log, until they are stored; its server's user
 *     retired/<id>-<time>/      final copies                                             0700, ours
 *     run/<hash>/               the folder of an instance's Unix socket                  its server's user
 *     log/instances/<id>.log    what it said
 *
 * Only pgdata/, the spool and the socket's folder belong to the user that runs the server (`server-user.ts`); one that was broken into
 * cannot change its own settings, nor read another instance, the template, the spares or a final copy.
 */
export type Layout = ReturnType<typeof layoutOf>;

export function layoutOf(dataDir: string) {
  const root = resolve(dataDir);
  return {
    root,
    template: join(root, "template"),
    spares: join(root, "spares"),
    building: join(root, "building"),
    instances: join(root, "instances"),
    retired: join(root, "retired"),
    run: join(root, "run"),
    log: join(root, "log", "instances"),
  };
}

export function placeOf(layout: Layout, id: string) {
  const folder = join(layout.instances, id);
  return {
    folder,
    pgdata: join(folder, "pgdata"),
    manifest: join(folder, "instance.json"),
    gate: join(folder, "gate.json"),
    trace: join(folder, "trace.json"),
    adminKey: join(folder, "admin.key"),
    asleep: join(folder, "asleep"),
    hold: join(folder, "hold"),
    journal: join(folder, "journal.jsonl"),
    conf: join(folder, "postgresql.conf"),
    hba: join(folder, "pg_hba.conf"),
    log: join(layout.log, `${id}.log`),
    spool: join(folder, "spool"),
    socketDir: socketDirOf(layout, id),
  };
}

export type Place = ReturnType<typeof placeOf>;

/** A socket's whole path is at most 107 bytes; where the data folder is too deep, the sockets live beside the system's. */
export function socketDirOf(layout: Layout, id: string): string {
  const hash = (text: string, length: number) => createHash("sha256").update(text).digest("hex").slice(0, length);
  const own = join(layout.run, hash(id, 10));
  const longest = "/.s.PGSQL.65535.lock".length;
  return Buffer.byteLength(own) + longest <= 107 ? own : join(tmpdir(), `ndb-${hash(`${layout.root}:${id}`, 16)}`);
}

/** A folder of ours that Postgres's user may pass through. One that is there stays as it is. */
export async function openFolder(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true });
  if (made !== undefined && process.getuid?.() === 0) await chmod(path, 0o711);
}

/** A folder that nobody but us may enter. */
export async function closedFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
}

/**
 * The folder of a server's socket: its user's own. Where that is not the shared user's too, a socket in it takes the folder's group,
 * whose members may connect and see nothing else.
 */
export async function socketFolder(owner: OsUser | null, shared: OsUser | null, path: string): Promise<void> {
  if (owner === null || shared === null || owner.uid === shared.uid) return folderOf(owner, path);
  return folderOf({ ...owner, gid: shared.gid }, path, 0o2710);
}

/**
 * A folder that belongs to the user that runs Postgres. Opened without following a link, because what stands beside it may
 * belong to that user too.
 */
export async function folderOf(user: OsUser | null, path: string, mode = 0o700): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    if (user !== null) await handle.chown(user.uid, user.gid);
    await handle.chmod(mode);
  } finally {
    await handle.close();
  }
}
