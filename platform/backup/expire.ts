/**
 * What may go. A moment inside the retention stays restorable: the newest full backup that ended before it began is kept, with
 * everything after it. Pure, and the deletion by it.
 *
 * 1. The index stops naming a thing before it is deleted.
 * 2. Incremental backups are short cuts: those older than two days go, the full one and the log lead there as well.
 * 3. Of a database that is gone, everything goes when its last moment is older than the retention was.
 */
import type { DatabaseId } from "../spec/index.ts";
import { type Base, type Index, type LineStore, linesOf } from "./catalog.ts";
import type { Ground } from "./ground.ts";
import { isSegment, numberOf, segmentAt, timelineOf } from "./log-names.ts";
import { lockedBases, lockedLine } from "./ship.ts";

const shortCutMs = 2 * 86_400_000;

export type Expiry = { readonly keep: readonly Base[]; readonly firstSegment: string | null };

/** @param nowMs the retention is counted from here back */
export function expiryOf(
  { bases, first }: Pick<Index, "bases" | "first">,
  retentionSeconds: number,
  nowMs: number,
): Expiry {
  const cutoff = nowMs - retentionSeconds * 1000;
  const anchor = bases.findLast(({ kind, endedAt }) => kind === "full" && Date.parse(endedAt) <= cutoff);
  const since = anchor === undefined ? bases : bases.slice(bases.indexOf(anchor));
  const full = new Set(since.filter(({ kind }) => kind === "full").map(({ label }) => label));
  const fresh = (base: Base) => Date.parse(base.endedAt) > nowMs - shortCutMs;
  const needed = new Set<string>();
  for (const base of since.filter((one) => full.has(one.label) || fresh(one) || one === since.at(-1)))
    for (let at: Base | undefined = base; at !== undefined; ) {
      needed.add(at.label);
      const { parent }: Base = at;
      at = since.find(({ label }) => label === parent);
    }
  const keep = since.filter(({ label }) => needed.has(label));
  const [oldest] = keep;
  return { keep, firstSegment: oldest === undefined ? first : segmentAt(oldest.timeline, oldest.startLsn) };
}

export type Expired = { readonly bases: number; readonly objects: number };

/** `alive`: the folder that the database has now, its retention; undefined for one that is gone. */
export const expireBackups = (ground: Ground, id: DatabaseId, alive: Alive | undefined): Promise<Expired> =>
  lockedBases(ground, id, () => expireNow(ground, id, alive));

export type Alive = { readonly identity: string | null; readonly retentionSeconds: number };

async function expireNow(ground: Ground, id: DatabaseId, alive: Alive | undefined): Promise<Expired> {
  const nowMs = ground.machinery.now();
  const counted = { bases: 0, objects: 0 };
  for (const line of await linesOf(ground, id))
    await lockedLine(ground, id, async () => {
      const index = await line.readIndex();
      if (index === undefined) return;
      const retentionSeconds = alive?.retentionSeconds ?? index.retentionSeconds;
      const lastMs = Date.parse(index.coveredTo ?? index.bases.at(-1)?.endedAt ?? line.line.createdAt);
      const over = line.identity !== alive?.identity && lastMs < nowMs - retentionSeconds * 1000;
      const { keep, firstSegment } = over ? { keep: [], firstSegment: null } : expiryOf(index, retentionSeconds, nowMs);
      if (!over) await line.writeIndex({ ...index, bases: [...keep], first: firstSegment, retentionSeconds });
      const objects = await deleteUnnamed(line, { ...index, bases: [...keep], first: firstSegment }, over);
      counted.bases += index.bases.length - keep.length;
      counted.objects += objects;
    });
  return counted;
}

async function deleteUnnamed(line: LineStore, index: Index, everything: boolean): Promise<number> {
  const all = (await line.store.list(line.nameOf(""))).map(({ key }) => key);
  const labels = new Set(index.bases.map(({ label }) => label));
  const isOld = (part: string): boolean => {
    if (part.startsWith("base/")) return !labels.has(part.slice("base/".length).replace(/\.\w+$/, ""));
    const segment = part.slice("wal/".length);
    return part.startsWith("wal/") && isSegment(segment.slice(0, 24)) && !isNeeded(segment.slice(0, 24), index);
  };
  const gone = everything ? all : all.filter((key) => isOld(key.slice(line.nameOf("").length)));
  // its description goes last: a deletion that was cut short is found again
  const ordered = [...gone].sort((a, b) => Number(a.endsWith("/line.json")) - Number(b.endsWith("/line.json")));
  if (everything) for (const key of ordered) await line.store.delete([key]);
  else await line.store.delete(ordered);
  return ordered.length;
}

function isNeeded(segment: string, { first, bases, pitr }: Index): boolean {
  if (bases.length === 0 || first === null) return true; // the first backup is on its way
  const number = numberOf(segment);
  if (number < numberOf(first)) return false;
  if (pitr) return true;
  const last = bases.at(-1);
  if (last !== undefined && number > numberOf(segmentAt(timelineOf(segment), last.stopLsn))) return true;
  return bases.some(
    ({ timeline, startLsn, stopLsn }) =>
      number >= numberOf(segmentAt(timeline, startLsn)) && number <= numberOf(segmentAt(timeline, stopLsn)),
  );
}
