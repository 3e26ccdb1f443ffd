import type { Sql } from "../../sql/index.ts";

/** What became of what a pull request was estimated at, of one database in one month. */
export type PullCost = {
  readonly repository: string;
  readonly number: number;
  readonly stack: string;
  readonly database: string;
  readonly month: string;
  readonly hours: number;
  readonly estimatedMicros: number;
  readonly actualMicros: number;
  readonly currency: string;
  readonly priceBook: string;
};

const columns = `repository, number, stack, database, month, hours, estimated_micros as "estimatedMicros",
  actual_micros as "actualMicros", currency, price_book as "priceBook"`;

export const listPullCosts = (sql: Sql, repository: string, number: number): Promise<readonly PullCost[]> =>
  sql.query<PullCost>(
    `select ${columns} from pull_costs where repository = $1 and number = $2 order by month, stack, database`,
    [repository, number],
  );

export async function putPullCosts(sql: Sql, costs: readonly PullCost[]): Promise<void> {
  for (const cost of costs)
    await sql.query(
      `insert into pull_costs (repository, number, stack, database, month, hours, estimated_micros, actual_micros, currency, price_book)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
       on conflict (repository, number, stack, database, month) do update set hours = excluded.hours,
         estimated_micros = excluded.estimated_micros, actual_micros = excluded.actual_micros, currency = excluded.currency,
         price_book = excluded.price_book`,
      [
        ...[cost.repository, cost.number, cost.stack, cost.database, cost.month, cost.hours],
        ...[cost.estimatedMicros, cost.actualMicros, cost.currency, cost.priceBook],
      ],
    );
}

/** Which pull requests are asked for: one, or those that brought commits about. */
export type PullsAsked =
  | { readonly repository: string; readonly number: number }
  | { readonly commits: readonly string[] };

/** Merged pull requests that touch a tenant's projects, with their reviews. `Review` is reconciler/review's. */
export const listMergedPulls = <Review = unknown>(
  sql: Sql,
  { tenant, before, asked }: { readonly tenant: string; readonly before: Date; readonly asked: PullsAsked },
): Promise<readonly { repository: string; number: number; commits: readonly string[]; review: Review }[]> =>
  sql.query(
    `select repository, number, array_remove(array[merge_commit, deployed_commit], null) as commits, plan as review
     from pulls where state = 'merged' and merged_at < $2 and plan is not null
       and exists (select from jsonb_array_elements(plan -> 'projects') p where p ->> 'tenant' = $1)
       and ${"commits" in asked ? "(merge_commit = any($3::text[]) or deployed_commit = any($3::text[]))" : "repository = $3::text and number = $4::int"}
     order by repository, number`,
    "commits" in asked ? [tenant, before, asked.commits] : [tenant, before, asked.repository, asked.number],
  );

/** What a database used in the hours in which it ran as one of these commits declares it, by meter. Whole hours that ended alone. */
export const usageOfCommits = (
  sql: Sql,
  of: {
    readonly tenant: string;
    readonly project: string;
    readonly database: string;
    readonly fromMs: number;
    readonly toMs: number;
    readonly commits: readonly string[];
  },
): Promise<readonly { meter: string; quantity: string; hours: number }[]> =>
  sql.query(
    `select meter, trim_scale(sum(quantity))::text as quantity, count(distinct window_start)::int as hours from usage_records
     where tenant = $1 and project = $2 and database = $3 and window_start >= $4 and window_start < $5 and commits && $6
     group by meter order by meter`,
    [of.tenant, of.project, of.database, new Date(of.fromMs), new Date(of.toMs), of.commits],
  );
