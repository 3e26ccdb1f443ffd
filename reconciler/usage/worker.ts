import { type Clock, failpoint, ignoreObservations, makeRepeat, type Observe } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { foldRecords, pruneEvents, pruneSamples, rollUp } from "../../platform/store/index.ts";
import { type Machine, readMachine } from "./machine.ts";
import { finalAfterMs } from "./measure.ts";
import { makeSampler, type ObserveInstance, type Sampler } from "./sampler.ts";
import { takeTraffic } from "./traffic.ts";

export const hourMs = 3_600_000;
/** Samples outlive the time in which their hours may still be revised. */
const keepSamplesMs = 7 * 24 * hourMs;
/** An hour is rolled up when the gateway has told what it sent in it, too: it does so once a minute. */
const graceMs = 2 * 60_000;

export type UsageWorker = {
  /** Begins to sample at once, and then at the interval. */
  start(): void;
  /** One pass now: sample, and roll up the hours that ended. Passes never overlap; a second call waits for its own. */
  pass(): Promise<void>;
  /** Stops, and waits for the pass that runs. */
  close(): Promise<void>;
};

/** Meters every database: samples, hourly records, and forgetting. Several may run; what two of them measure counts once. */
export function makeUsageWorker(deps: {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly observe: ObserveInstance;
  readonly sampleEveryMs: number;
  /** Where the gateway of this machine writes bytes down; nothing is taken over without. */
  readonly trafficFolder?: string;
  readonly report?: Observe;
  /** Injected in tests. */
  readonly machine?: () => Machine | undefined;
  /** Length of a slot, for simulations of a long time. */
  readonly slotMs?: number;
}): UsageWorker {
  const { sql, clock, observe, report = ignoreObservations, machine = readMachine } = deps;
  let sampler: Sampler | undefined;
  let rolledUntilMs: number | undefined;
  let last: Promise<void> = Promise.resolve();

  const passOnce = async () => {
    const { trafficFolder: folder, slotMs } = deps;
    sampler ??= await makeSampler({
      sql,
      clock,
      observe,
      report,
      machine,
      ...(slotMs === undefined ? {} : { slotMs }),
    });
    const finalBeforeMs = hourOf(clock.now() - finalAfterMs);
    if (folder !== undefined) await takeTraffic({ sql, folder, report, finalBeforeMs });
    const { atMs } = await sampler.sample();
    const until = hourOf(atMs - graceMs);
    const records = await rollUp(sql, until);
    failpoint("usage.rolled");
    if (records > 0) report({ kind: "usage.rolled", records, window: new Date(until - hourMs).toISOString() });
    if (records > 0 || until !== rolledUntilMs) await foldRecords(sql);
    if (until === rolledUntilMs) return;
    await pruneSamples(sql, atMs - keepSamplesMs);
    await pruneEvents(sql, atMs - keepSamplesMs);
    rolledUntilMs = until;
  };
  const pass = () => {
    const next = last.then(passOnce);
    last = next.catch(() => undefined);
    return next;
  };
  const repeat = makeRepeat({ clock, everyMs: deps.sampleEveryMs, where: "usage.pass", observe: report }, pass);
  return {
    start: repeat.start,
    pass,
    close: async () => {
      await repeat.close();
      await last;
    },
  };
}

export const hourOf = (ms: number): number => Math.floor(ms / hourMs) * hourMs;
