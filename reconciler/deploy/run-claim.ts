import { asNebulaError, failpoint, internalError, type NebulaError, noteSpan } from "../../platform/core/index.ts";
import { type Claim, finishOperation, recordApplied, type WorkerType } from "../../platform/store/index.ts";
import { type Handler, handlers } from "./handlers.ts";
import { endingOfError } from "./outcome.ts";
import type { RunOptions, Settled } from "./run-job.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** Runs one claimed operation from decision to ending. The ending is written only under the newest fence. */
export async function runClaim(options: RunOptions, claim: Claim, worker: WorkerProcess): Promise<void> {
  const began = options.clock.monotonicMs();
  const { ending, applied } = await settle(options, claim, worker).catch((thrown) => ({
    ending: endingOfError(reportDefect(options, thrown), claim.operation.id),
    applied: undefined,
  }));
  if (ending === undefined) return;
  const ended = await finishOperation(options.sql, claim, ending, async (tx, operation) => {
    if (applied !== undefined && operation.state === "COMPLETED")
      await recordApplied(tx, claim.stack, { ...applied, commit: applied.commit ?? "" });
    await options.onEnded(tx, operation);
    failpoint("deploy.ending-written");
  });
  failpoint("deploy.ended");
  if (ended === undefined) {
    options.observe({ kind: "lease.lost", stack: claim.stack, fence: claim.fence });
    return;
  }
  noteSpan({
    "nebula.outcome": ended.outcome ?? ended.state,
    ...(ended.error === null ? {} : { "error.type": ended.error.code }),
  });
  options.observe({
    kind: "operation.ended",
    operation: ended.id,
    stack: claim.stack,
    type: ended.type,
    state: ended.state === "IN_PROGRESS" ? "QUEUED" : ended.state,
    outcome: ended.outcome ?? "",
    durationMs: options.clock.monotonicMs() - began,
  });
}

/** What nobody foresaw is shown to users as a bare NEB900; the cause belongs in the log. */
function reportDefect({ observe }: RunOptions, thrown: unknown): NebulaError {
  const error = asNebulaError(thrown);
  if (error.code === internalError.definition.code) {
    const cause = error.cause instanceof Error ? error.cause : error;
    observe({ kind: "fault", where: "deploy", code: error.code, message: cause.message, stack: cause.stack ?? "" });
  }
  return error;
}

async function settle(options: RunOptions, claim: Claim, worker: WorkerProcess): Promise<Settled> {
  const handle: Handler | undefined = handlers[claim.operation.type as WorkerType];
  if (handle === undefined) throw new Error(`nobody handles ${claim.operation.type}`);
  return handle(options, claim, worker);
}
