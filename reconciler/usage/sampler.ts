import pLimit from "p-limit";
import { type Clock, failpoint, type Observe, reportFault } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  lastSamples,
  listMeteredInstances,
  type MeteredInstance,
  putSamples,
  type UsageSample,
} from "../../platform/store/index.ts";
import { getAnchor, type Machine, passedSince, putAnchor } from "./machine.ts";
import { finalAfterMs, measure, type Position, positionOf, type Reading } from "./measure.ts";
import { farAheadMs, type Moment, makeTimeline } from "./timeline.ts";

/** Looks at one instance; undefined when it is not there. May throw: then its time is filed at the next look. */
export type ObserveInstance = (instance: MeteredInstance) => Promise<Reading | undefined>;

export type Sampler = {
  /** One pass over all databases. Tells how far everything is measured, and the oldest slot that was written. */
  sample(): Promise<{ readonly atMs: number; readonly oldestSlotMs: number }>;
};

const looksAtOnce = 8;
const rowsAWrite = 2_000;

/** Goes on where the ledger's samples end, so that a restart leaves no hole. */
export async function makeSampler(deps: {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly observe: ObserveInstance;
  readonly report: Observe;
  readonly machine: () => Machine | undefined;
}): Promise<Sampler> {
  const { sql, clock, machine } = deps;
  const { positions, startMs } = await restore(deps);
  const tick = makeTimeline(clock, startMs);

  const sample = async () => {
    const began = clock.monotonicMs();
    const instances = await listMeteredInstances(sql);
    const looks = await lookAtAll(instances, tick, deps);
    const measured = looks.map(({ instance, reading, moment }) => ({
      id: instance.id,
      ...measure(instance, reading, positions.get(instance.id), moment),
    }));
    const samples = measured.flatMap((one) => one.samples);
    for (const rows of chunks(samples)) await putSamples(sql, rows);
    failpoint("usage.sampled");
    for (const { id, position } of measured) positions.set(id, position);
    forgetOthers(positions, instances);
    const here = machine();
    if (here !== undefined) await putAnchor(sql, { ...here, atMs: tick().atMs });
    deps.report({ kind: "usage.sampled", databases: looks.length, durationMs: clock.monotonicMs() - began });
    const atMs = Math.min(tick().atMs, ...looks.map(({ moment }) => moment.atMs));
    return { atMs, oldestSlotMs: Math.min(atMs, ...samples.map(({ slotMs }) => slotMs)) };
  };
  return { sample };
}

/** Where every database stood, and where metering time goes on: the last process's, plus what passed since. */
async function restore({
  sql,
  clock,
  machine,
}: {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly machine: () => Machine | undefined;
}) {
  const wallMs = clock.now();
  const known = await lastSamples(sql, wallMs - finalAfterMs, wallMs + farAheadMs);
  const anchor = await getAnchor(sql);
  const passedMs = passedSince(anchor, machine());
  const resumedMs = anchor === undefined || passedMs === undefined ? 0 : anchor.atMs + passedMs;
  const positions = new Map(
    known.map((sample) => {
      const agoMs = resumedMs === 0 ? null : resumedMs - sample.untilMs;
      return [sample.instance, positionOf(sample, agoMs === null ? null : clock.monotonicMs() - agoMs)];
    }),
  );
  return { positions, startMs: Math.max(resumedMs, ...known.map(({ untilMs }) => untilMs)) };
}

type Look = { readonly instance: MeteredInstance; readonly reading: Reading; readonly moment: Moment };

async function lookAtAll(
  instances: readonly MeteredInstance[],
  tick: () => Moment,
  { observe, report }: { readonly observe: ObserveInstance; readonly report: Observe },
): Promise<Look[]> {
  const limit = pLimit(looksAtOnce);
  const looks = instances.map((instance) =>
    limit(async (): Promise<Look[]> => {
      try {
        const reading = await observe(instance);
        return reading === undefined ? [] : [{ instance, reading, moment: tick() }];
      } catch (thrown) {
        reportFault(report, "usage.observe", thrown, instance.id);
        return [];
      }
    }),
  );
  return (await Promise.all(looks)).flat();
}

function* chunks(samples: readonly UsageSample[]): Generator<readonly UsageSample[]> {
  for (let i = 0; i < samples.length; i += rowsAWrite) yield samples.slice(i, i + rowsAWrite);
}

/** A database that is gone is not remembered; were it to come back, the ledger's samples do not count for the time between. */
function forgetOthers(positions: Map<string, Position>, instances: readonly MeteredInstance[]): void {
  const present = new Set(instances.map(({ id }) => id));
  for (const id of positions.keys()) if (!present.has(id)) positions.delete(id);
}
