import { noTracer, recordSpan, type SpanFacts, traced } from "../../platform/core/index.ts";
import type { Git } from "../../platform/git/index.ts";
import { pruneBudget } from "../../platform/policy/index.ts";
import type { ProjectSpec, StackName } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  countApplied,
  deleteProject,
  enqueueOperation,
  type FleetRow,
  hasUnsettledDeploy,
  type PullRow,
  putMigrationTexts,
  type RepositoryRow,
  recordWanted,
} from "../../platform/store/index.ts";
import { planProject, type ReviewedPlan } from "../plan/index.ts";
import { findArrived, noteArrived } from "./arrivals.ts";
import { tracesOfFirst } from "./commit-trace.ts";
import { readMigrationTexts } from "./migrations.ts";
import type { Snapshot } from "./snapshot.ts";
import type { SourceParts } from "./sync.ts";
import { isInputOf, type Trace } from "./trace.ts";
import { underLease } from "./under-lease.ts";
import type { Understood } from "./understand.ts";

export type Recorded = {
  readonly stack: StackName;
  /** The DEPLOY that was queued, null when nothing needs doing or nothing may be done. */
  readonly operation: string | null;
  readonly refused: boolean;
};

/** What the pass does to the ledger, in one transaction: what is wanted, and an operation for each stack that must change. */
export async function record(
  parts: Pick<SourceParts, "sql" | "holding" | "tracer">,
  git: Git,
  pass: {
    readonly repository: RepositoryRow;
    readonly commit: string;
    readonly snapshot: Snapshot;
    readonly understood: readonly Understood[];
    readonly fleet: FleetRow | undefined;
    readonly trace: Trace;
    /** When the pass began, since the epoch. */
    readonly beganMs: number;
  },
): Promise<readonly Recorded[]> {
  const { repository, commit, trace, fleet } = pass;
  const arrived = await findArrived(parts.sql, git, repository, commit);
  const news = pass.understood.filter(isNews);
  if (arrived.length === 0 && news.length === 0) return [];
  const author = (await git.commit(commit))?.author.name ?? "unknown";
  const prune = await prunedAbove(parts.sql, repository, news, fleet);
  const texts = await readMigrationTexts(parts.sql, git, pass.snapshot, news);
  const parents = await tracesOfFirst(
    parts,
    repository.id,
    news.map((one) => commitsOf(trace, one, commit)),
  );
  const { tracer = noTracer } = parts;
  const facts: SpanFacts = { "nebula.repository": `${repository.owner}/${repository.name}`, "nebula.commit": commit };
  const recorded = await underLease(parts, repository, async (tx) => {
    await putMigrationTexts(tx, texts);
    const done: Recorded[] = [];
    for (const [i, one] of news.entries()) {
      const pull = arrived.findLast(({ stacks }) => stacks.includes(one.stack))?.pull ?? mergeOf(trace, one);
      const cause: Cause = {
        ...{ repository, commit, pull, prune, requestedBy: pull?.requestedBy ?? `git:${author}` },
        ...provenanceOf(one, trace, fleet, commit),
      };
      const about = { ...facts, "nebula.stack": one.stack };
      const wish = { name: "source.record", parent: parents[i] ?? null, facts: about };
      done.push(await traced(tracer, wish, () => recordOne(tx, one, cause)));
    }
    await noteArrived(tx, repository, commit, arrived);
    return done;
  });
  for (const parent of new Set(parents.filter((one) => one !== null)))
    recordSpan(tracer, { name: "source.sync", parent, beganMs: pass.beganMs, facts }, Date.now());
  return recorded;
}

/** The same refusal again is no news: a pass that finds nothing new writes nothing. */
function isNews({ row, tree, admission }: Understood): boolean {
  if (admission === "forget" || admission.kind === "spec" || row === undefined) return true;
  return row.wantedTree !== tree || row.reason !== admission.reason || row.message !== admission.message;
}

type Cause = {
  readonly repository: RepositoryRow;
  readonly commit: string;
  readonly pull: Pick<PullRow, "number" | "requestedBy"> | undefined;
  readonly requestedBy: string;
  /** Of the whole pass, when it deletes more than the fleet lets one commit delete. */
  readonly prune: Prune | undefined;
} & Provenance;

/** How a text came: by reviewed plans alone, or also otherwise. */
type Provenance = {
  /** null: the fleet does without reviews, and the text is taken as it is. */
  readonly reviews: readonly ReviewedPlan[] | null;
  /** Commits that nobody reviewed, for the reader. */
  readonly strange: readonly string[];
};

/** An upgrade copies and converts all data twice. */
const upgradeSeconds = 6 * 3600;

/** Whether a database of it gets another version than it has. */
const isUpgrade = (applied: ProjectSpec | null, { databases }: ProjectSpec): boolean =>
  databases.some(({ name, version }) =>
    (applied?.databases ?? []).some((before) => before.name === name && before.version !== version),
  );

