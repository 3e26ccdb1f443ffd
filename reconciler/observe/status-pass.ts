import { isDeepStrictEqual } from "node:util";
import pLimit from "p-limit";
import type { ComputeDriver, StandbyObserved } from "../../platform/compute/index.ts";
import {
  asNebulaError,
  type Clock,
  makeRepeat,
  type Observe,
  reportFault,
  systemClock,
} from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  type ComputeSeen,
  type Instance,
  listInstances,
  setComputeSeen,
  setInstancePhase,
  setStandbysSeen,
} from "../../platform/store/index.ts";
import { computeSeen, decide } from "./decide.ts";
import { purgeFinalCopies } from "./purge-final-copies.ts";

export type StatusFinding = {
  readonly id: string;
  readonly kind: "healed" | "stopped" | "recorded" | "failed";
  readonly message: string;
};

export type StatusReport = { readonly instances: number; readonly findings: readonly StatusFinding[] };

export type StatusPass = {
  /** One pass now; joins one that is under way. */
  run(): Promise<StatusReport>;
  /** A pass at once and then every interval. */
  start(): void;
  close(): Promise<void>;
};

type Options = {
  readonly sql: Sql;
  readonly driver: Pick<ComputeDriver, "observe" | "load" | "standbys" | "start" | "stop" | "purge">;
  readonly observe: Observe;
  /** What else is done at every pass, for example keeping the servers' logs short. */
  readonly tend?: (local: readonly Instance[]) => Promise<void>;
  readonly intervalMs?: number;
  readonly clock?: Clock;
};

export function makeStatusPass({
  sql,
  driver,
  observe,
  tend = async () => undefined,
  intervalMs = 30_000,
  clock = systemClock,
}: Options): StatusPass {
  let running: Promise<StatusReport> | undefined;

  const pass = async (): Promise<StatusReport> => {
    const began = clock.monotonicMs();
    const rows = await listInstances(sql, { phases: ["Ready", "Failed", "Paused", "Retired"] });
    const limit = pLimit(4);
    const local = rows.filter(({ placement }) => placement === "local");
    const found = await Promise.all(local.map((row) => limit(() => settle({ sql, driver, observe }, row))));
    await purgeFinalCopies(sql, driver);
    await tend(local);
    const findings = found.filter((finding) => finding !== undefined);
    const failed = findings.filter(({ kind }) => kind === "failed").length;
    const durationMs = clock.monotonicMs() - began;
    observe({ kind: "status.passed", instances: local.length, failed, durationMs });
    return { instances: local.length, findings };
  };

  const run = () => {
    running ??= pass().finally(() => {
      running = undefined;
    });
    return running;
  };

  const repeat = makeRepeat({ clock, everyMs: intervalMs, where: "observe.pass", observe }, run);

  return {
    run,
    start: repeat.start,
    close: async () => {
      await repeat.close();
      await running?.catch(() => undefined);
    },
  };
}

type Deps = Pick<Options, "sql" | "driver" | "observe">;

/** Brings one instance and its row together; what was done. A failure is a finding, and the next pass tries again. */
async function settle(deps: Deps, row: Instance): Promise<StatusFinding | undefined> {
  try {
    return await act(deps, row);
  } catch (thrown) {
    const { message } = asNebulaError(thrown);
    if (row.phase === "Ready") await setInstancePhase(deps.sql, row, "Failed");
    reportFault(deps.observe, "observe.instance", thrown, row.id);
    return { id: row.id, kind: "failed", message };
  }
}

async function noteCompute(sql: Sql, row: Instance, seen: ComputeSeen): Promise<void> {
  const { computeState, computeUnits, computeEnforced } = row;
  if (!isDeepStrictEqual(seen, { computeState, computeUnits, computeEnforced })) await setComputeSeen(sql, row, seen);
}

async function noteStandbys(sql: Sql, row: Instance, seen: readonly StandbyObserved[]): Promise<void> {
  const standbys = seen.map(({ number, phase, streaming, synchronous, lagBytes, lagMs }) => ({
    ...{ number, phase, streaming, synchronous, lagBytes, lagMs },
  }));
  const failovers = seen[0]?.epoch ?? 0;
  if (!isDeepStrictEqual({ standbys, failovers }, { standbys: row.standbys, failovers: row.failovers }))
    await setStandbysSeen(sql, row, { standbys, failovers });
}

async function act({ sql, driver, observe }: Deps, row: Instance): Promise<StatusFinding | undefined> {
  const { id } = row;
  const seen = await driver.observe(id);
  await noteCompute(sql, row, computeSeen(seen, seen?.phase === "Ready" ? await driver.load(id) : undefined));
  if (row.spec.replicas > 0 || row.standbys.length > 0) await noteStandbys(sql, row, await driver.standbys(id));
  const verdict = decide({ phase: row.phase, replicas: row.spec.replicas }, seen);
  switch (verdict.kind) {
    case "agreed":
      return undefined;
    case "start":
      await driver.start(id);
      observe({ kind: "instance.healed", instance: id, reason: verdict.reason });
      if (row.phase === "Failed") await setInstancePhase(sql, row, "Ready");
      return { id, kind: "healed", message: verdict.reason };
    case "stop":
      await driver.stop(id);
      return { id, kind: "stopped", message: verdict.reason };
    case "record": {
      if (!(await setInstancePhase(sql, row, verdict.phase))) return undefined;
      const kind = verdict.phase === "Failed" ? "failed" : "recorded";
      return { id, kind, message: verdict.reason };
    }
  }
}
