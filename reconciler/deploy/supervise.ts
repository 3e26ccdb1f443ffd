import { setTimeout as sleep } from "node:timers/promises";
import { asNebulaError, type Clock, failpoint, type Observe } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { appendEvent, type Claim, heartbeat } from "../../platform/store/index.ts";
import { deadlinePassed } from "./errors.ts";
import type { Job, JobResult, Progress } from "./messages.ts";
import type { WorkerProcess } from "./worker-process.ts";

export type Supervision = {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly leaseSeconds: number;
  readonly heartbeatMs: number;
  /** Between the request to stop and the kill. */
  readonly graceMs: number;
  /** How a heartbeat is asked for at once, by operation: whoever cancels does not wait for the next one. */
  readonly pokes?: Map<string, () => void>;
};

export type Supervised =
  | { readonly kind: "ended"; readonly result: JobResult }
  | { readonly kind: "cancelled" }
  | { readonly kind: "failed"; readonly error: ReturnType<typeof asNebulaError> }
  /** Somebody else holds the stack: nothing may be written any more, not even the ending. */
  | { readonly kind: "lost" };

/**
 * Runs a job while its lease is held.
 *
 * 1. A fence that is not the newest any more kills the worker at once; so does a lease that could not be extended for as long as
 *    it lasts, by our own clock.
 * 2. Cancelling and the deadline ask first (one SIGINT), then kill the group.
 * 3. After anything but a normal ending the worker is dead and reaped when this returns.
 */
export async function supervise(s: Supervision, claim: Claim, worker: WorkerProcess, job: Job): Promise<Supervised> {
  const { operation } = claim;
  let verdict: "cancelled" | "lost" | "deadline" | undefined;
  const stop = async (why: NonNullable<typeof verdict>) => {
    if (verdict !== undefined) return;
    verdict = why;
    if (why === "lost") s.observe({ kind: "lease.lost", stack: claim.stack, fence: claim.fence });
    else {
      worker.interrupt();
      await Promise.race([sleep(s.graceMs, undefined, { ref: false }), settled]);
    }
    if (!isSettled) await worker.kill();
  };

  let heldUntil = s.clock.monotonicMs() + s.leaseSeconds * 1000;
  const beat = async () => {
    const began = s.clock.monotonicMs();
    const pulse = await heartbeat(s.sql, claim, s.leaseSeconds).catch(() => undefined);
    if (pulse === "lost") await stop("lost");
    else if (pulse === "cancelled") await stop("cancelled");
    if (pulse !== undefined && pulse !== "lost") heldUntil = began + s.leaseSeconds * 1000;
    else if (s.clock.monotonicMs() > heldUntil) await stop("lost");
  };
  const beating = setInterval(() => void beat(), s.heartbeatMs);
  s.pokes?.set(operation.id, () => void beat());
  const deadline = setTimeout(() => void stop("deadline"), operation.deadlineSeconds * 1000);

  const stopped = (): Supervised | undefined => {
    if (verdict === "lost" || verdict === "cancelled") return { kind: verdict };
    if (verdict === undefined) return undefined;
    return { kind: "failed", error: deadlinePassed(`not done within ${operation.deadlineSeconds} s`) };
  };

  let isSettled = false;
  const progress = makeProgressLog(s, claim);
  const running = worker.run(job, progress.add);
  failpoint("deploy.job-sent");
  const settled = running.then(
    () => undefined,
    () => undefined,
  );
  try {
    const result = await running;
    // a fence may have refused the job's own writes before the next heartbeat came to know
    if (!succeeded(result)) await beat();
    isSettled = true;
    if (verdict === "lost") return { kind: "lost" };
    return (succeeded(result) ? undefined : stopped()) ?? { kind: "ended", result };
  } catch (thrown) {
    isSettled = true;
    await worker.kill();
    return stopped() ?? { kind: "failed", error: asNebulaError(thrown) };
  } finally {
    clearInterval(beating);
    clearTimeout(deadline);
    s.pokes?.delete(operation.id);
    await progress.written();
  }
}

/** What was done before the request to stop came through is done. */
const succeeded = (result: JobResult) => (result.kind === "pulumi" ? result.outcome.ok : result.faults.length === 0);

/** Writes the lines of progress in their order, without making the job wait for the ledger. */
function makeProgressLog({ sql }: Supervision, { operation, fence }: Claim) {
  let last: Promise<unknown> = Promise.resolve();
  return {
    add: (progress: Progress) => {
      failpoint("deploy.event");
      last = last.then(() => appendEvent(sql, operation.id, { ...progress, fence })).catch(() => undefined);
    },
    written: () => last,
  };
}
