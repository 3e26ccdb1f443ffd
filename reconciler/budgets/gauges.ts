import type { Clock, Metrics } from "../../platform/core/index.ts";
import { monthOf } from "../../platform/pricing/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { activeHolds, listFleets, listReachedSteps } from "../../platform/store/index.ts";

const reasons = ["budget", "unpaid"] as const;

/** What the platform's operator sees of budgets: how far each is used up, and who is held; read from the ledger when somebody scrapes. */
export function registerBudgetGauges(metrics: Pick<Metrics, "gauge">, sql: Sql, clock: Clock): void {
  metrics.gauge(
    "nebuladb_budget_reached_ratio",
    "The highest step of a declared budget that this month (UTC) has reached; 1: it is used up. project *: of the whole tenant.",
    ["tenant", "project"],
    async (set) => {
      const [fleets, steps] = await Promise.all([listFleets(sql), listReachedSteps(sql, monthOf(clock.now()))]);
      const reached = new Map(steps.map((step) => [keyOf(step.tenant, step.project, step.budgetMicros), step.percent]));
      for (const { tenant, budgets = [] } of fleets.flatMap(({ tenants }) => tenants))
        for (const { project, monthlyMicros } of budgets) {
          const percent = reached.get(keyOf(tenant, project ?? "", monthlyMicros)) ?? 0;
          set({ tenant, project: project ?? "*" }, percent / 100);
        }
    },
  );
  metrics.gauge(
    "nebuladb_holds",
    "Holds in force: databases that are paused because of money.",
    ["reason"],
    async (set) => {
      const holds = await activeHolds(sql);
      for (const reason of reasons) set({ reason }, holds.filter((hold) => hold.reason === reason).length);
    },
  );
}

const keyOf = (tenant: string, project: string, micros: number): string => `${tenant}/${project}/${micros}`;
