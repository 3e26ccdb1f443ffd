import { failpoint } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import type { Claim, Ending, Operation } from "../../platform/store/index.ts";
import type { Decision } from "./decide.ts";
import type { Job } from "./messages.ts";
import { endingOf, endingOfError } from "./outcome.ts";
import { clearLocks } from "./prepare.ts";
import { type Supervision, supervise } from "./supervise.ts";
import type { WorkerProcess } from "./worker-process.ts";

export type RunOptions = Supervision & {
  readonly onEnded: (tx: Sql, operation: Operation) => Promise<void>;
  /** Marks this moment in a database's write-ahead log, and answers where it stands. */
  readonly mark: (id: DatabaseId, name: string) => Promise<string | undefined>;
};

export type Applied = Extract<Decision, { kind: "deploy" }>;

/** What a claimed operation came to. No ending: the lease is lost. */
export type Settled = { readonly ending: Ending | undefined; readonly applied: Applied | undefined };

/** Supervises the job and translates how it ended; a worker that had to be killed leaves no lock behind. */
export async function runJob(
  options: RunOptions,
  claim: Claim,
  worker: WorkerProcess,
  job: Job,
  about: Readonly<Record<string, unknown>>,
): Promise<Ending | undefined> {
  const { operation, stack, fence } = claim;
  const supervised = await supervise(options, claim, worker, job);
  failpoint("deploy.job-done");
  if (supervised.kind === "lost") return undefined;
  if (!worker.isAlive())
    await clearLocks(
      options.sql,
      claim,
      fence + 1,
      `process group ${worker.pid} was killed and reaped`,
      options.observe,
    );
  if (supervised.kind === "cancelled") return { kind: "cancelled" };
  if (supervised.kind === "failed") return endingOfError(supervised.error, operation.id);
  if (supervised.result.kind === "pulumi")
    for (const [name, durationMs] of Object.entries(supervised.result.outcome.phases))
      options.observe({ kind: "deploy.phase", stack, phase: name.replace(/Ms$/, ""), durationMs });
  return endingOf(supervised.result, operation.id, about);
}
