/**
 * How full an instance is, and what follows from that. Pure, but for the measuring.
 *
 * 1. What counts is the data: the log follows NebulaDB's own settings, and temporary files go with their statement.
 * 2. At its limit an instance becomes `read-only`: nothing writes that does not ask for it, and who asks may still delete. What grows on
 *    all the same is `closed`: then nobody writes, whatever he sets.
 * 3. Between the two there is always room to delete in, however far past its limit it was found.
 */
import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";

export type StorageMode = "writable" | "read-only" | "closed";

/** Kept in the manifest as long as it is not `writable`. */
export type Fullness = {
  readonly mode: Exclude<StorageMode, "writable">;
  /** At so many bytes used it is closed. */
  readonly closesAtBytes: number;
};

type Measured = { readonly usedBytes: number; readonly limitBytes: number };

const mib = 2 ** 20;
/** Deleting writes too: a tenth of the limit, 64 MiB at least, 4 GiB at most. */
export const headroomOf = (limitBytes: number): number =>
  Math.min(Math.max(Math.round(limitBytes / 10), 64 * mib), 4096 * mib);

/** Below so much of its limit what was full is writable again: a little less than all, so that it does not change at every row. */
const writableAgainAt = 0.95;

/** undefined: writable. */
export function fullnessOf({ usedBytes, limitBytes }: Measured, before: Fullness | undefined): Fullness | undefined {
  if (usedBytes < limitBytes * (before === undefined ? 1 : writableAgainAt)) return undefined;
  const closesAtBytes = before?.closesAtBytes ?? Math.max(usedBytes, limitBytes) + headroomOf(limitBytes);
  return { mode: usedBytes >= closesAtBytes ? "closed" : "read-only", closesAtBytes };
}

/** The same once it has another limit: more of it opens what was closed, as soon as there is room to delete in. */
export function fullnessUnder(measured: Measured, before: Fullness | undefined): Fullness | undefined {
  if (before === undefined) return undefined;
  const room = measured.limitBytes + headroomOf(measured.limitBytes);
  const closesAtBytes = before.mode === "closed" ? room : Math.max(before.closesAtBytes, room);
  return fullnessOf(measured, { ...before, closesAtBytes });
}

/** Bytes of a cluster that count. What vanishes while it is counted does not. */
export async function usedBytesOf(pgdata: string): Promise<number> {
  const entries = await readdir(pgdata, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries.map(async (entry) => {
      if (!entry.isFile() || isLeftOut(relative(pgdata, entry.parentPath))) return 0;
      return stat(join(entry.parentPath, entry.name)).then(
        ({ size }) => size,
        () => 0,
      );
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

const isLeftOut = (folder: string): boolean => {
  const parts = folder.split(sep);
  return parts[0] === "pg_wal" || parts.includes("pgsql_tmp");
};

/** When the server last wrote to its log, and so at all; 0 where there is none. */
export async function lastWriteMs(pgdata: string): Promise<number> {
  const folder = join(pgdata, "pg_wal");
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^[0-9A-F]{24}$/.test(name));
  const times = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return Math.max(0, ...times);
}
