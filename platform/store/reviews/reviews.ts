import type { Sql } from "../../sql/index.ts";
import type { Verdict } from "../pulls/index.ts";

/** What was reviewed: one head merged into one base. `Plan` is reconciler/plan's; the ledger only keeps it. */
export type ReviewRow<Plan = unknown> = {
  readonly number: number;
  readonly head: string;
  readonly base: string;
  /** git's tree of that merge; null when it conflicts. */
  readonly mergeTree: string | null;
  readonly verdict: Verdict;
  readonly planHash: string;
  readonly plans: readonly Plan[];
  readonly requestedBy: string;
};

export async function keepReview(
  sql: Sql,
  review: Omit<ReviewRow, "requestedBy"> & { readonly repository: string },
): Promise<void> {
  await sql.query(
    `insert into reviews (repository, number, head, base, merge_tree, verdict, plan_hash, plans)
     values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb)
     on conflict (repository, number, head, base) do update set merge_tree = excluded.merge_tree,
       verdict = excluded.verdict, plan_hash = excluded.plan_hash, plans = excluded.plans,
       reviewed_at = excluded.reviewed_at`,
    [
      review.repository,
      review.number,
      review.head,
      review.base,
      review.mergeTree,
      review.verdict,
      review.planHash,
      JSON.stringify(review.plans),
    ],
  );
}

const columns = `v.number, v.head, v.base, v.merge_tree as "mergeTree", v.verdict, v.plan_hash as "planHash", v.plans,
  p.requested_by as "requestedBy"`;

/** Every review of one head, newest first. */
export const listReviews = <Plan = unknown>(
  sql: Sql,
  { repository, number, head }: { readonly repository: string; readonly number: number; readonly head: string },
): Promise<readonly ReviewRow<Plan>[]> =>
  sql.query<ReviewRow<Plan>>(
    `select ${columns} from reviews v join pulls p using (repository, number)
     where v.repository = $1 and v.number = $2 and v.head = $3 order by v.reviewed_at desc`,
    [repository, number, head],
  );

/** A pull request that passed its review and is not known to be deployed: where a new commit may come from. */
export type MergeCandidate = {
  readonly number: number;
  readonly head: string;
  readonly state: "open" | "merged" | "closed";
  readonly mergeCommit: string | null;
  /** Trees of the merges that were reviewed. */
  readonly mergeTrees: readonly string[];
};

/** Newest first. */
export const listMergeCandidates = (sql: Sql, repository: string): Promise<readonly MergeCandidate[]> =>
  sql.query<MergeCandidate>(
    `select p.number, p.head_commit as head, p.state, p.merge_commit as "mergeCommit",
       coalesce((select array_agg(v.merge_tree) from reviews v where v.repository = p.repository and v.number = p.number
                 and v.head = p.head_commit and v.merge_tree is not null), '{}') as "mergeTrees"
     from pulls p
     where p.repository = $1 and p.head_commit is not null and p.deployed_at is null and p.state in ('open', 'merged')
     order by p.number desc limit 500`,
    [repository],
  );
