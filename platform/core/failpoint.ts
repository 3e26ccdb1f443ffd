import { readFileSync, unlinkSync } from "node:fs";

/**
 * Places between two writes where a test ends this process as a power cut would. `NEBULA_FAILPOINT=deploy.claimed:2` ends it
 * when it passes that place for the second time. `NEBULA_FAILPOINT=@/path` reads the same words from a file, and takes the file away
 * first: so one process of many ends, once, and a test arms the next place while they run. Without the variable a failpoint does
 * nothing.
 *
 * 1. It ends by SIGKILL to itself: nothing is flushed, released or told.
 * 2. Every name stands in this list, so that a test can try them all, and none stands there that no code passes (a test asks).
 */
export const failpoints = [
  // an operation's life, in the process that claims it
  "operation.queued",
  "deploy.claimed",
  "deploy.decided",
  "deploy.state-made",
  "deploy.locks-cleared",
  "deploy.state-repaired",
  "deploy.job-sent",
  "deploy.event",
  "deploy.job-done",
  "deploy.ending-written",
  "deploy.ended",
  // in the worker: Pulumi's events, and the provider's effects
  "worker.job-taken",
  "worker.pulumi-event",
  "worker.pulumi-ended",
  "provider.reserved",
  "provider.password-kept",
  "provider.effect-done",
  "provider.recorded",
  "provider.removed",
  // a migration of a database, in the worker
  "migrate.held",
  "migrate.begun",
  "migrate.ran",
  "migrate.committed",
  // one machine
  "compute.folder-made",
  "compute.started",
  "compute.synced",
  // a standby takes its primary's place
  "compute.succession-noted",
  "compute.primary-fenced",
  "compute.primary-moved",
  "compute.standby-moved",
  "compute.standby-promoted",
  // source, review and reports
  "source.recorded",
  "source.noted",
  "review.announced",
  "review.reported",
  "review.merged",
  // usage
  "usage.sampled",
  "usage.rolled",
  // a month that is closed, and who is told of it
  "billing.issued",
  "billing.closed",
  "billing.begun",
  "billing.sent",
  "billing.recorded",
  // an invoice's way to the payment service
  "payments.begun",
  "payments.created",
  "payments.filled",
  "payments.finalized",
  "payments.recorded",
  // drift
  "drift.looked",
  "drift.noted",
] as const;
export type Failpoint = (typeof failpoints)[number];

/** How often each armed place was passed; only a process with an armed failpoint has entries. */
const passed = new Map<string, number>();

export function failpoint(name: Failpoint): void {
  const variable = process.env.NEBULA_FAILPOINT;
  if (variable === undefined || variable === "") return;
  const file = variable.startsWith("@") ? variable.slice(1) : undefined;
  const armed = file === undefined ? variable : read(file);
  const [wanted, hit = "1"] = armed.split(":");
  if (wanted !== name) return;
  const times = (passed.get(armed) ?? 0) + 1;
  passed.set(armed, times);
  if (times >= Number(hit) && (file === undefined || take(file))) process.kill(process.pid, "SIGKILL");
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
}

/** Whether we are the one that ends. */
function take(file: string): boolean {
  try {
    unlinkSync(file);
    return true;
  } catch {
    return false;
  }
}
