import { type ComputeDriver, changesLogin, type InstancePhase, type Machinery } from "../../platform/compute/index.ts";
import type { BackupLine, Instance } from "../../platform/store/index.ts";
import {
  type DatabaseState,
  leastApartMs,
  ratesBetween,
  readPostgres,
  type Sample,
  type Values,
} from "../../platform/telemetry/index.ts";

export type LookParts = {
  readonly driver: Pick<ComputeDriver, "observe" | "load">;
  readonly glance: Machinery["glance"];
  readonly now: () => number;
};

/** One unit of compute has this much memory. */
const bytesPerUnit = 2 * 1024 ** 3;

/**
 * How a database is doing now. Reads; starts nothing and wakes nobody: of one that rests, what its server said last stays, with the time
 * of that; what the ledger knows is told anew.
 */
export async function lookAt(
  parts: LookParts,
  row: Instance,
  { before, line }: { readonly before: Sample | undefined; readonly line: BackupLine | undefined },
): Promise<Sample> {
  const { driver, glance, now } = parts;
  const seen = await driver.observe(row.id);
  const known = ledgerValues(row, line, now());
  const resting = (state: DatabaseState): Sample => ({
    ...{ state, atMs: before?.atMs ?? null, startedAtMs: before?.startedAtMs ?? null },
    ...{ values: { ...withoutLedger(before?.values ?? {}), ...known }, rates: {} },
  });
  const state = stateOf(seen?.phase);
  if (state !== "awake") return resting(state);
  const startedAtMs = seen?.startedAt?.getTime() ?? null;
  if (before !== undefined && isNew(before, startedAtMs, now())) return before;
  const inside = await glance(row.id, (sql) => readPostgres(sql, [changesLogin]));
  // somebody has it, or it was put to rest between the two questions
  if (inside === undefined) return resting(stateOf((await driver.observe(row.id))?.phase));
  const load = await driver.load(row.id);
  const after = {
    ...{ state: "awake" as const, atMs: now(), startedAtMs },
    values: { ...inside, ...loadValues(load), ...known },
  };
  return { ...after, rates: ratesBetween(before, after) };
}

/** Somebody has just looked: however many ask, and whoever asks, a server is not asked twice in a moment. */
const isNew = ({ state, atMs, ...before }: Sample, startedAtMs: number | null, nowMs: number): boolean =>
  state === "awake" && atMs !== null && before.startedAtMs === startedAtMs && isWithin(nowMs - atMs, leastApartMs);

const isWithin = (ms: number, limitMs: number): boolean => ms >= 0 && ms < limitMs;

/** What the ledger does not say any more is not true any more. */
const withoutLedger = (values: Values): Values => {
  const { backupOk: _ok, backupAgeSeconds: _age, restorableAgeSeconds: _behind, ...rest } = values;
  return rest;
};

/** What nobody has a folder for should run and does not. */
export function stateOf(phase: InstancePhase | undefined): DatabaseState {
  switch (phase) {
    case "Ready":
      return "awake";
    case "Frozen":
      return "frozen";
    case "Asleep":
      return "asleep";
    case "Paused":
    case "Retired":
      return "paused";
    case "Damaged":
      return "damaged";
    case "Starting":
    case "Stopped":
    case undefined:
      return "stopped";
  }
}

type Load = Awaited<ReturnType<ComputeDriver["load"]>>;

/** A machine that counts no processor's time says 0: that is no figure. */
const loadValues = (load: Load): Values =>
  load === undefined
    ? {}
    : {
        ...(load.cpuMs > 0 ? { cpuSeconds: load.cpuMs / 1000 } : {}),
        ...(load.memoryBytes === null ? {} : { memoryBytes: load.memoryBytes }),
        ...{ computeUnits: load.units, memoryLimitBytes: load.units * bytesPerUnit },
      };

/** `line`: of its backups, where some are declared. */
function ledgerValues({ spec, storageUsedBytes }: Instance, line: BackupLine | undefined, nowMs: number): Values {
  const age = (at: Date | null | undefined) => (at == null ? undefined : Math.max(0, (nowMs - at.getTime()) / 1000));
  const [backupAgeSeconds, restorableAgeSeconds] = [age(line?.baseAt), age(line?.coveredTo)];
  return {
    ...{ computeUnitsLimit: spec.compute.maxUnits, storageLimitBytes: spec.storageBytes, replicas: spec.replicas },
    ...(storageUsedBytes === null ? {} : { storageBytes: storageUsedBytes }),
    ...(spec.backups.retentionSeconds === 0 || line === undefined ? {} : { backupOk: line.problem === null ? 1 : 0 }),
    ...(backupAgeSeconds === undefined ? {} : { backupAgeSeconds }),
    ...(restorableAgeSeconds === undefined ? {} : { restorableAgeSeconds }),
  };
}
