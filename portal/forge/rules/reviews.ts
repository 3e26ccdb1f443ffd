import type { Sql } from "../../../platform/sql/index.ts";
import type { Pull } from "../store/pulls.ts";
import type { Protection } from "./protection.ts";

/** Why the reviews of a pull request do not suffice; undefined when they do. Only each reviewer's newest verdict counts. */
export async function approvalProblem(sql: Sql, pull: Pull, protection: Protection): Promise<string | undefined> {
  if (protection.requiredReviews === null) return undefined;
  const { approvals, dismissStale } = protection.requiredReviews;
  const rows = await sql.query<{ state: string; commitSha: string }>(
    `select distinct on (author) state, commit_sha as "commitSha" from reviews
     where repository = $1 and number = $2 and state <> 'COMMENTED' and author <> $3 order by author, id desc`,
    [pull.repository, pull.number, pull.authorId],
  );
  if (rows.some(({ state }) => state === "CHANGES_REQUESTED")) return "Changes were requested by a reviewer.";
  const counted = rows.filter(({ commitSha }) => !dismissStale || commitSha === pull.headSha).length;
  if (counted >= approvals) return undefined;
  return `At least ${approvals} approving review${approvals === 1 ? " is" : "s are"} required by reviewers with write access.`;
}
