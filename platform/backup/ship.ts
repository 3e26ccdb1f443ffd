/**
 * The way of a log from the spool into the store.
 *
 * 1. A part leaves the spool after the store has it and the index names it: a kill in between ships it again, which changes nothing.
 * 2. The spool belongs to the user that runs Postgres: no link is followed, and what is no part of a log is neither read nor deleted.
 * 3. `coveredTo` never says more than is true. A part carries the moment of its last write. Where nothing waits, an idle server is
 *    covered up to two archive time-outs ago, and one that was stopped cleanly up to now.
 */
import { constants } from "node:fs";
import { open, readdir, readFile, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type Lent, withLock } from "../compute/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { emptyIndex, type Index, type LineStore, lineStore } from "./catalog.ts";
import { spoolStrange } from "./errors.ts";
import type { Ground } from "./ground.ts";
import { isHalfPart, isSegment, isSmallPart, segmentBytes } from "./log-names.ts";
import { squeezeWhole } from "./squeeze.ts";

export type Shipped = {
  readonly parts: number;
  readonly storedBytes: number;
  /** Everything acknowledged before is stored; null: not known yet. */
  readonly coveredTo: Date | null;
  /** Of the log that is stored. */
  readonly lastSegment: string | null;
};

const partsAtOnce = 16;
/** Two archive time-outs and what the server takes to notice. */
const idleProofMs = 120_000;

/** Who changes what is kept of a database does so alone, on this machine. */
export const lockedLine = <T>({ store }: Ground, id: DatabaseId, body: () => Promise<T>): Promise<T> =>
  withLock(`backup:${store.address}:${id}`, body, 3_600_000);

/** Who takes base backups, or takes them away, does so alone; always asked for before the line's. */
export const lockedBases = <T>({ store }: Ground, id: DatabaseId, body: () => Promise<T>): Promise<T> =>
  withLock(`bases:${store.address}:${id}`, body, 6 * 3_600_000);

export type Waiting = { readonly parts: number; readonly running: boolean; readonly identity: string };

/** Without asking the store. */
export async function waitingIn({ machinery }: Ground, id: DatabaseId): Promise<Waiting | undefined> {
  const lent = await machinery.find(id);
  if (lent === undefined || lent.manifest.identity === undefined) return undefined;
  const home = join(lent.folder, "spool");
  const identities = await readdir(home).catch(() => []);
  if (identities.length === 0 && lent.spool === null) return undefined;
  const names = await Promise.all(identities.map((one) => readdir(join(home, one)).catch(() => [])));
  const parts = names.flat().filter((name) => !name.endsWith(".part")).length;
  return { parts, running: lent.running, identity: lent.manifest.identity };
}

/** Everything that waits in the spools of an instance. `flushedAt`: what was acknowledged before was put there, or waits. */
export async function shipWal(ground: Ground, id: DatabaseId, flushedAt?: Date): Promise<Shipped> {
  const lent = await ground.machinery.find(id);
  if (lent === undefined) return nothing;
  const home = join(lent.folder, "spool");
  const identities = await readdir(home).catch(() => []);
  if (identities.length === 0 && lent.spool === null) return nothing;
  return lockedLine(ground, id, async () => {
    let shipped = nothing;
    for (const identity of identities) {
      const one = await shipSpool(ground, lent, { identity, flushedAt });
      shipped = {
        parts: shipped.parts + one.parts,
        storedBytes: shipped.storedBytes + one.storedBytes,
        ...(identity === lent.manifest.identity
          ? { coveredTo: one.coveredTo, lastSegment: one.lastSegment }
          : { coveredTo: shipped.coveredTo, lastSegment: shipped.lastSegment }),
      };
    }
    return shipped;
  });
}

const nothing: Shipped = { parts: 0, storedBytes: 0, coveredTo: null, lastSegment: null };

type Spool = { readonly identity: string; readonly flushedAt: Date | undefined };

