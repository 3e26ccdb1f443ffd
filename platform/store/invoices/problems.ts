import type { Sql } from "../../sql/index.ts";

/** Why a month of a tenant could not be closed. */
export type BillingProblem = {
  readonly tenant: string;
  readonly month: string;
  readonly code: string;
  readonly message: string;
  readonly at: Date;
};

export async function noteBillingProblem(sql: Sql, problem: BillingProblem): Promise<void> {
  await sql.query(
    `insert into billing_problems (tenant, month, code, message, at) values ($1, $2, $3, $4, $5)
     on conflict (tenant, month) do update set code = excluded.code, message = excluded.message, at = excluded.at`,
    [problem.tenant, problem.month, problem.code, problem.message, problem.at],
  );
}

export async function clearBillingProblem(sql: Sql, tenant: string, month: string): Promise<void> {
  await sql.query("delete from billing_problems where tenant = $1 and month = $2", [tenant, month]);
}

export const listBillingProblems = (sql: Sql, tenants: readonly string[] | null): Promise<readonly BillingProblem[]> =>
  sql.query<BillingProblem>(
    `select tenant, month, code, message, at from billing_problems
     where $1::text[] is null or tenant = any($1) order by tenant, month`,
    [tenants],
  );
