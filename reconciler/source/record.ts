import type { Git } from "../../platform/git/index.ts";
import type { StackName } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  deleteProject,
  enqueueOperation,
  hasUnsettledDeploy,
  type PullRow,
  type RepositoryRow,
  recordWanted,
} from "../../platform/store/index.ts";
import { findArrived, noteArrived } from "./arrivals.ts";
import type { SourceParts } from "./sync.ts";
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
  parts: Pick<SourceParts, "sql" | "holding">,
  git: Git,
  pass: { readonly repository: RepositoryRow; readonly commit: string; readonly understood: readonly Understood[] },
): Promise<readonly Recorded[]> {
  const { repository, commit } = pass;
  const arrived = await findArrived(parts.sql, git, repository, commit);
  const news = pass.understood.filter(isNews);
  if (arrived.length === 0 && news.length === 0) return [];
  const author = (await git.commit(commit))?.author.name ?? "unknown";
  return underLease(parts, repository, async (tx) => {
    const recorded: Recorded[] = [];
    for (const one of news) {
      const pull = arrived.findLast(({ stacks }) => stacks.includes(one.stack))?.pull;
      recorded.push(
        await recordOne(tx, one, { repository, commit, pull, requestedBy: pull?.requestedBy ?? `git:${author}` }),
      );
    }
    await noteArrived(tx, repository, commit, arrived);
    return recorded;
  });
}

/** The same refusal again is no news: a pass that finds nothing new writes nothing. */
function isNews({ row, tree, admission }: Understood): boolean {
  if (admission === "forget" || admission.kind === "spec" || row === undefined) return true;
  return row.wantedTree !== tree || row.reason !== admission.reason || row.message !== admission.message;
}

type Cause = {
  readonly repository: RepositoryRow;
  readonly commit: string;
  readonly pull: PullRow | undefined;
  readonly requestedBy: string;
};

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
    ...admission,
  });
  if (admission.kind === "refused") return { ...nothing, refused: true };
  if (!deploy) return nothing;
  const operation = await enqueueOperation(tx, {
    stack,
    type: "DEPLOY",
    commit,
    pullNumber: cause.pull?.number ?? null,
    params: { tree, hash: admission.hash },
    requestedBy: cause.requestedBy,
    supersede: true,
  });
  return { ...nothing, operation: operation.id };
}
