import { currentTraceparent, noTracer, parseTraceparent, type Tracer } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { traceOfCommit, tracesOfCommits } from "../../platform/store/index.ts";

type Parts = { readonly sql: Sql; readonly tracer?: Tracer };

/**
 * What the work on a commit hangs below: the span that is current where it is of the commit's own trace, else what was noted of the
 * commit; null: a trace begins here. Git and its host carry no trace: the ledger does, by the commit.
 */
export async function traceOf(
  { sql, tracer = noTracer }: Parts,
  repository: string,
  commit: string,
): Promise<string | null> {
  if (!tracer.on) return null;
  const here = currentTraceparent();
  const noted = await traceOfCommit(sql, { repository, commit });
  if (here === undefined || noted === undefined) return here ?? noted ?? null;
  return parseTraceparent(here)?.traceId === parseTraceparent(noted)?.traceId ? here : noted;
}

/** The first of each list of commits that was traced. */
export async function tracesOfFirst(
  { sql, tracer = noTracer }: Parts,
  repository: string,
  lists: readonly (readonly string[])[],
): Promise<readonly (string | null)[]> {
  if (!tracer.on || lists.length === 0) return lists.map(() => null);
  const noted = await tracesOfCommits(sql, repository, [...new Set(lists.flat())]);
  return lists.map((commits) => commits.map((commit) => noted.get(commit)).find((one) => one !== undefined) ?? null);
}
