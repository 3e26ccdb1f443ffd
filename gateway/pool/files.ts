/** Folders and files that PgBouncer's OS user may read and nobody but us may change; none differ where we are that user. */
import { createHash } from "node:crypto";
import { chmod, chown, copyFile, mkdir, readFile, rename, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OsUser } from "../../platform/compute/index.ts";

/** A Unix socket's whole path is at most 107 bytes (sun_path); fewer on macOS. */
const longestPath = process.platform === "linux" ? 107 : 103;

const hash = (text: string, length: number) => createHash("sha256").update(text).digest("hex").slice(0, length);

/** `<data>/run/<name>`, or beside the system's own sockets where the data folder is too deep for the longest file in it. */
export function socketFolder(dataDir: string, name: string, longestFile: string): string {
  const own = join(dataDir, "run", name);
  const fits = Buffer.byteLength(`${own}/${longestFile}`) <= longestPath;
  return fits ? own : join(tmpdir(), `ndbp-${hash(`${dataDir}:${name}`, 16)}`);
}

export const doorFolder = (dataDir: string, id: string): string =>
  socketFolder(dataDir, join("doors", hash(id, 10)), ".s.PGSQL.5432");

/** Ours to write, the user's to enter and read. */
export async function sharedFolder(path: string, user: OsUser | null): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (user !== null) await chown(path, 0, user.gid);
  await chmod(path, user === null ? 0o700 : 0o750);
}

/** The user's own, closed to others. */
export async function ownFolder(path: string, user: OsUser | null): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (user !== null) await chown(path, user.uid, user.gid);
  await chmod(path, 0o700);
}

/** Replaces a file whole, and only when it differs; whether it did. */
export async function writeShared(path: string, bytes: string | Buffer, user: OsUser | null): Promise<boolean> {
  const wanted = Buffer.from(bytes);
  if ((await readFile(path).catch(() => undefined))?.equals(wanted)) return false;
  const fresh = `${path}.new`;
  await writeFile(fresh, wanted, { mode: 0o600 });
  if (user !== null) await chown(fresh, 0, user.gid);
  await chmod(fresh, user === null ? 0o600 : 0o640);
  await rename(fresh, path);
  return true;
}

const logLimitBytes = 8 * 1024 * 1024;

/**
 * Keeps a log under its limit with one older part. Its writer appends to the open file: the old part is copied away and the file cut.
 * Who guesses passwords fills no disk.
 */
export async function keepShort(path: string, limitBytes = logLimitBytes): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.size < limitBytes) return;
  await copyFile(path, `${path}.1`);
  await truncate(path);
}
