import type { Sql } from "../../sql/index.ts";

/** The highest step that was reached of a budget of this amount. */
export type ReachedStep = {
  readonly tenant: string;
  /** `""`: the whole tenant. */
  readonly project: string;
  readonly budgetMicros: number;
  readonly percent: number;
};

/** Of all tenants, in a month. */
export const listReachedSteps = (sql: Sql, month: string): Promise<readonly ReachedStep[]> =>
  sql.query<ReachedStep>(
    `select tenant, project, budget_micros as "budgetMicros", max(percent) as percent from budget_alerts
     where month = $1 and what = 'spent' group by tenant, project, budget_micros order by 1, 2, 3`,
    [month],
  );
