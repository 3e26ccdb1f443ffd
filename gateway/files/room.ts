import { join } from "node:path";
import type { Clock } from "../../platform/core/index.ts";
import { type Bucket, sizeOf } from "./buckets.ts";
import type { FilesLayout } from "./layout.ts";

/** How full buckets are: measured now and then, and counted in between. */
export type Room = {
  /** Whether so much more has its place; if so it is counted, until it is measured again. */
  admit(bucket: Bucket, bytes: number): Promise<boolean>;
  measure(label: string): Promise<number>;
};

type Measured = { bytes: number; readonly atMs: number; readonly tookMs: number };

const freshMs = 30_000;
/** A large bucket is not measured so often that this is all that happens: what took long is believed for so much longer. */
const restFactor = 20;
const longMs = 200;

const restMs = ({ tookMs }: Measured): number => (tookMs < longMs ? 0 : tookMs * restFactor);

/** What is being written is counted by what it says of itself: a measurement in the middle of it sees a part, and counts it twice. */
export function makeRoom(layout: FilesLayout, clock: Clock): Room {
  const known = new Map<string, Promise<Measured>>();
  const look = (label: string): Promise<Measured> => {
    const atMs = clock.monotonicMs();
    const found = sizeOf(join(layout.objects, label)).then((bytes) => {
      const endMs = clock.monotonicMs();
      return { bytes, atMs: endMs, tookMs: endMs - atMs };
    });
    known.set(label, found);
    found.catch(() => known.delete(label));
    return found;
  };
  const current = async (label: string, need: number, limit: number): Promise<Measured> => {
    const before = await known.get(label);
    if (before === undefined) return look(label);
    const ageMs = clock.monotonicMs() - before.atMs;
    if (ageMs < restMs(before)) return before;
    // one that would be refused is refused by what is true now: something may have been deleted
    return ageMs < freshMs && before.bytes + need <= limit ? before : look(label);
  };
  return {
    async admit({ label, spec }, bytes) {
      const measured = await current(label, bytes, spec.storageBytes);
      if (measured.bytes + bytes > spec.storageBytes) return false;
      measured.bytes += bytes;
      return true;
    },
    async measure(label) {
      const before = await known.get(label);
      const isResting = before !== undefined && clock.monotonicMs() - before.atMs < restMs(before);
      return (isResting ? before : await look(label)).bytes;
    },
  };
}
