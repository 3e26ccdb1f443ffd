import type { Git } from "../../../platform/git/index.ts";
import type { Caller } from "../http/caller.ts";
import { forbidden } from "../http/refusal.ts";
import type { Repository } from "../store/repositories.ts";

/**
 * Workflow files run with the repository's secrets: as on GitHub, changing them takes a permission of its own, by push, by
 * REST and by merge. The folder must be the one before, or one that the default branch has or had where the branch left it.
 * For pushes the same is asked by the update hook (git/receive-hooks.ts).
 */
export const workflowFolder = ".github/workflows";

export const mayChangeWorkflows = (caller: Caller, repository: Repository): boolean =>
  caller.may(repository, "workflows:write");

/** @throws Refusal 403 */
export async function demandWorkflows(
  git: Git,
  caller: Caller,
  repository: Repository,
  from: string | null,
  to: string,
): Promise<void> {
  if (mayChangeWorkflows(caller, repository)) return;
  const folderOf = async (commit: string | null | undefined) =>
    commit == null ? undefined : (await git.entry(commit, workflowFolder))?.hash;
  const wanted = await folderOf(to);
  if (wanted === (await folderOf(from))) return;
  const base = await git.revParse(`refs/heads/${repository.defaultBranch}`);
  if (wanted === (await folderOf(base))) return;
  const left = base === undefined ? undefined : await git.mergeBase(base, to);
  if (left !== undefined && wanted === (await folderOf(left))) return;
  throw forbidden(`Refusing to create or update ${workflowFolder} without the workflows permission.`);
}
