import { asNebulaError, type Clock, makeRepeat, type Observe, reportFault } from "../../platform/core/index.ts";
import { readSpending } from "../../platform/spending/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { listFleets } from "../../platform/store/index.ts";
import { alertOf } from "./alerts.ts";
import { lookForAnomalies } from "./anomalies.ts";
import { type Kept, keepHolds } from "./keep-holds.ts";
import { liftBudgetHolds } from "./lift.ts";

export type BudgetReport = Kept & { readonly alerts: number; readonly anomalies: number; readonly lifted: number };

export type BudgetPass = {
  start(): void;
  /** One pass now. */
  pass(): Promise<BudgetReport>;
  close(): Promise<void>;
};

type Deps = { readonly sql: Sql; readonly clock: Clock; readonly observe: Observe };

/** Holds are kept at every pass; money is counted less often, because usage is rolled up and rated for it. */
const everyMs = 15_000;
const [countEveryMs, anomaliesEveryMs] = [120_000, 3_600_000];

export function makeBudgetPass({ sql, clock, observe }: Deps): BudgetPass {
  let [countedMs, lookedMs] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];

  const pass = async (): Promise<BudgetReport> => {
    const nowMs = clock.now();
    const lifted = await liftBudgetHolds(sql, { nowMs, observe });
    const isDue = (sinceMs: number, every: number) => Math.abs(nowMs - sinceMs) >= every;
    let [alerts, anomalies] = [0, 0];
    // A budget that was changed is judged before anything starts again because of it.
    if (lifted > 0 || isDue(countedMs, countEveryMs)) {
      alerts = await count(nowMs);
      countedMs = nowMs;
    }
    if (isDue(lookedMs, anomaliesEveryMs)) {
      anomalies = await each(await everyTenant(), (tenant) => lookForAnomalies(sql, tenant, nowMs));
      lookedMs = nowMs;
    }
    return { alerts, anomalies, lifted, ...(await keepHolds(sql, new Date(nowMs))) };
  };

  const everyTenant = async (budgetsOnly = false): Promise<readonly string[]> =>
    (await listFleets(sql)).flatMap(({ tenants }) =>
      tenants.flatMap(({ tenant, budgets }) => (budgetsOnly && budgets === undefined ? [] : [tenant])),
    );

  const count = async (nowMs: number): Promise<number> =>
    each(await everyTenant(true), async (tenant) => {
      const spending = await readSpending(sql, { tenant, nowMs });
      let alerts = 0;
      for (const view of spending.budgets) {
        const { alerts: made, held } = await alertOf(sql, spending, view, new Date(nowMs));
        alerts += made;
        if (held)
          observe({ kind: "hold.changed", tenant, project: view.budget.project, reason: "budget", state: "placed" });
      }
      return alerts;
    });

  /** What cannot be rated of one (a plan without a price, a month without any) is said in its months' problems already. */
  const each = async (tenants: readonly string[], look: (tenant: string) => Promise<number>): Promise<number> => {
    let sum = 0;
    for (const tenant of tenants)
      try {
        sum += await look(tenant);
      } catch (thrown) {
        if (asNebulaError(thrown).status >= 500) reportFault(observe, "budgets.look", thrown, tenant);
      }
    return sum;
  };

  const repeat = makeRepeat({ clock, everyMs, where: "budgets.pass", observe }, pass);
  return { pass, start: repeat.start, close: repeat.close };
}
