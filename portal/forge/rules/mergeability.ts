import type { FilePatch, Git } from "../../../platform/git/index.ts";
import type { Sql } from "../../../platform/sql/index.ts";
import type { Context } from "../context.ts";
import type { Pull } from "../store/pulls.ts";
import type { Repository } from "../store/repositories.ts";
import type { PullDetails } from "../wire/pull.ts";
import { findProtection } from "./protection.ts";
import { describeMissing, requiredCheckStates } from "./required-checks.ts";
import { approvalProblem } from "./reviews.ts";

/** The tip that a pull request is compared with: the base branch while it is open, what it was at the end afterwards. */
export async function baseTip(git: Git, pull: Pull): Promise<string> {
  const tip = pull.state === "open" ? await git.revParse(`refs/heads/${pull.baseRef}`) : undefined;
  return tip ?? pull.baseSha;
}

/** What a pull request brings: from where it left the base to its head. */
export async function pullFiles(git: Git, pull: Pull): Promise<readonly FilePatch[]> {
  const base = await baseTip(git, pull);
  return git.diffPatch((await git.mergeBase(base, pull.headSha)) ?? null, pull.headSha);
}

/** Oldest first. */
export async function pullCommits(git: Git, pull: Pull): Promise<readonly string[]> {
  return git.revList(pull.headSha, { exclude: await baseTip(git, pull), reverse: true });
}

/** What only the form of a single pull request says. */
export async function pullDetails(
  context: Context,
  sql: Sql,
  repository: Repository,
  pull: Pull,
): Promise<PullDetails> {
  const git = context.repositories.git(repository);
  const [files, commits, merge, comments] = await Promise.all([
    pullFiles(git, pull),
    pullCommits(git, pull),
    pull.state === "open" ? mergeState(context, sql, repository, pull) : { mergeable: null, state: "unknown" },
    sql.one<{ n: number }>("select count(*) as n from comments where repository = $1 and number = $2", [
      repository.id,
      pull.number,
    ]),
  ]);
  return {
    ...merge,
    comments: comments.n,
    commits: commits.length,
    additions: files.reduce((sum, file) => sum + file.additions, 0),
    deletions: files.reduce((sum, file) => sum + file.deletions, 0),
    changedFiles: files.length,
  };
}

/** GitHub's `mergeable` and `mergeable_state`. */
async function mergeState(context: Context, sql: Sql, repository: Repository, pull: Pull) {
  const git = context.repositories.git(repository);
  const tip = await git.revParse(`refs/heads/${pull.baseRef}`);
  if (tip === undefined) return { mergeable: false, state: "dirty" };
  const merge = await git.mergeTree(tip, pull.headSha);
  if (merge.kind === "conflict") return { mergeable: false, state: "dirty" };
  if (pull.draft) return { mergeable: true, state: "draft" };
  const obstacle = await mergeObstacle(context, sql, repository, pull, tip);
  if (obstacle !== undefined) return { mergeable: true, state: obstacle.kind };
  return { mergeable: true, state: (await hasFailing(sql, repository.id, pull.headSha)) ? "unstable" : "clean" };
}

export type Obstacle = { readonly kind: "blocked" | "behind"; readonly message: string };

/** Which rule of the base branch forbids the merge, if any. */
export async function mergeObstacle(
  context: Context,
  sql: Sql,
  repository: Repository,
  pull: Pull,
  tip: string,
): Promise<Obstacle | undefined> {
  const protection = await findProtection(sql, repository.id, pull.baseRef);
  if (protection === undefined) return undefined;
  if (protection.lockBranch) return { kind: "blocked", message: "Cannot change this locked branch" };
  const missing = describeMissing(await requiredCheckStates(sql, repository.id, pull.headSha, protection));
  if (missing !== undefined) return { kind: "blocked", message: missing };
  const unapproved = await approvalProblem(sql, pull, protection);
  if (unapproved !== undefined) return { kind: "blocked", message: unapproved };
  const git = context.repositories.git(repository);
  if (protection.requiredStatusChecks?.strict && !(await git.isAncestor(tip, pull.headSha)))
    return { kind: "behind", message: "This branch must not be behind its base: update it first." };
  return undefined;
}

async function hasFailing(sql: Sql, repository: number, sha: string): Promise<boolean> {
  const row = await sql.one<{ failing: boolean }>(
    `select exists (select 1 from (
         select distinct on (context) state from statuses where repository = $1 and sha = $2 order by context, id desc) s
       where state <> 'success')
     or exists (select 1 from (
         select distinct on (name, app) status, conclusion from check_runs
         where repository = $1 and head_sha = $2 order by name, app, id desc) c
       where status <> 'completed' or conclusion not in ('success', 'neutral', 'skipped')) as failing`,
    [repository, sha],
  );
  return row.failing;
}
