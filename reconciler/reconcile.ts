/**
 * The stages in order. Git says what is wanted, the ledger keeps it, deployments bring it about, the Git host is told.
 *
 * 1. A repository is looked at by one reconciler, by one pass at a time; a pass may be repeated, and one that dies is repeated by
 *    the next, of whoever holds the repository then.
 * 2. A project's status is written here and nowhere else: what Git says by `syncRepository`'s transaction, how a deployment
 *    ended by `recordOutcome`.
 * 3. Notifications are hints. Whatever they would have said is found by the poll.
 */
import {
  asNebulaError,
  type Clock,
  currentTraceparent,
  following,
  noTracer,
  reportFault,
} from "../platform/core/index.ts";
import { notify, type Pool, type Sql } from "../platform/sql/index.ts";
import {
  countMigrating,
  enqueueOperation,
  getOperation,
  getProject,
  getProjects,
  getRepository,
  isEnded,
  type LeaseTimes,
  listExhausted,
  listRepositories,
  markHost,
  type Operation,
  pruneCommitTraces,
  pruneDeliveries,
  pruneMigrationTexts,
  type RepositoryRow,
  recordEnding,
} from "../platform/store/index.ts";
import { queueMigrations } from "./deploy/index.ts";
import { deriveStatus } from "./observe/index.ts";
import {
  announceDeploys,
  followPulls,
  makeReviewer,
  mergeReady,
  noteState,
  type ReviewerParts,
  reportEndings,
} from "./review/index.ts";
import {
  type Happened,
  makeProtectionWatch,
  makeShare,
  makeTurns,
  makeWatch,
  protectionWeakened,
  type Share,
  syncRepository,
} from "./source/index.ts";

export type ReconcilerParts = Omit<ReviewerParts, "sql"> & {
  readonly sql: Pool;
  readonly clock: Clock;
  readonly pollMs: number;
  /** Who holds repositories. Default: this process. */
  readonly holder?: string;
  readonly times?: LeaseTimes;
};

export type Reconciler = {
  start(): Promise<void>;
  /** A webhook: look there, now. */
  hint(repository: RepositoryRow, happened: Happened): void;
  close(): Promise<void>;
};

/** Channel on which a webhook reaches whoever looks after its repository. */
const hints = "nebula_hints";

/** A pass that ends with one of these was stopped by its Git host (platform/github, platform/git). */
const hostFaults: ReadonlySet<string> = new Set(
  [680, 681, 682, 686, 687, 688, 689, 374, 375, 378].map((n) => `NEB${n}`),
);

/** A failed deployment is tried again this long after its last try. */
const quietSeconds = 900;

export function makeReconciler(given: ReconcilerParts): Reconciler {
  const { sql, clock, observe, pollMs } = given;
  const share: Share = makeShare({
    ...given,
    gained: (id) => void watch.wake(id),
    lost: (id) => reviewer.drop(id),
  });
  const parts: ReconcilerParts = { ...given, holding: share.hold };
  const reviewer = makeReviewer(parts);

  const turns = makeTurns();
  const tell = (repository: RepositoryRow) => turns(repository.id, () => reportEndings(parts, repository));
  /** What Git wants, and that it is being brought about. */
  const look = async (repository: RepositoryRow): Promise<void> => {
    const report = await syncRepository(parts, repository);
    if (report.kind !== "synced" || report.recorded.every(({ operation }) => operation === null)) return;
    await turns(repository.id, () => announceDeploys(parts, repository, report.commit));
  };

  /** One look at everything; whether the Git host let us is kept beside the repository, for whoever asks. */
  const pass = async (repository: RepositoryRow): Promise<void> => {
    try {
      await wholePass(repository);
      if (repository.hostState !== "ok") await markHost(sql, repository.id);
    } catch (thrown) {
      const { code, message: reason } = asNebulaError(thrown);
      if (hostFaults.has(code)) await markHost(sql, repository.id, { code, reason });
      throw thrown;
    }
  };
  const protection = makeProtectionWatch(parts, { everyMs: pollMs });
  const wholePass = async (repository: RepositoryRow): Promise<void> => {
    const isStopped = repository.stalledCode === protectionWeakened.definition.code;
    if (!isStopped || (await protection(repository))) {
      await mergeReady(parts, repository);
      await look(repository);
      // Afterwards: nobody waits for it, and a push past the review is found without it.
      if (!isStopped) await protection(repository);
    }
    const fresh = (await listRepositories(sql)).find(({ id }) => id === repository.id) ?? repository;
    const { merged } = await followPulls(parts, reviewer, fresh);
    if (merged && fresh.stalledCode !== protectionWeakened.definition.code) await look(fresh);
    await requeueExhausted(sql, repository);
    await tell(repository);
  };
  const watch = makeWatch({ sql, clock, observe, pollMs, pass, holds: share.holds });

  const beside = new Set<Promise<unknown>>();
  const guarded = (where: string, work: Promise<unknown>): void => {
    const done = work.catch((thrown) => reportFault(observe, where, thrown)).finally(() => beside.delete(done));
    beside.add(done);
  };
  const tellAll = soon(clock, async () => {
    for (const repository of await listRepositories(sql))
      if (share.holds(repository.id)) guarded("reconcile.report", tell(repository));
  });
  /** An operation was queued, or ended: tell what ended; look again at a text that was refused because of what ran. */
  const follow = async (id: string): Promise<void> => {
    const operation = await getOperation(sql, id);
    if (operation === undefined || !isEnded(operation)) return;
    const project = await getProject(sql, operation.stack);
    if (project?.status === "Stalled" && project.problems.length > 0) void watch.wake(project.repository);
    await tellAll();
  };
  const releases: (() => unknown)[] = [];
  return {
    async start() {
      releases.push(await sql.listen("nebula_operations", (id) => guarded("reconcile.follow", follow(id))));
      releases.push(await sql.listen("nebula_pulls", (payload) => void watch.wake(payload.split(":")[0] ?? "")));
      releases.push(await sql.listen(hints, (payload) => guarded("reconcile.hint", passedOn(payload))));
      await share.start();
      const daily = setInterval(() => guarded("reconcile.prune", prune(sql)), 86_400_000);
      releases.push(() => clearInterval(daily));
      watch.start();
    },
    hint(repository, happened) {
      if (share.holds(repository.id)) return act(repository, happened);
      const payload = JSON.stringify({ repository: repository.id, happened, traceparent: currentTraceparent() });
      guarded("reconcile.hint", notify(sql, hints, payload));
    },
    async close() {
      for (const release of releases.splice(0)) await release();
      await Promise.all([watch.close(), reviewer.close()]);
      await Promise.all(beside);
      await share.close();
    },
  };

  function act(repository: RepositoryRow, happened: Happened): void {
    if (happened.kind === "push") void watch.wake(repository.id);
    if (happened.kind === "pull") guarded("reconcile.pull", lookAtPull(happened.number, repository));
  }

  /** A webhook that came to another reconciler than the one which looks after its repository. */
  async function passedOn(payload: string): Promise<void> {
    if (payload === "") return; // the connection was lost for a moment; the poll finds what was missed
    const { repository: id, happened, traceparent } = JSON.parse(payload) as Hint;
    const repository = share.holds(id) ? await getRepository(sql, id) : undefined;
    if (repository !== undefined) following(given.tracer ?? noTracer, traceparent, () => act(repository, happened));
  }

  /** A pull request is reviewed beside whatever the pass is doing: its author waits for it. */
  async function lookAtPull(number: number, repository: RepositoryRow): Promise<void> {
    const pull = await parts.hosts.of(repository).getPull(number);
    if (pull.base.ref !== repository.defaultBranch) return;
    if (pull.state === "open") return reviewer.review(repository, pull);
    if (await noteState(parts, repository, pull)) await watch.wake(repository.id);
  }
}

