import type { Git } from "../../../platform/git/index.ts";
import type { Sql } from "../../../platform/sql/index.ts";
import { type Context, now } from "../context.ts";
import { type Emit, withEvents } from "../events/emit.ts";
import { pullEvent } from "../events/pull-event.ts";
import { pushEvent, type RefChange } from "../events/push-event.ts";
import type { Account } from "../store/accounts.ts";
import { listOpenPulls, openPullsOf, type Pull, updatePull } from "../store/pulls.ts";
import { type Repository, touchPushed } from "../store/repositories.ts";

/**
 * What follows when references have moved, whoever moved them (push, REST, merge). git is the truth: everything here can be
 * derived again from it, and `refreshPulls` does so after a crash.
 *
 * 1. A pull request's head is its branch's tip, also kept as `refs/pull/<number>/head`.
 * 2. It closes when one of its branches goes, or when nothing is left to merge; it is merged when its base contains its head.
 */
export async function afterRefChanges(
  context: Context,
  repository: Repository,
  changes: readonly RefChange[],
  sender: Account,
): Promise<void> {
  if (changes.length === 0) return;
  await withEvents(context, async (sql, emit) => {
    await touchPushed(sql, repository.id, now(context));
    for (const change of changes) await followRef(context, sql, emit, repository, change, sender);
  });
}

/** The same inside a transaction that is already open. */
export async function followRef(
  context: Context,
  sql: Sql,
  emit: Emit,
  repository: Repository,
  change: RefChange,
  sender: Account,
): Promise<void> {
  const git = context.repositories.git(repository);
  const { name, before, after } = change;
  context.repositories.noteChange(repository);
  const isBranch = name.startsWith("refs/heads/");
  if (!isBranch && !name.startsWith("refs/tags/")) return;
  const forced = isBranch && before !== null && after !== null && !(await git.isAncestor(before, after));
  await emit(pushEvent(context, repository, sender, change, forced));
  if (!isBranch) return;
  const branch = name.slice("refs/heads/".length);
  for (const pull of await openPullsOf(sql, repository.id, "head", branch))
    await syncHead(context, sql, emit, repository, pull, after, sender);
  for (const pull of await mergedBy(sql, git, repository, branch, before, after)) {
    if (after === null) await close(context, sql, emit, repository, pull, sender);
    else
      await markMerged(context, sql, emit, repository, pull, {
        by: sender,
        commit: after,
        baseSha: before ?? pull.baseSha,
      });
  }
}

/** Open pull requests into a branch whose head the change brought into it; all of them when the branch is gone. */
async function mergedBy(
  sql: Sql,
  git: Git,
  repository: Repository,
  branch: string,
  before: string | null,
  after: string | null,
) {
  const pulls = await openPullsOf(sql, repository.id, "base", branch);
  if (pulls.length === 0 || after === null) return pulls;
  const brought = new Set(await git.revList(after, before === null ? {} : { exclude: before }));
  return pulls.filter((pull) => brought.has(pull.headSha));
}

async function syncHead(
  context: Context,
  sql: Sql,
  emit: Emit,
  repository: Repository,
  pull: Pull,
  head: string | null,
  sender: Account,
): Promise<void> {
  if (head === null) return close(context, sql, emit, repository, pull, sender);
  if (head === pull.headSha) return;
  const git = context.repositories.git(repository);
  const base = (await git.revParse(`refs/heads/${pull.baseRef}`)) ?? pull.baseSha;
  await git.updateRef(`refs/pull/${pull.number}/head`, head);
  const synced = await updatePull(sql, pull.id, { headSha: head, baseSha: base }, now(context));
  if (await git.isAncestor(head, base)) return close(context, sql, emit, repository, synced, sender);
  await emit(pullEvent(context, repository, synced, sender, "synchronize", { before: pull.headSha, after: head }));
}

async function close(
  context: Context,
  sql: Sql,
  emit: Emit,
  repository: Repository,
  pull: Pull,
  sender: Account,
): Promise<void> {
  const at = now(context);
  const closed = await updatePull(sql, pull.id, { state: "closed", closedAt: at }, at);
  await emit(pullEvent(context, repository, closed, sender, "closed"));
}

export async function markMerged(
  context: Context,
  sql: Sql,
  emit: Emit,
  repository: Repository,
  pull: Pull,
  merge: { readonly by: Account; readonly commit: string; readonly baseSha: string },
): Promise<Pull> {
  const at = now(context);
  const merged = await updatePull(
    sql,
    pull.id,
    {
      state: "closed",
      closedAt: at,
      mergedAt: at,
      mergedById: merge.by.id,
      mergeCommitSha: merge.commit,
      baseSha: merge.baseSha,
      mergeIntent: null,
    },
    at,
  );
  await emit(pullEvent(context, repository, merged, merge.by, "closed"));
  return merged;
}

/** Brings the open pull requests of a repository in line with its branches, for what a crash left undone. */
export async function refreshPulls(
  context: Context,
  repository: Repository,
  authorOf: (pull: Pull) => Promise<Account>,
): Promise<void> {
  const git = context.repositories.git(repository);
  for (const pull of await listOpenPulls(context.sql, repository.id)) {
    const [head, base] = await Promise.all([
      git.revParse(`refs/heads/${pull.headRef}`),
      git.revParse(`refs/heads/${pull.baseRef}`),
    ]);
    const author = await authorOf(pull);
    await withEvents(context, async (sql, emit) => {
      if (base === undefined) return close(context, sql, emit, repository, pull, author);
      const merged = await provenMerge(git, pull, base);
      if (merged === undefined) return syncHead(context, sql, emit, repository, pull, head ?? null, author);
      await markMerged(context, sql, emit, repository, pull, { by: author, commit: merged, baseSha: pull.baseSha });
    });
  }
}

async function provenMerge(git: Git, pull: Pull, base: string): Promise<string | undefined> {
  if (pull.mergeIntent !== null && (await git.isAncestor(pull.mergeIntent, base).catch(() => false)))
    return pull.mergeIntent;
  return (await git.isAncestor(pull.headSha, base)) ? base : undefined;
}
