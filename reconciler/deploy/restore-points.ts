import { asNebulaError } from "../../platform/core/index.ts";
import { appendEvent, type Claim, listInstances, recordRestorePoint } from "../../platform/store/index.ts";
import type { Plan, Step } from "../plan/index.ts";
import type { RunOptions } from "./run-job.ts";

/**
 * Marks where each running database stands before an apply that can touch its data, so that the declaration and the data can go
 * back together. A mark is a place in the write-ahead log: it restores nothing by itself. A server that cannot be marked is said
 * so and deployed all the same - the deployment may be what mends it.
 */
export async function takeRestorePoints(o: RunOptions, { operation, stack, fence }: Claim, plan: Plan): Promise<void> {
  const risky = new Set(plan.steps.filter(touchesData).map(({ database }) => database));
  if (risky.size === 0) return;
  const running = await listInstances(o.sql, { stack, phases: ["Ready"] });
  for (const { id, database, commit } of running.filter((instance) => risky.has(instance.database))) {
    const name = `nebula:${operation.id}`;
    const said = await o
      .mark(id, name)
      .then(async (lsn) => {
        if (lsn === undefined) return undefined;
        const point = await recordRestorePoint(o.sql, { instance: id, lsn, name, commit, operation: operation.id });
        return { message: `restore point of ${database} at ${lsn}`, data: { restorePoint: point.id, lsn } };
      })
      .catch((thrown: unknown) => ({
        level: "warn" as const,
        message: `${database} could not be marked: ${asNebulaError(thrown).message}`,
      }));
    if (said !== undefined) await appendEvent(o.sql, operation.id, { phase: "restore-point", fence, ...said });
  }
}

/** What restarts, stops or loses something, and every change of version. A new database has nothing yet. */
const touchesData = ({ kind, risk, changes }: Step): boolean =>
  kind !== "create" && (risk !== "none" || changes.some(({ path }) => path === "version"));
