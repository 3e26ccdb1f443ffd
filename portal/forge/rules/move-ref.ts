import { conflict, unprocessable } from "../http/refusal.ts";
import type { RepositoryCall } from "../http/route.ts";
import { afterRefChanges } from "./references.ts";
import { judgeUpdate } from "./update.ts";
import { demandWorkflows } from "./workflows.ts";

/**
 * Moves a reference for a REST request, with the rules that a push has. `from` null creates; `to` null deletes.
 * @throws Refusal 422 not a fast-forward, exists already, protected; 409 when another writer was faster.
 */
export async function moveRef(
  { context, caller, repository, git }: RepositoryCall,
  name: string,
  { from, to, force = false }: { from: string | null; to: string | null; force?: boolean },
): Promise<void> {
  if (name.startsWith("refs/pull/")) throw unprocessable("Reference cannot be updated");
  if (name.startsWith("refs/heads/") && to !== null && (await git.typeOf(to)) !== "commit")
    throw unprocessable("Object is not a commit");
  const verdict = await judgeUpdate(context, caller, repository, name, to);
  if (verdict.refused !== null) throw unprocessable(verdict.refused);
  if (from !== null && to !== null && from !== to) {
    const isForward = (await git.typeOf(from)) === "commit" && (await git.isAncestor(from, to));
    if (!isForward && verdict.mustFastForward) throw unprocessable("Cannot force-push to this branch");
    if (!isForward && !force) throw unprocessable("Update is not a fast forward");
    if (verdict.mustBeLinear && (await hasMerges(git, from, to)))
      throw unprocessable("This branch must not contain merge commits.");
  }
  if (from === to) return;
  if (name.startsWith("refs/heads/") && to !== null) await demandWorkflows(git, caller, repository, from, to);
  await context.repositories.exclusive(repository, async () => {
    if ((await git.updateRef(name, to, from)) === "moved")
      throw from === null
        ? unprocessable("Reference already exists")
        : conflict("Reference was updated by another request");
    await afterRefChanges(context, repository, [{ name, before: from, after: to }], caller.account());
  });
}

async function hasMerges(git: RepositoryCall["git"], from: string, to: string): Promise<boolean> {
  const { stdout } = await git.run(["rev-list", "--merges", "--max-count=1", `${from}..${to}`]);
  return stdout.length > 0;
}
