/**
 * The archive's layout: `<backups>/ledger/<era>/{bases,wal}` and `<backups>/forge`. An era is one unbroken life of the ledger, named
 * by its system identifier, its timeline and its newest recovery: a restored ledger begins another, so the logs of two lives are
 * never mixed.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { readManifest } from "./manifest.ts";

export type Base = {
  readonly path: string;
  readonly endedAt: Date;
  readonly startSegment: string;
};

export const eraFolder = (backups: string, era: string): string => join(backups, "ledger", era);

/** Finished bases of an era, oldest first. One whose manifest cannot be read is left out: `backup verify` names it. */
export function basesOf(folder: string): Base[] {
  const bases = join(folder, "bases");
  if (!existsSync(bases)) return [];
  return readdirSync(bases)
    .filter((name) => /^[0-9TZ-]+$/.test(name))
    .flatMap((name): Base[] => {
      try {
        const { endedAt, ledger } = readManifest(join(bases, name));
        return [{ path: join(bases, name), endedAt: new Date(endedAt), startSegment: ledger.startSegment }];
      } catch {
        return [];
      }
    })
    .sort((a, b) => a.endedAt.getTime() - b.endedAt.getTime());
}

const segment = /^([0-9A-F]{24})(\.gz|\.partial)?$/;

export type Segment = { readonly name: string; readonly file: string; readonly whole: boolean };

/** The log's files in order; one that is there twice (packed and not) once. */
export function segmentsOf(folder: string): Segment[] {
  const wal = join(folder, "wal");
  if (!existsSync(wal)) return [];
  const found = new Map<string, Segment>();
  for (const file of readdirSync(wal).sort()) {
    const [, name, ending] = segment.exec(file) ?? [];
    if (name === undefined) continue;
    const whole = ending !== ".partial";
    if (!found.has(name) || whole) found.set(name, { name, file: join(wal, file), whole });
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const perLog = 0x1_0000_0000 / (16 * 1024 * 1024);

/** The number of a segment inside its timeline. */
export const numberOf = (name: string): number =>
  Number.parseInt(name.slice(8, 16), 16) * perLog + Number.parseInt(name.slice(16), 16);

/** Eras, the one that was written last first. */
export function erasIn(backups: string): string[] {
  const root = join(backups, "ledger");
  if (!existsSync(root)) return [];
  const newest = (era: string) =>
    Math.max(
      0,
      ...basesOf(eraFolder(backups, era)).map(({ endedAt }) => endedAt.getTime()),
      ...segmentsOf(eraFolder(backups, era)).map(({ file }) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0),
    );
  return readdirSync(root)
    .filter((name) => /^\d+-\d+-\d+$/.test(name))
    .map((name) => ({ name, at: newest(name) }))
    .sort((a, b) => b.at - a.at)
    .map(({ name }) => name);
}
