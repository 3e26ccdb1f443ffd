import { currentTraceparent, traced } from "../../platform/core/index.ts";
import { noteCommitTrace, traceOfCommit } from "../../platform/store/index.ts";
import type { Portal } from "./portal.ts";

type Merging = { readonly number: number; readonly head: string };

/**
 * Merges in the trace of the pull request: it began with whoever asked for the change, and goes on here with whoever merges it. Their
 * own request stays in a trace of its own, and each of the two points at the other.
 */
export async function tracedMerge<T extends { readonly sha: string }>(
  { sql, tracer }: Pick<Portal, "sql" | "tracer">,
  repository: string,
  { number, head }: Merging,
  merge: () => Promise<T>,
): Promise<T> {
  const request = currentTraceparent();
  if (request === undefined) return merge();
  const parent = (await traceOfCommit(sql, { repository, commit: head })) ?? request;
  const facts = { "nebula.pull": number, "nebula.commit": head };
  return traced(tracer, { name: "pull.merge", parent, links: [request], facts }, async () => {
    // Before the host tells anybody: whoever hears of the merge knows its head.
    await noteCommitTrace(sql, { repository, commit: head }, { onwards: true });
    const merged = await merge();
    await noteCommitTrace(sql, { repository, commit: merged.sha });
    return merged;
  });
}
