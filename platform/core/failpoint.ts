/**
 * Places between two writes where a test ends this process as a power cut would. `NEBULA_FAILPOINT=deploy.claimed:2` ends it
 * when it passes that place for the second time; without the variable a failpoint does nothing.
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
  // one machine
  "compute.folder-made",
  "compute.started",
  "compute.synced",
  // source, review and reports
  "source.recorded",
  "source.noted",
  "review.announced",
  "review.reported",
  "review.merged",
  // usage
  "usage.sampled",
  "usage.rolled",
  // drift
  "drift.looked",
  "drift.noted",
] as const;
export type Failpoint = (typeof failpoints)[number];

/** How often each armed name was passed; only a process with an armed failpoint has entries. */
const passed = new Map<string, number>();

export function failpoint(name: Failpoint): void {
  const armed = process.env.NEBULA_FAILPOINT;
  if (armed === undefined || armed === "") return;
  const [wanted, hit = "1"] = armed.split(":");
  if (wanted !== name) return;
  const times = (passed.get(name) ?? 0) + 1;
  passed.set(name, times);
  if (times >= Number(hit)) process.kill(process.pid, "SIGKILL");
}
