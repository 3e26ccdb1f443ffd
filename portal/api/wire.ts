import { parseTraceparent, toTimestamp } from "../../platform/core/index.ts";
import { moneyText } from "../../platform/pricing/index.ts";
import type { Operation } from "../../platform/store/index.ts";

/** Rows to what the API says. One function a thing, so that it looks the same wherever it appears. */
export const time = (date: Date): string => toTimestamp(date.getTime());
export const timeOrNull = (date: Date | null): string | null => (date === null ? null : time(date));

export const moneyToWire = (micros: number, currency: string) => ({ amount: moneyText(micros), currency });

/** `tenant.project` into its parts: names hold no dot. */
export function splitStack(stack: string): { readonly tenant: string; readonly project: string } {
  const [tenant = "", project = ""] = stack.split(".");
  return { tenant, project };
}

export function operationToWire(row: Operation) {
  const { tenant, project } = splitStack(row.stack);
  return {
    id: row.id,
    type: row.type,
    state: row.state,
    domain: tenant,
    project,
    database: row.database,
    commit: row.commit,
    pull: row.pullNumber,
    requestedBy: row.requestedBy,
    attempt: row.attempt,
    maxAttempts: row.maxAttempts,
    priority: row.priority,
    progress: { ...row.progress },
    outcome: row.outcome,
    error: row.error === null ? null : { ...row.error },
    result: row.result === null ? null : { ...row.result },
    createdAt: time(row.createdAt),
    startedAt: timeOrNull(row.startedAt),
    finishedAt: timeOrNull(row.finishedAt),
    trace: parseTraceparent(row.traceparent)?.traceId ?? null,
  };
}
