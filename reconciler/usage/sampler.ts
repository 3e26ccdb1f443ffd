import pLimit from "p-limit";
import { type Clock, failpoint, type Observe, reportFault } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  lastSamples,
  listMeteredInstances,
  type MeteredInstance,
  putGaps,
  putSamples,
  removedAt,
  type UsageGap,
  type UsageSample,
} from "../../platform/store/index.ts";
import { getAnchor, type Machine, passedSince, putAnchor } from "./machine.ts";
import { finalAfterMs, measure, type Position, positionOf, type Reading } from "./measure.ts";
import { farAheadMs, type Moment, makeTimeline } from "./timeline.ts";

/** Looks at one instance; undefined when it is not there. May throw: then its time is filed at the next look. */
export type ObserveInstance = (instance: MeteredInstance) => Promise<Reading | undefined>;

export type Sampler = {
  /** One pass over all databases. Tells how far everything is measured. */
  sample(): Promise<{ readonly atMs: number }>;
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
  /** Default: a minute. */
  readonly slotMs?: number;
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
      ...measure(instance, reading, positions.get(instance.id), moment, deps.slotMs),
    }));
    const samples = measured.flatMap((one) => one.samples);
    await noteGaps(
      sql,
      [...measured.flatMap((one) => one.gaps), ...(await gapsOfTheGone(sql, positions, instances))],
      deps.report,
    );
    for (const rows of chunks(samples)) await putSamples(sql, rows);
    failpoint("usage.sampled");
    for (const { id, position } of measured) positions.set(id, position);
    for (const id of othersThan(instances, positions)) positions.delete(id);
    const here = machine();
    if (here !== undefined) await putAnchor(sql, { ...here, atMs: tick().atMs });
    deps.report({ kind: "usage.sampled", databases: looks.length, durationMs: clock.monotonicMs() - began });
    return { atMs: looks.reduce((least, { moment }) => Math.min(least, moment.atMs), tick().atMs) };
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

/** Before what is filed: whoever is killed in between notes them again, and they are the same. */
async function noteGaps(sql: Sql, gaps: readonly UsageGap[], report: Observe): Promise<void> {
  await putGaps(sql, gaps);
  if (gaps.length > 0) report({ kind: "usage.gaps", gaps: gaps.length });
}

/**
 * A database that is gone is not remembered; were it to come back, the ledger's samples do not count for the time between. What it
 * lived after the last look is in no record.
 */
async function gapsOfTheGone(
  sql: Sql,
  positions: ReadonlyMap<string, Position>,
  instances: readonly MeteredInstance[],
): Promise<UsageGap[]> {
  const removed = await removedAt(sql, othersThan(instances, positions));
  return [...removed].flatMap(([instance, toMs]): UsageGap[] => {
    const fromMs = positions.get(instance)?.untilMs ?? toMs;
    return toMs - fromMs > goneMs ? [{ instance, meter: null, reason: "gone", fromMs, toMs }] : [];
  });
}

/** Between two looks at the latest a database goes without one. */
const goneMs = 2 * 60_000;

function othersThan(instances: readonly MeteredInstance[], positions: ReadonlyMap<string, Position>): string[] {
  const present = new Set(instances.map(({ id }) => id));
  return [...positions.keys()].filter((id) => !present.has(id));
}
