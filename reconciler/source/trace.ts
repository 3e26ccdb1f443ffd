/**
 * Where the commits of the default branch came from.
 *
 * 1. A commit is a reviewed merge when the Git host says that it merged a pull request into it, the head that was merged is the one
 *    reviewed last and passed, and git makes the same tree of that head and the commit before. A name, a message or a status proves nothing.
 * 2. Everything else reached the branch without review: a push by somebody with a way around the protection, a merge of a head that
 *    failed, a tree that is not the merge of anything.
 * 3. Only commits that are new are looked at; what is asked of the Git host is asked once a merge.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Git } from "../../platform/git/index.ts";
import type { GitHub, Pull } from "../../platform/github/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  listMergeCandidates,
  listReviews,
  type MergeCandidate,
  type RepositoryRow,
} from "../../platform/store/index.ts";
import type { Plan } from "../plan/index.ts";

/** What a review said of one stack. */
export type StackPlan = Pick<Plan, "stack" | "hash" | "steps" | "project">;

/** A pull request that was reviewed and is on the branch. */
export type Merged = {
  readonly number: number;
  readonly head: string;
  readonly commit: string;
  readonly requestedBy: string;
  readonly plans: readonly StackPlan[];
};

export type Strange = {
  readonly commit: string;
  /** Why it is no reviewed merge. */
  readonly why: string;
  readonly paths: readonly string[];
};

export type Trace = {
  /** Nothing is known before this: what is there now is taken as it is. */
  readonly trusted: boolean;
  /** Oldest first. */
  readonly merged: readonly Merged[];
  readonly strange: readonly Strange[];
};

type Parts = { readonly sql: Sql; readonly git: Git; readonly host: GitHub };

/** @param from the newest commit that is understood; null: everything is trusted as it is. */
export async function traceCommits(
  { sql, git, host }: Parts,
  repository: RepositoryRow,
  { from, to, trusted }: { readonly from: string | null; readonly to: string; readonly trusted: boolean },
): Promise<Trace> {
  if (from === null || from === to) return { trusted, merged: [], strange: [] };
  const [chain, candidates] = await Promise.all([firstParents(git, from, to), listMergeCandidates(sql, repository.id)]);
  const pulls = makePullOf(git, host, repository, candidates);
  const merged: Merged[] = [];
  const strange: Strange[] = [];
  let known = from;
  let before = from;
  const noteStrange = async (commit: string, why: string): Promise<void> => {
    const changes = await git.diffTree(known, commit);
    const paths = changes.flatMap(({ path, previousPath }) => [path, previousPath ?? []].flat());
    strange.push({ commit, why, paths });
    known = commit;
  };
  for (const commit of chain) {
    const pull = await pulls(commit);
    if (pull !== undefined) {
      const found = await provenReview({ sql, git }, repository, pull, { commit, bases: [known, before] });
      if (typeof found === "string") await noteStrange(commit, found);
      else {
        if (found.base !== known) await noteStrange(found.base, "it was pushed without a pull request");
        merged.push({ ...found.merged, commit });
        known = commit;
      }
    }
    before = commit;
  }
  if (known !== to) await noteStrange(to, "it was pushed without a pull request");
  return { trusted, merged, strange };
}

const longest = 1000;

/** The commits after `from`, oldest first; only the last when `from` does not stand on its line of first parents. */
async function firstParents(git: Git, from: string, to: string): Promise<readonly string[]> {
  const chain: string[] = [];
  for (let at: string | undefined = to; at !== from; ) {
    if (at === undefined || chain.length >= longest) return [to];
    chain.unshift(at);
    at = (await git.commit(at))?.parents[0];
  }
  return chain;
}

/** A host may show the branch before it shows the pull request as merged. */
const patience = [0, 250, 750, 2000] as const;

type MergedPull = {
  readonly number: number;
  /** The one that was reviewed last; undefined: the ledger does not know this pull request. */
  readonly head: string | undefined;
  /** What the host says it merged; undefined: the ledger knew of the merge already, and the tree has to do. */
  readonly merged: string | undefined;
};

