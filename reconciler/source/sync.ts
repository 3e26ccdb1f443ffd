import { failpoint, type Observe, type Tracer } from "../../platform/core/index.ts";
import type { Evaluator } from "../../platform/evaluate/index.ts";
import type { Git } from "../../platform/git/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  getRepositorySafety,
  listWanted,
  markSeen,
  type RepositoryRow,
  stallRepository,
} from "../../platform/store/index.ts";
import { compareProjects } from "./compare.ts";
import { authorityNotReviewed, declarationsMissing, historyRewritten, repositoryEmpty } from "./errors.ts";
import { currentFleet } from "./fleet.ts";
import type { Hosts } from "./hosts.ts";
import type { Mirrors } from "./mirror.ts";
import { type Recorded, record } from "./record.ts";
import { readSnapshot } from "./snapshot.ts";
import { type Strange, type Trace, traceCommits } from "./trace.ts";
import { underLease } from "./under-lease.ts";
import { understand } from "./understand.ts";

export type SourceParts = {
  readonly sql: Sql;
  readonly mirrors: Mirrors;
  readonly hosts: Hosts;
  readonly evaluator: Evaluator;
  readonly observe: Observe;
  /** Default: nothing is traced. */
  readonly tracer?: Tracer;
  /** Holds the repository's lease for the rest of a transaction. @throws NEB300 when somebody else looks after it by now. */
  readonly holding?: (tx: Sql, repository: string) => Promise<void>;
};

export type SyncReport =
  | { readonly kind: "unchanged"; readonly commit: string }
  | { readonly kind: "stalled"; readonly code: string; readonly reason: string }
  | { readonly kind: "synced"; readonly commit: string; readonly recorded: readonly Recorded[] };

/**
 * Brings the ledger to the newest commit of the default branch: fetch, find what changed by content, evaluate only that, record
 * and queue. A pass may run twice, and one that dies half-way is repeated by the next.
 */
export async function syncRepository(parts: SourceParts, repository: RepositoryRow): Promise<SyncReport> {
  const started = performance.now();
  const beganMs = Date.now();
  const { sql, mirrors, hosts, observe } = parts;
  const commit = await mirrors.fetchHead(repository, await hosts.of(repository).gitToken());
  const git = mirrors.of(repository);
  if (commit === undefined) return stalled(parts, repository, emptyRepository(repository));
  const from = repository.seenCommit ?? (await getRepositorySafety(sql, repository.id))?.approvedCommit ?? null;
  const rewritten = await findRewrite(git, repository, { from, to: commit });
  if (rewritten !== undefined) return stalled(parts, repository, rewritten);

  const trace = startTrace(parts, git, repository, { from, to: commit });
  const [snapshot, known] = await Promise.all([readSnapshot(git, commit), listWanted(sql, repository.id)]);
  if (known.length > 0 && snapshot.files.size === 0)
    return stalled(parts, repository, nothingDeclared(commit, known.length));

  const fleet = await currentFleet(parts, { git, snapshot, repository, commit, trace });
  if (fleet.kind === "held") return stalled(parts, repository, authorityUnreviewed(fleet.strange, commit));
  const changes = compareProjects(snapshot.projects, known);
  const understood = await understand(parts, {
    git,
    snapshot,
    fleet: fleet.row,
    fleetProblems: fleet.problems,
    changes,
  });
  const recorded = await record(parts, git, {
    ...{ repository, commit, snapshot, understood, fleet: fleet.row, beganMs },
    trace: await trace,
  });
  failpoint("source.recorded");
  const moved = commit !== repository.seenCommit || repository.stalledCode !== null;
  if (moved) await underLease(parts, repository, (tx) => markSeen(tx, repository.id, commit));
  failpoint("source.noted");
  if (!moved && recorded.length === 0) return { kind: "unchanged", commit };

  const name = `${repository.owner}/${repository.name}`;
  const durationMs = performance.now() - started;
  observe({ kind: "source.fetched", repository: name, commit, changedProjects: recorded.length, durationMs });
  for (const { operation, stack } of recorded)
    if (operation !== null) observe({ kind: "operation.queued", operation, stack, type: "DEPLOY" });
  return { kind: "synced", commit, recorded };
}

/** Beside everything else of the pass: what came by a pull request that was reviewed, and what did not. */
function startTrace(
  { sql, hosts }: SourceParts,
  git: Git,
  repository: RepositoryRow,
  range: { readonly from: string | null; readonly to: string },
): Promise<Trace> {
  const trusted = repository.seenCommit === null;
  const trace = traceCommits({ sql, git, host: hosts.of(repository) }, repository, { ...range, trusted });
  trace.catch(() => undefined); // whoever awaits it hears of it; a pass that stalls before does not
  return trace;
}

type Stall = { readonly code: string; readonly reason: string; readonly commit?: string };

/** Said once: a human must act. */
async function stalled(parts: SourceParts, repository: RepositoryRow, stall: Stall): Promise<SyncReport> {
  const { observe } = parts;
  const isNew = await underLease(parts, repository, (tx) => stallRepository(tx, repository.id, stall));
  if (isNew) observe({ kind: "fault", where: "source.stalled", code: stall.code, message: stall.reason });
  return { kind: "stalled", ...stall };
}

const emptyRepository = ({ defaultBranch, owner, name }: RepositoryRow): Stall => ({
  code: repositoryEmpty.definition.code,
  reason: `${owner}/${name} has no commit on ${defaultBranch}. ${repositoryEmpty.definition.hint}`,
});

const nothingDeclared = (commit: string, known: number): Stall => ({
  code: declarationsMissing.definition.code,
  reason: `commit ${commit.slice(0, 7)} has no tenants/ folder, and ${known} projects were declared there. ${declarationsMissing.definition.hint}`,
});

const authorityUnreviewed = ({ commit, why }: Strange, newest: string): Stall => ({
  code: authorityNotReviewed.definition.code,
  commit: newest,
  reason: `commit ${commit.slice(0, 7)} changes tenants/fleet/ or a tenant.ts, and ${why}. ${authorityNotReviewed.definition.hint}`,
});

/** The branch must go forward. An old commit that is gone altogether was rewritten away too. */
async function findRewrite(
  git: Git,
  { defaultBranch }: RepositoryRow,
  { from, to: commit }: { readonly from: string | null; readonly to: string },
): Promise<Stall | undefined> {
  if (from === null || from === commit) return undefined;
  const isKnown = (await git.typeOf(from)) === "commit";
  if (isKnown && (await git.isAncestor(from, commit))) return undefined;
  const [before, to] = [from.slice(0, 7), commit.slice(0, 7)];
  return {
    code: historyRewritten.definition.code,
    commit,
    reason: `${defaultBranch} was moved from ${before} to ${to}, which does not follow it. ${historyRewritten.definition.hint}`,
  };
}