type Hint = { readonly repository: string; readonly happened: Happened; readonly traceparent?: string };

const prune = async (sql: Sql): Promise<void> => {
  await pruneDeliveries(sql);
  await pruneCommitTraces(sql);
  await pruneMigrationTexts(sql);
};

/** How a deployment ended, as the project's status; in the transaction that ends the operation. */
export async function recordOutcome(tx: Sql, operation: Operation): Promise<void> {
  const { stack, type, outcome, error, params } = operation;
  const migrating = await queueMigrations(tx, operation);
  if (type === "MIGRATE") return recordMigrated(tx, operation);
  if ((type !== "DEPLOY" && type !== "DESTROY") || outcome === null) return;
  // Healing that did not succeed says nothing about the text in force: the difference stays open, and its project as it was.
  if (params.heal === true && outcome !== "applied" && outcome !== "unchanged") return;
  await recordEnding(tx, stack, migrating > 0 ? underway(migrating) : deriveStatus({ outcome, problem: error }));
}

const underway = (databases: number) =>
  ({ status: "Reconciling", reason: "Migrating", message: `migrations of ${databases} databases` }) as const;

/** A schema that could not be brought to its files is said of its project, until it could. */
async function recordMigrated(tx: Sql, { stack, outcome, error, params }: Operation): Promise<void> {
  const [project] = await getProjects(tx, [stack]);
  const isOurs = ["Migrating", "MigrationFailed", "Applied"].includes(project?.reason ?? "");
  // What is tried on the branch of a pull request is not its project's.
  if (outcome === null || params.verb !== "apply" || params.folder !== undefined || !isOurs) return;
  const derived = deriveStatus({ outcome, problem: error });
  const reasons = { Stalled: "MigrationFailed", Reconciling: "Migrating", Ready: derived.reason };
  const said = { ...derived, reason: reasons[derived.status] };
  const others = outcome === "applied" ? await countMigrating(tx, stack) : 0;
  await recordEnding(tx, stack, others > 0 ? underway(others) : said);
}

/** What failed for a reason that may be over: a full disk, a host that was away. */
async function requeueExhausted(sql: Sql, repository: RepositoryRow): Promise<void> {
  for (const { stack, commit, hash } of await listExhausted(sql, repository.id, quietSeconds))
    await enqueueOperation(sql, { stack, type: "DEPLOY", commit, params: { hash }, requestedBy: "reconciler" });
}

/** Runs once for many calls that come together, and never beside itself. */
function soon(clock: Clock, work: () => Promise<void>): () => Promise<void> {
  let next: Promise<void> | undefined;
  let running: Promise<void> = Promise.resolve();
  return () => {
    next ??= Promise.all([clock.sleep(20), running.catch(() => undefined)]).then(() => {
      next = undefined;
      running = work();
      return running;
    });
    return next;
  };
}