/** Answers which pull request the Git host merged into a commit; undefined when none. */
function makePullOf(git: Git, host: GitHub, repository: RepositoryRow, candidates: readonly MergeCandidate[]) {
  const known = new Map(candidates.flatMap((one) => (one.mergeCommit === null ? [] : [[one.mergeCommit, one]])));
  const open = candidates.filter(({ state }) => state === "open");
  let newest: Promise<readonly Pull[]> | undefined;
  const isMergeOf = (pull: Pull, commit: string): boolean => pull.merged && pull.mergeCommit === commit;

  return async (commit: string): Promise<MergedPull | undefined> => {
    const recorded = known.get(commit);
    if (recorded !== undefined) return { ...recorded, merged: undefined };
    const read = await git.commit(commit);
    if (read === undefined || open.length === 0) return undefined;
    // Only whom to ask: what a commit says of itself proves nothing.
    const [, second] = read.parents;
    const named = new Set([...read.message.matchAll(/#(\d+)/g)].map(([, number]) => Number(number)));
    const likely = open.filter(
      ({ number, head, mergeTrees }) => head === second || mergeTrees.includes(read.tree) || named.has(number),
    );
    for (const waitMs of likely.length === 0 ? [] : patience) {
      await sleep(waitMs);
      for (const { number, head } of likely.slice(0, 5)) {
        const pull = await host.getPull(number);
        if (isMergeOf(pull, commit)) return { number, head, merged: pull.head.sha };
      }
    }
    // The base went on between the review and the merge: the host lists what it merged.
    newest ??= host.listPulls({ state: "closed", base: repository.defaultBranch, limit: 100 });
    const listed = (await newest).find((pull) => isMergeOf(pull, commit));
    if (listed === undefined) return undefined;
    const { number } = listed;
    return { number, head: candidates.find((one) => one.number === number)?.head, merged: listed.head.sha };
  };
}

type Proof = { readonly merged: Omit<Merged, "commit">; readonly base: string };

/** The review of the head that was merged, when it passed and its merge is this very tree; else why not. */
async function provenReview(
  { sql, git }: Omit<Parts, "host">,
  repository: RepositoryRow,
  { number, head, merged }: MergedPull,
  { commit, bases }: { readonly commit: string; readonly bases: readonly string[] },
): Promise<Proof | string> {
  if (head === undefined) return `pull request ${number} was merged without a review`;
  if (merged !== undefined && merged !== head)
    return `pull request ${number} was merged at ${merged.slice(0, 7)}, and ${head.slice(0, 7)} was reviewed`;
  const reviews = await listReviews<StackPlan>(sql, { repository: repository.id, number, head });
  const name = `pull request ${number} at ${head.slice(0, 7)}`;
  if (reviews.length === 0) return `${name} was merged without a review`;
  const tree = (await git.commit(commit))?.tree;
  for (const base of new Set(bases)) {
    const exact = reviews.find((review) => review.base === base);
    const made = exact?.mergeTree ?? (await treeOfMerge(git, base, head));
    if (made === undefined || made !== tree) continue;
    const review = exact ?? (await newestBefore(git, reviews, base));
    if (review === undefined) return `${name} was merged without a review`;
    if (review.verdict !== "success") return `${name} was merged although its review ended with ${review.verdict}`;
    const { requestedBy, plans } = review;
    return { merged: { number, head, requestedBy, plans }, base };
  }
  return `its tree is not the merge of ${name}`;
}

async function treeOfMerge(git: Git, base: string, head: string): Promise<string | undefined> {
  if ((await git.typeOf(head)) !== "commit") return undefined;
  const merge = await git.mergeTree(base, head);
  return merge.kind === "clean" ? merge.tree : undefined;
}

/** A review of a base that does not hold the merge yet: one made afterwards saw nothing to change. */
async function newestBefore<R extends { readonly base: string }>(
  git: Git,
  reviews: readonly R[],
  base: string,
): Promise<R | undefined> {
  for (const review of reviews)
    if ((await git.typeOf(review.base)) === "commit" && (await git.isAncestor(review.base, base))) return review;
  return undefined;
}

/** Whether a file is an input of a project: its folder, or what its tenant shares. */
export const isInputOf = (path: string, { tenant, project }: { tenant: string; project: string }): boolean => {
  if (!path.startsWith(`tenants/${tenant}/`)) return false;
  const [, , second = "", ...rest] = path.split("/");
  return rest.length === 0 || second === project || second === "shared";
};

/** Whether a file says who may do what, or what may be asked for. */
export const isAuthority = (path: string): boolean => {
  const [root, , second, ...rest] = path.split("/");
  return root === "tenants" && (path.startsWith("tenants/fleet/") || rest.length === 0 || second === "shared");
};
