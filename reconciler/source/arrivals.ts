import type { Git } from "../../platform/git/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  attributeOperations,
  listUndeployedPulls,
  markDeployed,
  type PullRow,
  type RepositoryRow,
} from "../../platform/store/index.ts";

/** A merged pull request whose change is on the default branch, and the stacks that its review named. */
export type Arrived = { readonly pull: PullRow; readonly stacks: readonly string[] };

/** The part of a stored review that this room reads. */
type Named = { readonly projects?: readonly { readonly stack?: unknown }[] } | null;

/** Merges that `commit` contains and that were not noted yet, oldest first. */
export async function findArrived(
  sql: Sql,
  git: Git,
  repository: RepositoryRow,
  commit: string,
): Promise<readonly Arrived[]> {
  const merged = await listUndeployedPulls<Named>(sql, repository.id);
  const found = await Promise.all(
    merged.map(async (pull): Promise<Arrived[]> => {
      const { mergeCommit, review } = pull;
      if (mergeCommit === null || (await git.typeOf(mergeCommit)) !== "commit") return [];
      if (mergeCommit !== commit && !(await git.isAncestor(mergeCommit, commit))) return [];
      return [{ pull, stacks: (review?.projects ?? []).map(({ stack }) => String(stack)) }];
    }),
  );
  return found.flat();
}

/** Notes that they arrived; operations that were queued before the merge was known get its number. */
export async function noteArrived(
  tx: Sql,
  repository: RepositoryRow,
  commit: string,
  arrived: readonly Arrived[],
): Promise<void> {
  for (const { pull, stacks } of arrived)
    await attributeOperations(tx, { stacks, commit, pullNumber: pull.number, requestedBy: pull.requestedBy });
  const numbers = arrived.map(({ pull }) => pull.number);
  if (numbers.length > 0) await markDeployed(tx, repository.id, { commit, numbers });
}
