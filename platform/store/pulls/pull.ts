export type Verdict = "pending" | "success" | "failure" | "error";
export type PullState = "open" | "merged" | "closed";

/**
 * What the ledger knows of a pull request: whose it is, its newest review, and how far it came. `Review` is
 * reconciler/review's; the ledger only keeps it.
 */
export type PullRow<Review = unknown> = {
  /** Id of the repository. */
  readonly repository: string;
  readonly number: number;
  /** The user who asked, also when a bot opened it. */
  readonly requestedBy: string;
  /** The PULL_REQUEST operation that follows it, when the portal opened it. */
  readonly operation: string | null;
  readonly autoMerge: boolean;
  /** The head that auto-merge was asked for; no other is merged. */
  readonly autoMergeHead: string | null;
  readonly headCommit: string | null;
  readonly baseCommit: string | null;
  readonly review: Review | null;
  readonly planHash: string | null;
  readonly verdict: Verdict | null;
  readonly reviewedAt: Date | null;
  /** When the newest review was on the pull request; null while it is not. */
  readonly postedAt: Date | null;
  readonly commentId: number | null;
  readonly state: PullState;
  readonly mergeCommit: string | null;
  readonly mergedAt: Date | null;
  readonly deployedCommit: string | null;
  readonly deployedAt: Date | null;
  readonly reportedAt: Date | null;
  /** As the Git host says them. */
  readonly labels: readonly string[];
};

export const pullColumns = `repository, number, requested_by as "requestedBy", operation, auto_merge as "autoMerge",
  auto_merge_head as "autoMergeHead", head_commit as "headCommit", base_commit as "baseCommit", plan as review,
  plan_hash as "planHash", verdict, reviewed_at as "reviewedAt", posted_at as "postedAt", comment_id as "commentId",
  state, merge_commit as "mergeCommit", merged_at as "mergedAt", deployed_commit as "deployedCommit",
  deployed_at as "deployedAt", reported_at as "reportedAt", labels`;
