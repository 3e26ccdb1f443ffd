/** What a restore reads: a backup made by hand, or a base of the continuous backup with the log after it. */
import { existsSync, mkdirSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { basesOf, eraFolder, erasIn, numberOf, type Segment, segmentsOf } from "./eras.ts";
import { backupDamaged, backupUnusable, recoveryIncomplete } from "./errors.ts";
import { type Manifest, verifyFiles } from "./manifest.ts";
import { repositoriesIn, repositoryPath } from "./repositories.ts";

export type Repository = { readonly name: string; readonly source: string; readonly head: string };

export type Source = {
  /** The folder with the base backup and the keys. */
  readonly set: string;
  readonly manifest: Manifest;
  /** The log after the base, in order; empty for a backup made by hand. */
  readonly log: readonly Segment[];
  readonly repositories: readonly Repository[];
};

const unpack = promisify(gunzip);

/** Finds and verifies. @throws NEB933 naming a damaged file, NEB934 when there is none for that time, NEB937 for a gap in the log. */
export async function openSource(from: string, toTime: Date | undefined): Promise<Source> {
  const folder = resolve(from);
  if (isSet(folder)) {
    const manifest = await verifyFiles(folder);
    if (toTime !== undefined)
      throw backupUnusable(`${folder} holds one moment, ${manifest.consistentAt}`, {
        hint: "Give --to-time with the folder of the continuous backups; a backup made by hand has no log.",
      });
    const repositories = manifest.repositories.map(({ name, bundle, head }) => ({
      ...{ name, head },
      source: bundle === null ? "" : join(folder, bundle),
    }));
    return { set: folder, manifest, log: [], repositories };
  }
  return openArchiveAt(folder, toTime);
}

/** A backup made by hand, also one that has lost its manifest. */
const isSet = (folder: string): boolean => ["manifest.json", "keys"].some((name) => existsSync(join(folder, name)));

async function openArchiveAt(folder: string, toTime: Date | undefined): Promise<Source> {
  if (!existsSync(join(folder, "ledger"))) throw backupUnusable(`${folder} is neither a backup nor continuous backups`);
  for (const era of erasIn(folder)) {
    const home = eraFolder(folder, era);
    const base = basesOf(home).findLast(({ endedAt }) => toTime === undefined || endedAt <= toTime);
    if (base === undefined) continue;
    const manifest = await verifyFiles(base.path);
    const log = await verifyLog(home, base.startSegment);
    const mirrors = join(folder, "forge");
    const repositories = repositoriesIn(mirrors).map((name) => ({
      ...{ name, head: "refs/heads/main" },
      source: repositoryPath(mirrors, name),
    }));
    return { set: base.path, manifest, log, repositories };
  }
  const when = toTime === undefined ? "" : ` that ended before ${toTime.toISOString()}`;
  throw backupUnusable(`${folder} has no whole base backup${when}`);
}

/** No segment may be missing or short in the middle; a packed one carries its own checksum. */
async function verifyLog(home: string, from: string): Promise<readonly Segment[]> {
  const log = segmentsOf(home).filter(({ name }) => name >= from);
  const first = log[0];
  if (first !== undefined && first.name !== from) throw recoveryIncomplete(`${home}/wal lacks ${from}`);
  for (const [i, one] of log.entries()) {
    const next = log[i + 1];
    if (next !== undefined && numberOf(next.name) !== numberOf(one.name) + 1)
      throw recoveryIncomplete(`${home}/wal has a gap after ${one.name}`);
    if (next !== undefined && !one.whole) throw recoveryIncomplete(`${one.file} was never finished`);
    if (one.whole) await readSegment(one);
  }
  return log;
}

const segmentBytes = 16 * 1024 * 1024;

async function readSegment({ file, whole }: Segment): Promise<Buffer> {
  const bytes = await readFile(file);
  const plain = file.endsWith(".gz")
    ? await unpack(bytes).catch((cause) => {
        throw backupDamaged(`${file} does not unpack`, { cause, fields: { file } });
      })
    : bytes;
  if (whole && plain.length !== segmentBytes)
    throw backupDamaged(`${file} has ${plain.length} bytes instead of ${segmentBytes}`, { fields: { file } });
  return plain;
}

/** Lays the log out as Postgres reads it. What was not finished is as good as the bytes that had come. */
export async function layOutLog(log: readonly Segment[], folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  for (const one of log) await writeFile(join(folder, one.name), await readSegment(one), { mode: 0o644 });
}

/** For `nebula backup verify`. */
export async function verifySource(
  from: string,
): Promise<readonly { readonly path: string; readonly manifest: Manifest }[]> {
  const folder = resolve(from);
  if (isSet(folder)) return [{ path: folder, manifest: await verifyFiles(folder) }];
  if (!existsSync(join(folder, "ledger"))) throw backupUnusable(`${folder} is neither a backup nor continuous backups`);
  const verified: { path: string; manifest: Manifest }[] = [];
  for (const era of erasIn(folder)) {
    const home = eraFolder(folder, era);
    for (const { path } of basesOf(home)) verified.push({ path, manifest: await verifyFiles(path) });
    const first = basesOf(home)[0];
    if (first !== undefined) await verifyLog(home, first.startSegment);
  }
  if (verified.length === 0) throw backupUnusable(`${folder} has no base backup yet`);
  return verified;
}
