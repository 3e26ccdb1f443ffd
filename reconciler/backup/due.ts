/** When a backup is due. Pure. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { numberOf } from "../../platform/backup/index.ts";
import { badConfig } from "../../platform/core/index.ts";
import type { BackupLine, Instance } from "../../platform/store/index.ts";

export type BackupTimes = {
  /** Between two looks into the spools. */
  readonly shipEveryMs: number;
  /** Between two looks at what is due. */
  readonly lookEveryMs: number;
  /** After a database was made, or its data replaced. */
  readonly firstAfterMs: number;
  readonly fullEveryMs: number;
  readonly incrementalEveryMs: number;
  /** Expiry, and whether everything is there that should be. */
  readonly tendEveryMs: number;
  /** A restore is tried. */
  readonly verifyEveryMs: number;
  readonly copyEveryMs: number;
};

const hour = 3_600_000;
const day = 24 * hour;

export const usualTimes: BackupTimes = {
  ...{ shipEveryMs: 5_000, lookEveryMs: 30_000, firstAfterMs: 120_000, fullEveryMs: day, incrementalEveryMs: hour },
  ...{ tendEveryMs: 6 * hour, verifyEveryMs: 7 * day, copyEveryMs: 60_000 },
};

const names = Object.keys(usualTimes) as (keyof BackupTimes)[];

/** Shorter for tests and drills: NEBULA_DATABASE_BACKUP_TIMES, as JSON. @throws NEB901 */
export function parseBackupTimes(text: string): Partial<BackupTimes> {
  try {
    return z.partialRecord(z.enum(names), z.int().positive()).parse(JSON.parse(text)) as Partial<BackupTimes>;
  } catch (cause) {
    throw badConfig(`NEBULA_DATABASE_BACKUP_TIMES must be JSON with some of ${names.join(", ")} in milliseconds`, {
      cause,
    });
  }
}

type Row = Pick<Instance, "id" | "phase" | "spec" | "identity" | "computeState" | "updatedAt" | "createdAt">;

/**
 * - The first one of a data folder is a full one, some minutes after it was made.
 * - A full one each day, at a time of day of the database's own, when something changed since the newest backup.
 * - An incremental one each hour in which something changed, of what is awake: nobody is woken for it.
 */
export function dueBackup(
  row: Row,
  line: BackupLine | undefined,
  { nowMs, times }: { readonly nowMs: number; readonly times: BackupTimes },
): "full" | "incremental" | undefined {
  if (row.spec.backups.retentionSeconds === 0 || row.phase !== "Ready") return undefined;
  if (line === undefined || line.fullAt === null || line.baseAt === null)
    return nowMs - row.createdAt.getTime() >= times.firstAfterMs ? "full" : undefined;
  if (!hasChanged(line)) return undefined;
  const turn = turnOf(row.id, times.fullEveryMs);
  const turnsAt = (ms: number) => Math.floor((ms - turn) / times.fullEveryMs);
  if (turnsAt(nowMs) > turnsAt(line.fullAt.getTime())) return "full";
  const isAwake = row.computeState === "awake" || row.computeState === null;
  return isAwake && nowMs - line.baseAt.getTime() >= times.incrementalEveryMs ? "incremental" : undefined;
}

/** A backup's own end, the checkpoint after it and one sleep each begin a new part of the log, with nothing in it. */
const emptyParts = 2;

export const hasChanged = ({ lastSegment, baseSegment }: Pick<BackupLine, "lastSegment" | "baseSegment">): boolean =>
  lastSegment !== null && (baseSegment === null || numberOf(lastSegment) > numberOf(baseSegment) + emptyParts);

/** Spreads databases over the day: the same time each day for one of them. */
const turnOf = (id: string, periodMs: number): number =>
  createHash("sha256").update(id).digest().readUInt32BE(0) % periodMs;

/** Whether something that is done now and then is due, also spread. */
export const isDue = (last: Date | null, everyMs: number, nowMs: number): boolean =>
  last === null || nowMs - last.getTime() >= everyMs;
