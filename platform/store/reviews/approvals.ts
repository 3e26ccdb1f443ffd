import type { Sql } from "../../sql/index.ts";

export type Approval = {
  readonly stack: string;
  readonly planHash: string;
  /** The operation that was stopped. */
  readonly operation: string;
  readonly commit: string | null;
  readonly approvedBy: string;
};

/** Somebody takes the responsibility for exactly this plan. It counts until a deployment of the stack has used it. */
export async function recordApproval(sql: Sql, approval: Approval): Promise<void> {
  await sql.query(
    "insert into approvals (stack, plan_hash, operation, commit, approved_by) values ($1, $2, $3, $4, $5)",
    [approval.stack, approval.planHash, approval.operation, approval.commit, approval.approvedBy],
  );
}

export const findApproval = (sql: Sql, stack: string, planHash: string): Promise<Approval | undefined> =>
  sql.maybe<Approval>(
    `select stack, plan_hash as "planHash", operation, commit, approved_by as "approvedBy" from approvals
     where stack = $1 and plan_hash = $2 and applied_at is null order by id desc limit 1`,
    [stack, planHash],
  );
