import { currentTraceparent } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";

type Commit = { readonly repository: string; readonly commit: string };

/**
 * Keeps which trace a commit belongs to: the way from whoever made it, through Git and its host, to whoever reviews and deploys it.
 * The first who says so is right, unless the work goes on from a later span (`onwards`). Without a current span there is nothing to keep.
 * Never inside a transaction, and never in the way: whoever is not heard here loses a line in a picture.
 */
export async function noteCommitTrace(
  sql: Sql,
  { repository, commit }: Commit,
  { onwards = false }: { readonly onwards?: boolean } = {},
): Promise<void> {
  const traceparent = currentTraceparent();
  if (traceparent === undefined) return;
  const noted = sql.query(
    `insert into commit_traces (repository, "commit", traceparent) values ($1, $2, $3)
     on conflict (repository, "commit") do update set traceparent = excluded.traceparent where $4`,
    [repository, commit, traceparent, onwards],
  );
  await noted.catch(() => undefined);
}

export const traceOfCommit = async (sql: Sql, { repository, commit }: Commit): Promise<string | undefined> =>
  (await tracesOfCommits(sql, repository, [commit])).get(commit);

/** By commit; those that nobody traced, or that cannot be looked up, are not in it. */
export async function tracesOfCommits(
  sql: Sql,
  repository: string,
  commits: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const found = sql.query<{ commit: string; traceparent: string }>(
    `select "commit", traceparent from commit_traces where repository = $1 and "commit" = any($2)`,
    [repository, commits],
  );
  const rows = await found.catch(() => []);
  return new Map(rows.map(({ commit, traceparent }) => [commit, traceparent]));
}

/** No receiver keeps traces for longer. */
export async function pruneCommitTraces(sql: Sql): Promise<void> {
  await sql.query("delete from commit_traces where at < clock_timestamp() - interval '30 days'");
}
