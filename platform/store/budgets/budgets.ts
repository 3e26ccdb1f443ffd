import type { Sql } from "../../sql/index.ts";
import { type Reach, reachParameters, withinReach } from "../reach.ts";

/** A step of a budget that was reached, or is foreseen to be. */
export type BudgetAlertRow = {
  readonly tenant: string;
  /** `""`: the whole tenant. */
  readonly project: string;
  readonly month: string;
  readonly budgetMicros: number;
  readonly what: "spent" | "forecast";
  readonly percent: number;
  readonly micros: number;
  readonly currency: string;
  readonly at: Date;
};

const columns = `tenant, project, month, budget_micros as "budgetMicros", what, percent, micros, currency, at`;

/** Whether it was new. */
export async function putBudgetAlert(sql: Sql, a: BudgetAlertRow): Promise<boolean> {
  const made = await sql.query(
    `insert into budget_alerts (tenant, project, month, budget_micros, what, percent, micros, currency, at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing returning percent`,
    [a.tenant, a.project, a.month, a.budgetMicros, a.what, a.percent, a.micros, a.currency, a.at],
  );
  return made.length > 0;
}

export const listBudgetAlerts = (sql: Sql, tenant: string, month: string): Promise<readonly BudgetAlertRow[]> =>
  sql.query<BudgetAlertRow>(
    `select ${columns} from budget_alerts where tenant = $1 and month = $2 order by at, project, percent`,
    [tenant, month],
  );

/** A day of a project that cost far more than its days do. */
export type AnomalyRow = {
  readonly tenant: string;
  readonly project: string;
  /** YYYY-MM-DD, UTC. */
  readonly day: string;
  readonly micros: number;
  readonly usualMicros: number;
  readonly currency: string;
  readonly at: Date;
};

/** Whether it was new. */
export async function putAnomaly(sql: Sql, a: AnomalyRow): Promise<boolean> {
  const made = await sql.query(
    `insert into cost_anomalies (tenant, project, day, micros, usual_micros, currency, at)
     values ($1, $2, $3::date, $4, $5, $6, $7) on conflict do nothing returning day`,
    [a.tenant, a.project, a.day, a.micros, a.usualMicros, a.currency, a.at],
  );
  return made.length > 0;
}

/** Newest first, since a day. */
export const listAnomalies = (
  sql: Sql,
  { within, since, limit = 1_000 }: { readonly within: Reach; readonly since: Date; readonly limit?: number },
): Promise<readonly AnomalyRow[]> =>
  sql.query<AnomalyRow>(
    `select tenant, project, to_char(day, 'YYYY-MM-DD') as day, micros, usual_micros as "usualMicros", currency, at
     from cost_anomalies where day >= ($1::timestamptz at time zone 'utc')::date
       and ${withinReach(2, { tenant: "tenant", stack: "tenant || '.' || project" })}
     order by day desc, tenant, project limit $5`,
    [since, ...reachParameters(within), limit],
  );
