import { notify, type Sql } from "../../sql/index.ts";
import { type PullRow, type PullState, pullColumns, type Verdict } from "./pull.ts";

export type PullOpened = {
  readonly repository: string;
  readonly number: number;
  readonly requestedBy: string;
  readonly operation?: string | null;
  /** Merge `headCommit`, and nothing else, as soon as every required check passes. */
  readonly autoMerge?: boolean;
  readonly headCommit?: string | null;
};

/**
 * Notes a pull request. The portal knows who asked and wins over the reconciler, which only sees the bot; whoever comes
 * second changes nothing else.
 */
export const recordPull = (sql: Sql, pull: PullOpened & { readonly by: "portal" | "reconciler" }): Promise<PullRow> =>
  sql.one<PullRow>(
    `insert into pulls as p (repository, number, requested_by, operation, auto_merge, auto_merge_head, head_commit)
     values ($1, $2, $3, $4, $5, case when $5 then $6 end, $6)
     on conflict (repository, number) do update set
       requested_by = case when $7 = 'portal' then excluded.requested_by else p.requested_by end,
       operation = coalesce(excluded.operation, p.operation),
       auto_merge = excluded.auto_merge or (p.auto_merge and $7 <> 'portal'),
       auto_merge_head = case when $7 = 'portal' then excluded.auto_merge_head else p.auto_merge_head end
     returning ${pullColumns}`,
    [
      pull.repository,
      pull.number,
      pull.requestedBy,
      pull.operation ?? null,
      pull.autoMerge ?? false,
      pull.headCommit ?? null,
      pull.by,
    ],
  );

/** The labels as the Git host says them now. */
export async function recordLabels(
  sql: Sql,
  pull: { readonly repository: string; readonly number: number; readonly labels: readonly string[] },
): Promise<void> {
  await sql.query("update pulls set labels = $3 where repository = $1 and number = $2 and labels <> $3", [
    pull.repository,
    pull.number,
    pull.labels,
  ]);
}

/** Nobody asks for its merge any more. */
export async function stopAutoMerge(sql: Sql, repository: string, number: number): Promise<void> {
  await sql.query("update pulls set auto_merge = false, auto_merge_head = null where repository = $1 and number = $2", [
    repository,
    number,
  ]);
}

/** A review of this head begins: before anything is shown, so that whatever breaks off is found unfinished. */
export async function beginReview(
  sql: Sql,
  pull: { readonly repository: string; readonly number: number; readonly head: string },
): Promise<void> {
  await sql.query(
    `update pulls set head_commit = $3, verdict = 'pending', posted_at = null where repository = $1 and number = $2`,
    [pull.repository, pull.number, pull.head],
  );
}

/** What the default branch changed since has nothing to do with the review: it speaks of the newer base as well. */
export async function moveBase(
  sql: Sql,
  pull: { readonly repository: string; readonly number: number; readonly from: string; readonly to: string },
): Promise<void> {
  await sql.query("update pulls set base_commit = $4 where repository = $1 and number = $2 and base_commit = $3", [
    pull.repository,
    pull.number,
    pull.from,
    pull.to,
  ]);
}

/** Keeps a finished review. False when the head moved meanwhile: the newer review wins. */
export async function recordReview(
  sql: Sql,
  pull: {
    readonly repository: string;
    readonly number: number;
    readonly head: string;
    readonly base?: string;
    readonly review: unknown;
    readonly planHash: string;
    readonly verdict: Verdict;
  },
): Promise<boolean> {
  const rows = await sql.query(
    `update pulls set plan = $4::jsonb, plan_hash = $5, verdict = $6, base_commit = coalesce($7, base_commit),
       reviewed_at = clock_timestamp(), posted_at = null
     where repository = $1 and number = $2 and head_commit = $3 returning number`,
    [
      pull.repository,
      pull.number,
      pull.head,
      JSON.stringify(pull.review),
      pull.planHash,
      pull.verdict,
      pull.base ?? null,
    ],
  );
  return rows.length > 0;
}

/** The review of this head broke: it is made again at the next look. */
export async function failReview(
  sql: Sql,
  pull: { readonly repository: string; readonly number: number; readonly head: string },
): Promise<void> {
  await sql.query(
    "update pulls set verdict = 'error', posted_at = null where repository = $1 and number = $2 and head_commit = $3",
    [pull.repository, pull.number, pull.head],
  );
}

/** The review of this head is on the pull request. Wakes whoever would merge it (channel `nebula_pulls`). */
export async function markPosted(
  sql: Sql,
  pull: { readonly repository: string; readonly number: number; readonly head: string; readonly commentId: number },
): Promise<void> {
  await sql.query(
    `update pulls set comment_id = $4, posted_at = case when head_commit = $3 then clock_timestamp() end
     where repository = $1 and number = $2`,
    [pull.repository, pull.number, pull.head, pull.commentId],
  );
  await notify(sql, "nebula_pulls", `${pull.repository}:${pull.number}`);
}

/** What the Git host says about it. Merging is final. */
export async function recordPullState(
  sql: Sql,
  pull: {
    readonly repository: string;
    readonly number: number;
    readonly state: PullState;
    readonly mergeCommit?: string | null;
  },
): Promise<PullRow | undefined> {
  return sql.maybe<PullRow>(
    `update pulls set state = $3, merge_commit = coalesce($4, merge_commit),
       merged_at = case when $3 = 'merged' then coalesce(merged_at, clock_timestamp()) end
     where repository = $1 and number = $2 and state <> 'merged' and state <> $3
     returning ${pullColumns}`,
    [pull.repository, pull.number, pull.state, pull.mergeCommit ?? null],
  );
}

/** The default branch at `commit` contains these merges, and what they changed is queued. */
export async function markDeployed(
  sql: Sql,
  repository: string,
  deployed: { readonly commit: string; readonly numbers: readonly number[] },
): Promise<void> {
  await sql.query(
    `update pulls set deployed_commit = $2, deployed_at = clock_timestamp()
     where repository = $1 and number = any($3) and deployed_at is null`,
    [repository, deployed.commit, deployed.numbers],
  );
}

export async function markPullReported(sql: Sql, repository: string, number: number): Promise<void> {
  await sql.query("update pulls set reported_at = clock_timestamp() where repository = $1 and number = $2", [
    repository,
    number,
  ]);
}

/** Deployments that were queued from `commit` before it was known which pull request asked for them. */
export async function attributeOperations(
  sql: Sql,
  to: {
    readonly stacks: readonly string[];
    readonly commit: string;
    readonly pullNumber: number;
    readonly requestedBy: string;
  },
): Promise<void> {
  await sql.query(
    `update operations set pull_number = $3, requested_by = $4
     where stack = any($1) and commit = $2 and type = 'DEPLOY' and pull_number is null`,
    [to.stacks, to.commit, to.pullNumber, to.requestedBy],
  );
}