async function recordOne(tx: Sql, one: Understood, cause: Cause): Promise<Recorded> {
  const { stack, tenant, project, tree, admission } = one;
  const { commit, repository } = cause;
  const nothing = { stack, operation: null, refused: false };
  if (admission === "forget") {
    await deleteProject(tx, stack);
    return nothing;
  }
  const unsettled = await hasUnsettledDeploy(tx, stack);
  const { deploy } = await recordWanted(tx, {
    tenant,
    project,
    repository: repository.id,
    commit,
    tree,
    unsettled,
    reviews: cause.reviews,
    ...admission,
  });
  if (admission.kind === "refused") return { ...nothing, refused: true };
  if (!deploy) return nothing;
  const operation = await enqueueOperation(tx, {
    stack,
    type: "DEPLOY",
    commit,
    pullNumber: cause.pull?.number ?? null,
    params: {
      ...{ tree, hash: admission.hash },
      ...(cause.strange.length > 0 ? { strange: cause.strange } : {}),
      ...(cause.prune !== undefined && deletedBy(one) > 0 ? { prune: cause.prune } : {}),
    },
    requestedBy: cause.requestedBy,
    supersede: true,
    ...(isUpgrade(one.row?.appliedSpec ?? null, admission.spec) ? { deadlineSeconds: upgradeSeconds } : {}),
  });
  return { ...nothing, operation: operation.id };
}

/**
 * The plans that lead to a text: those of its reviewed merges; at the first look at a repository, and up to a history that was
 * approved, the plan of what was found.
 */
function provenanceOf(one: Understood, trace: Trace, fleet: FleetRow | undefined, found: string): Provenance {
  const strange = trace.strange.filter(({ paths }) => paths.some((path) => isInputOf(path, one)));
  const wanted = wantedOf(one);
  const merged = trace.merged.flatMap(({ number, head, commit, plans }) =>
    plans
      .filter(({ stack, steps, project }) => stack === one.stack && steps.length + project.length > 0)
      .map(({ hash, steps, project }): ReviewedPlan => ({ number, head, commit, hash, wanted, steps, project })),
  );
  if (fleet?.fleet.policies.unreviewed === "deploy" && (strange.length > 0 || merged.length === 0))
    return { reviews: null, strange: [] };
  if (strange.length === 0 && (trace.trusted || wasTrusted(one)))
    return { reviews: [asFound(one, found)], strange: [] };
  return { reviews: merged, strange: strange.map(({ commit, why }) => `${commit.slice(0, 7)}: ${why}`) };
}

const wantedOf = ({ admission }: Understood): string | null =>
  admission !== "forget" && admission.kind === "spec" ? admission.hash : null;

/** Taken as it is, as if it had been reviewed. A text that is refused for now keeps its tree, to be known again. */
function asFound({ tree, admission, row }: Understood, commit: string): ReviewedPlan {
  const about = { number: 0, head: commit, commit, tree };
  if (admission === "forget" || admission.kind !== "spec")
    return { ...about, wanted: null, hash: "", steps: [], project: [] };
  const { hash, steps, project } = planProject(row?.appliedSpec ?? null, admission.spec);
  return { ...about, wanted: admission.hash, hash, steps, project };
}

const wasTrusted = ({ row, tree }: Understood): boolean =>
  row?.wantedTree === tree && (row.wantedReviews ?? []).some((review) => (review as ReviewedPlan).tree === tree);

/** Whose trace it goes on with: of the merge, of the head that was merged, of what was found. */
const commitsOf = (trace: Trace, one: Understood, found: string): readonly string[] => {
  const merged = mergeOf(trace, one);
  return merged === undefined ? [found] : [merged.commit, merged.head, found];
};

/** The pull request that changed a stack last, before the ledger hears of its merge. */
const mergeOf = ({ merged }: Trace, { stack }: Understood) =>
  merged.findLast(({ plans }) => plans.some((plan) => plan.stack === stack));

export type Prune = { readonly deletes: number; readonly budget: number };

async function prunedAbove(
  sql: Sql,
  { id }: RepositoryRow,
  news: readonly Understood[],
  fleet: FleetRow | undefined,
): Promise<Prune | undefined> {
  const deletes = news.reduce((sum, one) => sum + deletedBy(one), 0);
  if (fleet === undefined || deletes <= fleet.fleet.policies.prune.databases) return undefined;
  const budget = pruneBudget(fleet.fleet.policies, await countApplied(sql, id));
  return deletes > budget ? { deletes, budget } : undefined;
}

/** Databases that run and that a text would delete. A branch is a copy: it does not count. */
function deletedBy({ row, admission }: Understood): number {
  if (admission === "forget" || admission.kind !== "spec") return 0;
  const kept = new Set(admission.spec.databases.map(({ name }) => name));
  return (row?.appliedSpec?.databases ?? []).filter(({ name, branch }) => branch === undefined && !kept.has(name))
    .length;
}
