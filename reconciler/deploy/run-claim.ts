import { asNebulaError, internalError, type NebulaError } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  appendEvent,
  type Claim,
  type Ending,
  finishOperation,
  listInstances,
  type Operation,
  recordApplied,
} from "../../platform/store/index.ts";
import { type Decision, decide } from "./decide.ts";
import type { ActVerb, Job } from "./messages.ts";
import { endingOf, endingOfError } from "./outcome.ts";
import { clearLocks, prepareState } from "./prepare.ts";
import { type Supervision, supervise } from "./supervise.ts";
import type { WorkerProcess } from "./worker-process.ts";

export type RunOptions = Supervision & {
  readonly onEnded: (tx: Sql, operation: Operation) => Promise<void>;
};

type Applied = Extract<Decision, { kind: "deploy" }>;

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
  });
  if (ended === undefined) {
    options.observe({ kind: "lease.lost", stack: claim.stack, fence: claim.fence });
    return;
  }
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

/** No ending: the lease is lost. */
type Settled = { readonly ending: Ending | undefined; readonly applied: Applied | undefined };

async function settle(options: RunOptions, claim: Claim, worker: WorkerProcess): Promise<Settled> {
  const { type } = claim.operation;
  if (type !== "DEPLOY" && type !== "DESTROY") return settleAct(options, claim, worker);
  const decision = await decide(options.sql, claim);
  if (decision.kind === "superseded") return { ending: { kind: "superseded" }, applied: undefined };
  if (decision.kind === "blocked")
    return { ending: { kind: "failed", outcome: "blocked", error: decision.error }, applied: undefined };
  return settleDeploy(options, claim, worker, decision);
}

async function settleDeploy(o: RunOptions, claim: Claim, worker: WorkerProcess, decision: Applied): Promise<Settled> {
  const { spec, commit, plan, leftovers, hash } = decision;
  const { operation, stack, fence } = claim;
  const salt = await prepareState(o.sql, claim, o.observe);
  if (leftovers.length > 0) await worker.run({ kind: "act", verb: "discard", stack, fence, databases: leftovers });
  const refresh = operation.params.refresh === true;
  const job: Job = { kind: "deploy", stack, fence, commit, spec, salt, refresh };
  const steps = plan.steps.map(({ kind, database }) => `${kind} ${database}`);
  void appendEvent(o.sql, operation.id, {
    phase: "deploy",
    message: steps.length === 0 ? "checking: nothing should change" : steps.join(", "),
    data: { commit, steps },
  }).catch(() => undefined);
  const ending = await runJob(o, claim, worker, job, { commit, hash, databases: spec.databases.length });
  return { ending, applied: decision };
}

const verbs: Partial<Record<Operation["type"], ActVerb>> = {
  PAUSE: "pause",
  RESUME: "resume",
  ROTATE_CREDENTIALS: "rotate",
};

async function settleAct(options: RunOptions, claim: Claim, worker: WorkerProcess): Promise<Settled> {
  const { operation, stack, fence } = claim;
  const verb = verbs[operation.type];
  if (verb === undefined) throw new Error(`no verb for ${operation.type}`);
  const databases = operation.database === null ? await liveDatabases(options.sql, stack) : [idIn(stack, operation)];
  const job: Job = { kind: "act", verb, stack, fence, databases };
  return { ending: await runJob(options, claim, worker, job, { databases }), applied: undefined };
}

const idIn = (stack: string, { database }: Operation) => `${stack}.${database ?? ""}` as DatabaseId;

const liveDatabases = async (sql: Sql, stack: string) =>
  (await listInstances(sql, { stack, phases: ["Ready", "Paused", "Failed"] })).map(({ id }) => id);

/** Supervises the job and translates how it ended; a worker that had to be killed leaves no lock behind. */
async function runJob(
  options: RunOptions,
  claim: Claim,
  worker: WorkerProcess,
  job: Job,
  about: Readonly<Record<string, unknown>>,
): Promise<Ending | undefined> {
  const { operation, stack, fence } = claim;
  const supervised = await supervise(options, claim, worker, job);
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
