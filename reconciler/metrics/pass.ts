import { isDeepStrictEqual } from "node:util";
import pLimit from "p-limit";
import { type Clock, makeRepeat, type Observe, reportFault, systemClock } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  type BackupLine,
  type DatabaseSample,
  getDatabaseSample,
  getInstance,
  type Instance,
  listBackupLines,
  listInstances,
  listScraped,
  putDatabaseSamples,
} from "../../platform/store/index.ts";
import type { Sample } from "../../platform/telemetry/index.ts";
import { type LookParts, lookAt } from "./look.ts";
import { fromRow, toRow } from "./sample-row.ts";

export type MetricsParts = Omit<LookParts, "now"> & {
  readonly sql: Sql;
  readonly observe: Observe;
  readonly clock?: Clock;
  readonly everyMs?: number;
};

export type MetricsPass = {
  /** One look at every database of this machine; how many. Joins one that is under way. */
  run(): Promise<number>;
  start(): void;
  close(): Promise<void>;
};

/** As often as Prometheus asks. */
const usualMs = 15_000;
/** Connections to databases at a time. */
const atOnce = 4;
/** Rows of the ledger at a time: a pass over many shows what it has so far. */
const batch = 100;
/** What has not changed is written again this often: of a database that rests only the ages of its backups move. */
const restMs = 5 * 60_000;

/** Looks at databases in turns, and writes down what it saw. A database that cannot be looked at keeps nobody else waiting. */
export function makeMetricsPass(parts: MetricsParts): MetricsPass {
  const { sql, observe, clock = systemClock, everyMs = usualMs } = parts;
  let running: Promise<number> | undefined;
  /** When each was last written by us. */
  let written = new Map<DatabaseId, number>();

  /** Whether the ledger says it already. A thousand sleepers cost it no row every fifteen seconds. */
  const isNoted = (id: DatabaseId, sample: Sample, before: Sample | undefined): boolean => {
    const fresh = clock.monotonicMs() - (written.get(id) ?? Number.NEGATIVE_INFINITY) < restMs;
    return fresh && before !== undefined && sample.atMs === before.atMs && isSame(sample, before);
  };

  const look = async (
    row: Instance,
    before: Sample | undefined,
    line: BackupLine | undefined,
  ): Promise<readonly DatabaseSample[]> => {
    try {
      const sample = await lookAt({ ...parts, now: () => clock.now() }, row, { before, line });
      return isNoted(row.id, sample, before) ? [] : [toRow(row.id, sample)];
    } catch (thrown) {
      reportFault(observe, "metrics.look", thrown, row.id);
      return [];
    }
  };

  const pass = async (): Promise<number> => {
    const began = clock.monotonicMs();
    const [rows, known, lines] = await Promise.all([
      listInstances(sql, { phases: ["Ready", "Paused", "Failed"] }),
      listScraped(sql),
      listBackupLines(sql),
    ]);
    const local = rows.filter(({ placement }) => placement === "local");
    const before = new Map(known.flatMap(({ id, sample }) => (sample === null ? [] : [[id, fromRow(sample)]])));
    const linesOf = Map.groupBy(lines, ({ instance }) => instance);
    const limit = pLimit(atOnce);
    for (let from = 0; from < local.length; from += batch) {
      const part = local.slice(from, from + batch);
      const looks = part.map((row) => limit(() => look(row, before.get(row.id), lineOf(linesOf.get(row.id), row))));
      const seen = (await Promise.all(looks)).flat();
      await putDatabaseSamples(sql, seen);
      for (const { instance } of seen) written.set(instance, clock.monotonicMs());
    }
    const there = new Set<string>(local.map(({ id }) => id));
    written = new Map([...written].filter(([id]) => there.has(id)));
    observe({ kind: "metrics.passed", databases: local.length, durationMs: clock.monotonicMs() - began });
    return local.length;
  };

  const run = () => {
    running ??= pass().finally(() => {
      running = undefined;
    });
    return running;
  };
  const repeat = makeRepeat({ clock, everyMs, where: "metrics.pass", observe }, run);
  return {
    run,
    start: repeat.start,
    close: async () => {
      await repeat.close();
      await running?.catch(() => undefined);
    },
  };
}

/** But for what grows by itself. */
function isSame(one: Sample, other: Sample): boolean {
  const still = ({ state, values: { backupAgeSeconds: _base, restorableAgeSeconds: _end, ...values } }: Sample) => ({
    state,
    values,
  });
  return isDeepStrictEqual(still(one), still(other));
}

/** What is stored of the folder that it has now. */
const lineOf = (lines: readonly BackupLine[] | undefined, { identity }: Instance): BackupLine | undefined =>
  lines?.find((line) => line.identity === identity);

/** One database, looked at because somebody asks now; undefined where this machine has no such one. What was seen is kept for all. */
export async function lookNow(parts: MetricsParts, id: DatabaseId): Promise<Sample | undefined> {
  const { sql, clock = systemClock } = parts;
  const row = await getInstance(sql, id);
  if (row === undefined || row.placement !== "local" || row.phase === "Removed") return undefined;
  const [known, lines] = await Promise.all([getDatabaseSample(sql, id), listBackupLines(sql, id)]);
  const before = known === undefined ? undefined : fromRow(known);
  const sample = await lookAt({ ...parts, now: () => clock.now() }, row, { before, line: lineOf(lines, row) });
  await putDatabaseSamples(sql, [toRow(id, sample)]);
  return sample;
}
