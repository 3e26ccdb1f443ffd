import { canonicalJson } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  enqueueOperation,
  getProject,
  getPullRow,
  type Instance,
  listOperations,
  listPreviewBranches,
} from "../../platform/store/index.ts";

type Files = Readonly<Record<string, string>>;

/** What of a review is asked for here: which files each database would have. */
type Reviewed = {
  readonly projects?: readonly {
    readonly stack: string;
    readonly migrations?: readonly { readonly database: string; readonly declared?: Files }[];
  }[];
};

/**
 * Queues the migrations of pull requests for the branches that they have: a preview then has the schema that the merge would give. Only
 * what its review let pass; the same files are asked for once, whatever came of it. How many.
 */
export async function queuePreviewMigrations(sql: Sql): Promise<number> {
  let queued = 0;
  for (const preview of await listPreviewBranches(sql)) {
    const wanted = preview.phase === "Ready" ? await wantedOf(sql, preview) : undefined;
    if (wanted === undefined) continue;
    const { stack, database } = preview;
    const [newest] = await listOperations(sql, { stack, database, type: "MIGRATE", limit: 1 });
    if (newest !== undefined && canonicalJson(newest.params.files ?? {}) === canonicalJson(wanted.files)) continue;
    const { files, folder, pullNumber, commit } = wanted;
    await enqueueOperation(sql, {
      ...{ stack, database, type: "MIGRATE", requestedBy: "reconciler", pullNumber, commit },
      params: { verb: "apply", folder, files },
    });
    queued++;
  }
  return queued;
}

async function wantedOf(sql: Sql, { stack, spec }: Instance) {
  const { of: folder, pull: pullNumber } = spec.branch ?? {};
  const project = await getProject(sql, stack);
  if (folder === undefined || pullNumber === undefined || project === undefined) return undefined;
  const row = await getPullRow<Reviewed>(sql, project.repository, pullNumber);
  if (row?.verdict !== "success" && row?.verdict !== "pending") return undefined;
  const reviewed = row.review?.projects?.find((one) => one.stack === stack)?.migrations ?? [];
  const files = reviewed.find(({ database }) => database === folder)?.declared;
  return files === undefined ? undefined : { files, folder, pullNumber, commit: row.headCommit };
}
