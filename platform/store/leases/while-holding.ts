import { type Observe, reportFault } from "../../core/index.ts";
import type { Pool, Sql } from "../../sql/index.ts";
import { expireDeadSingletons, type KeptLease, keepLease, type LeaseParts, usualLeases } from "./keep-lease.ts";
import { holdSingleton } from "./lease.ts";

/** What the work of a singleton gets. */
export type Held = {
  readonly fence: number;
  /** Aborted when the lease is lost, or the process stops: the work returns then. */
  readonly signal: AbortSignal;
  /** At the beginning of a transaction that must not happen twice. @throws NEB300 when somebody else has the lease by now. */
  hold(tx: Sql): Promise<void>;
};

export type Singleton = {
  start(): void;
  /** The lease, while we have it. */
  held(): Pick<KeptLease, "name" | "fence"> | undefined;
  /** Ends the work, waits for it and gives the lease back: the next one begins at once. */
  close(): Promise<void>;
};

export type SingletonParts = Omit<LeaseParts, "sql"> & { readonly sql: Pool; readonly observe: Observe };

/**
 * Runs `work` while this process holds the lease `name`, and only then; waits for the lease when another has it. `work` runs until
 * its signal is aborted (`during` makes such a work of what starts and closes). One that ends or throws before is begun again after a
 * heartbeat, under a new lease.
 */
export function whileHolding(parts: SingletonParts, name: string, work: (held: Held) => Promise<void>): Singleton {
  const { sql, observe, times = usualLeases } = parts;
  const stopping = new AbortController();
  let kept: KeptLease | undefined;
  let loop: Promise<void> | undefined;
  let wake = (): void => undefined;

  const runOnce = async (): Promise<void> => {
    await expireDeadSingletons(sql);
    kept = await keepLease(parts, name);
    if (kept === undefined) return;
    const { fence, leaseSeconds } = kept;
    const signal = AbortSignal.any([stopping.signal, kept.signal]);
    observe({ kind: "lease.taken", name, fence });
    try {
      await work({ fence, signal, hold: (tx) => holdSingleton(tx, { name, fence, leaseSeconds }) });
    } finally {
      if (kept.signal.aborted) observe({ kind: "lease.lost", stack: name, fence });
      await kept.release();
      kept = undefined;
    }
  };
  const run = async (): Promise<void> => {
    const unlisten = await sql.listen("nebula_leases", (freed) => freed === name && wake()).catch(() => undefined);
    while (!stopping.signal.aborted) {
      await runOnce().catch((thrown) => reportFault(observe, `singleton.${name}`, thrown));
      await pause(times.heartbeatMs / 2);
    }
    await unlisten?.();
  };
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      if (stopping.signal.aborted) return resolve();
      const timer = setTimeout(done, ms);
      wake = done;
      stopping.signal.addEventListener("abort", done, { once: true });
      function done() {
        clearTimeout(timer);
        stopping.signal.removeEventListener("abort", done);
        resolve();
      }
    });
  return {
    start: () => {
      loop ??= run();
    },
    held: () => (kept === undefined || kept.signal.aborted ? undefined : kept),
    async close() {
      stopping.abort();
      await loop;
    },
  };
}

/** The work of a singleton that begins something and closes it when the lease is lost. */
export const during =
  (begin: (held: Held) => { start(): unknown; close(): Promise<void> }) =>
  async (held: Held): Promise<void> => {
    const begun = begin(held);
    await begun.start();
    await aborted(held.signal);
    await begun.close();
  };

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
