import { failpoint, toProblem } from "../../platform/core/index.ts";
import { type DatabaseInputs, notABranch } from "../../platform/provider/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  appendEvent,
  type Claim,
  getInstance,
  listInstances,
  type Operation,
  type WorkerType,
} from "../../platform/store/index.ts";
import { decide } from "./decide.ts";
import type { ActVerb, BackupJob, Job } from "./messages.ts";
import { migrateJob } from "./migrating.ts";
import { prepareState } from "./prepare.ts";
import { takeRestorePoints } from "./restore-points.ts";
import { type Applied, type RunOptions, runJob, type Settled } from "./run-job.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** Brings a claimed operation about in a worker that is lent for it, under the claim's fence. */
export type Handler = (options: RunOptions, claim: Claim, worker: WorkerProcess) => Promise<Settled>;

/**
 * Who brings which type about: the one place where a type gets its driver. platform/store/operations/kinds.ts says which types
 * stand here; one that says "worker" there and has no handler does not compile.
 */
export const handlers: Readonly<Record<WorkerType, Handler>> = {
  DEPLOY: deploy,
  DESTROY: deploy,
  PAUSE: acting("pause"),
  RESUME: acting("resume"),
  RESTART: acting("restart"),
  ROTATE_CREDENTIALS: acting("rotate"),
  BRANCH: branch,
  IMPORT: importing,
  BACKUP: backingUp("take"),
  RESTORE: backingUp("restore"),
  MIGRATE: migrating,
};

async function deploy(options: RunOptions, claim: Claim, worker: WorkerProcess): Promise<Settled> {
  const decision = await decide(options.sql, claim);
  if (decision.kind === "superseded") return { ending: { kind: "superseded" }, applied: undefined };
  if (decision.kind === "blocked")
    return { ending: { kind: "failed", outcome: "blocked", error: decision.error }, applied: undefined };
  return settleDeploy(options, claim, worker, decision);
}

async function settleDeploy(o: RunOptions, claim: Claim, worker: WorkerProcess, decision: Applied): Promise<Settled> {
  const { spec, commit, plan, leftovers, hash } = decision;
  const { operation, stack, fence } = claim;
  failpoint("deploy.decided");
  const { salt, doubtful } = await prepareState(o.sql, claim, o.observe);
  if (leftovers.length > 0) {
    const discard: Job = { kind: "act", verb: "discard", stack, fence, databases: leftovers };
    const discarded = await runJob(o, claim, worker, discard, {});
    if (discarded?.kind !== "completed") return { ending: discarded, applied: undefined };
  }
  await takeRestorePoints(o, claim, plan);
  const refresh = doubtful || operation.params.refresh === true;
  const job: Job = { kind: "deploy", stack, fence, commit, spec, salt, refresh };
  const steps = plan.steps.map(({ kind, database }) => `${kind} ${database}`);
  void appendEvent(o.sql, operation.id, {
    phase: "deploy",
    message: steps.length === 0 ? "checking: nothing should change" : steps.join(", "),
    data: { commit, steps },
    fence,
  }).catch(() => undefined);
  const about = { commit, hash, databases: spec.databases.length };
  const ending = await runJob(o, claim, worker, job, about);
  const heal = operation.params.heal === true;
  if (ending?.kind !== "completed" || !(heal || doubtful)) return { ending, applied: decision };
  // Pulumi compares with its own state only: what a machine became without it is brought back here.
  const databases = heal && operation.database !== null ? [idIn(stack, operation)] : await madeDatabases(o.sql, stack);
  const healed = await runJob(o, claim, worker, { kind: "act", verb: "heal", stack, fence, databases }, about);
  return { ending: healed?.kind === "completed" && !heal ? ending : healed, applied: decision };
}

/** Something done to one database, or to every one of the stack, that its declaration does not speak of. */
function acting(verb: ActVerb): Handler {
  return async (options, claim, worker) => {
    const { operation, stack, fence } = claim;
    const databases = operation.database === null ? await liveDatabases(options.sql, stack) : [idIn(stack, operation)];
    const job: Job = { kind: "act", verb, stack, fence, databases };
    return { ending: await runJob(options, claim, worker, job, { databases }), applied: undefined };
  };
}

/** Copies a running Postgres into a database. */
async function importing(options: RunOptions, claim: Claim, worker: WorkerProcess): Promise<Settled> {
  const { operation, stack, fence } = claim;
  const sealedUrl = String(operation.params.sealedUrl ?? "");
  const job: Job = { kind: "import", stack, fence, database: idIn(stack, operation), sealedUrl };
  return { ending: await runJob(options, claim, worker, job, {}), applied: undefined };
}

/** A backup of one database now, or one back to a moment. */
function backingUp(verb: BackupJob["verb"]): Handler {
  return async (options, claim, worker) => {
    const { operation, stack, fence } = claim;
    const { id, params } = operation;
    const job: Job = { kind: "backup", verb, stack, fence, database: idIn(stack, operation), operation: id, params };
    return { ending: await runJob(options, claim, worker, job, {}), applied: undefined };
  };
}

/** Runs what is missing of a database's migrations. */
async function migrating(options: RunOptions, claim: Claim, worker: WorkerProcess): Promise<Settled> {
  const job = await migrateJob(options.sql, claim);
  return { ending: await runJob(options, claim, worker, job, { verb: job.verb }), applied: undefined };
}

const branchVerbs = ["reset", "expire", "open", "close"] as const;

/** Resets or ends a branch, or makes that of a pull request. */
async function branch(options: RunOptions, claim: Claim, worker: WorkerProcess): Promise<Settled> {
  const { operation, stack, fence } = claim;
  const verb = branchVerbs.find((one) => one === operation.params.verb);
  const database = idIn(stack, operation);
  const known = await getInstance(options.sql, database);
  const inputs = (operation.params.inputs as DatabaseInputs | undefined) ?? null;
  const of = inputs?.branch?.of ?? known?.spec.branch?.of;
  if (verb === undefined || of === undefined || (verb === "open" && inputs === null)) {
    const error = toProblem(notABranch(`${database} is no branch`), operation.id);
    return { ending: { kind: "failed", outcome: "stalled", error }, applied: undefined };
  }
  const job: Job = { kind: "branch", verb, stack, fence, database, source: `${stack}.${of}` as DatabaseId, inputs };
  return { ending: await runJob(options, claim, worker, job, { verb, database }), applied: undefined };
}

const idIn = (stack: string, { database }: Operation) => `${stack}.${database ?? ""}` as DatabaseId;

const madeDatabases = async (sql: Sql, stack: string) =>
  (await listInstances(sql, { stack, phases: ["Ready", "Paused", "Retired", "Failed"] })).map(({ id }) => id);

const liveDatabases = async (sql: Sql, stack: string) =>
  (await listInstances(sql, { stack, phases: ["Ready", "Paused", "Failed"] })).map(({ id }) => id);