async function shipSpool(ground: Ground, lent: Lent, { identity, flushedAt }: Spool): Promise<Shipped> {
  const line = lineStore(ground, lent.manifest.id, identity);
  const spool = join(lent.folder, "spool", identity);
  const all = (await readdir(spool)).filter((name) => !name.endsWith(".part"));
  // the half of a timeline's last part, of a primary that was replaced: the first part of the next timeline begins with all of it
  for (const name of all.filter(isHalfPart)) await unlink(join(spool, name));
  const names = all.filter((name) => !isHalfPart(name)).sort();
  const strange = names.find((name) => !isSegment(name) && !isSmallPart(name));
  if (strange !== undefined) throw spoolStrange(`${join(spool, strange)} is no part of a log`);
  let index = await line.readIndex();
  const before = index;
  if (index === undefined) {
    if (names.length === 0) return nothing;
    await describeLine(line, lent, ground.machinery.now());
    index = emptyIndex;
  }
  let storedBytes = 0;
  for (let i = 0; i < names.length; i += partsAtOnce) {
    const batch = names.slice(i, i + partsAtOnce);
    for (const name of batch) {
      const { bytes, writtenAt } = await readPart(join(spool, name), name);
      const stored = await line.put(`wal/${name}`, await squeezeWhole(bytes));
      storedBytes += stored;
      if (isSegment(name)) index = withSegment(index, { name, stored, writtenAt });
    }
    await line.writeIndex(index);
    for (const name of batch) await unlink(join(spool, name));
  }
  if (identity !== lent.manifest.identity) await rmdir(spool).catch(() => undefined);
  const idle = await provedIdleTo(lent, identity, ground.machinery.now());
  const at = idle === undefined ? undefined : Math.max(idle, flushedAt?.getTime() ?? 0);
  if (at !== undefined && (flushedAt !== undefined || isWorthNoting(before, index, at, lent.running))) {
    index = { ...index, coveredTo: later(index.coveredTo, at) };
    await line.writeIndex(index);
  }
  const { coveredTo, last: lastSegment } = index;
  return { parts: names.length, storedBytes, lastSegment, coveredTo: coveredTo === null ? null : new Date(coveredTo) };
}

export async function describeLine(line: LineStore, { manifest }: Lent, now: number): Promise<void> {
  if ((await line.readLine()) !== undefined) return;
  const { id, version, origin = null } = manifest;
  const createdAt = new Date(now).toISOString();
  await line.writeLine({ format: 1, id, identity: line.identity, version, createdAt, origin });
}

type Segment = { readonly name: string; readonly stored: number; readonly writtenAt: number };

const withSegment = (index: Index, { name, stored, writtenAt }: Segment): Index => ({
  ...index,
  first: index.first === null || name < index.first ? name : index.first,
  last: index.last === null || name > index.last ? name : index.last,
  logBytes: index.logBytes + stored,
  coveredTo: later(index.coveredTo, writtenAt),
});

const later = (known: string | null, ms: number): string =>
  known !== null && Date.parse(known) >= ms ? known : new Date(ms).toISOString();

/** Invariant 2. */
async function readPart(path: string, name: string): Promise<{ bytes: Buffer; writtenAt: number }> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((cause) => {
    throw spoolStrange(`${path} cannot be opened`, { cause });
  });
  try {
    const found = await handle.stat();
    const sized = isSegment(name) ? found.size === segmentBytes : found.size < 65_536;
    if (!found.isFile() || found.nlink !== 1 || !sized) throw spoolStrange(`${path} is no part of a log`);
    return { bytes: await handle.readFile(), writtenAt: found.mtimeMs };
  } finally {
    await handle.close();
  }
}

/** Invariant 3, of a folder whose spool is empty. */
async function provedIdleTo(lent: Lent, identity: string, now: number): Promise<number | undefined> {
  if (identity !== lent.manifest.identity) return undefined;
  const waiting = await readdir(join(lent.pgdata, "pg_wal", "archive_status")).catch(() => undefined);
  if (waiting === undefined || waiting.some((name) => name.endsWith(".ready"))) return undefined;
  if ((await readdir(lent.spool ?? "").catch(() => ["?"])).length > 0) return undefined;
  if (lent.running) return now - idleProofMs;
  return (await wasStoppedCleanly(lent.pgdata)) ? now : undefined;
}

/** `state` of Postgres's control file, its fourth field; 1: shut down. */
async function wasStoppedCleanly(pgdata: string): Promise<boolean> {
  const control = await readFile(join(pgdata, "global", "pg_control")).catch(() => undefined);
  return control !== undefined && control.length > 20 && control.readUInt32LE(16) === 1;
}

/** A small object a minute for each that runs, and one an hour for each that sleeps. */
function isWorthNoting(before: Index | undefined, index: Index, at: number, running: boolean): boolean {
  const known = index.coveredTo === null ? 0 : Date.parse(index.coveredTo);
  if (before !== undefined && index !== before && at > known) return true;
  return at > known + (running ? 60_000 : 3_600_000);
}
