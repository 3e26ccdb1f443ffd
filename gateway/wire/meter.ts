/**
 * Bytes of each instance's sessions, written down for billing: `<data>/meter/<name>.jsonl`, one line for an instance and a stretch
 * of time. The reconciler takes the lines over; a line has an id, so taking it twice is harmless.
 *
 * 1. A line is written once and never changed; a file that is finished (`<name>.jsonl`, not `.open`) grows no more.
 * 2. What a killed gateway had not written yet, at most one period, is not billed.
 */
import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, type Observe, reportFault } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Account } from "./types.ts";

/** One line. */
export type Metered = {
  readonly line: string;
  readonly id: DatabaseId;
  readonly fromMs: number;
  readonly toMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly connections: number;
  /** Of the data API. */
  readonly requests: number;
};

export type Meter = {
  account(id: DatabaseId): Account;
  flush(): Promise<void>;
  close(): Promise<void>;
};

export type MeterOptions = {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly everyMs?: number;
};

const nothing = { bytesIn: 0, bytesOut: 0, connections: 0, requests: 0 };

export async function makeMeter({ dataDir, clock, observe, everyMs = 60_000 }: MeterOptions): Promise<Meter> {
  const folder = join(dataDir, "meter");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder))
    if (name.endsWith(".open")) await rename(join(folder, name), join(folder, name.slice(0, -".open".length)));
  const accounts = new Map<DatabaseId, Account & { fromMs: number }>();

  const lines = (): Metered[] => {
    const toMs = clock.now();
    const found = [...accounts].filter(([, it]) => it.bytesIn + it.bytesOut + it.connections + it.requests > 0);
    return found.map(([id, it]) => {
      const { fromMs, bytesIn, bytesOut, connections, requests } = it;
      Object.assign(it, { fromMs: toMs, ...nothing });
      // A clock that was put back makes no negative time.
      return { line: randomUUID(), id, fromMs: Math.min(fromMs, toMs), toMs, bytesIn, bytesOut, connections, requests };
    });
  };
  const giveBack = (lost: readonly Metered[]) => {
    for (const { id, fromMs, bytesIn, bytesOut, connections, requests } of lost) {
      const it = account(id);
      it.fromMs = fromMs;
      it.bytesIn += bytesIn;
      it.bytesOut += bytesOut;
      it.connections += connections;
      it.requests += requests;
    }
  };
  const write = async () => {
    const fresh = lines();
    if (fresh.length === 0) return;
    const path = join(folder, `${String(clock.now()).padStart(15, "0")}-${fresh[0]?.line}.jsonl`);
    try {
      const file = await open(`${path}.open`, "wx", 0o600);
      try {
        await file.writeFile(fresh.map((line) => `${JSON.stringify(line)}\n`).join(""));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${path}.open`, path);
    } catch (thrown) {
      giveBack(fresh);
      reportFault(observe, "gateway.meter", thrown);
    }
  };

  const account = (id: DatabaseId) => {
    const found = accounts.get(id) ?? { fromMs: clock.now(), ...nothing };
    accounts.set(id, found);
    return found;
  };
  let writing: Promise<void> = Promise.resolve();
  const flush = () => {
    writing = writing.then(write);
    return writing;
  };
  const timer = setInterval(() => void flush(), everyMs);
  return {
    account,
    flush,
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}
