import type { Observe } from "../../platform/core/index.ts";
import { tell } from "../../platform/notify/index.ts";
import { monthOf } from "../../platform/pricing/index.ts";
import type { BudgetSpec } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { activeHolds, type HoldRow, liftHold, listFleets } from "../../platform/store/index.ts";

/** Lifts the holds of budgets whose reason is over. How many. */
export async function liftBudgetHolds(
  sql: Sql,
  { nowMs, observe }: { readonly nowMs: number; readonly observe: Observe },
): Promise<number> {
  const holds = await activeHolds(sql, { reason: "budget" });
  if (holds.length === 0) return 0;
  const tenants = (await listFleets(sql)).flatMap((fleet) => fleet.tenants);
  const budgets = new Map(tenants.map(({ tenant, budgets = [] }) => [tenant, budgets]));
  let lifted = 0;
  for (const hold of holds) {
    const why = whyOver(hold, budgets.get(hold.tenant) ?? [], monthOf(nowMs));
    if (why !== null && (await lift(sql, hold, { why, at: new Date(nowMs) }))) {
      lifted++;
      observe({ kind: "hold.changed", tenant: hold.tenant, project: hold.project, reason: "budget", state: "lifted" });
    }
  }
  return lifted;
}

/** null: it stays. A budget that was changed is judged anew, under its own name. */
export function whyOver(
  { project, data }: Pick<HoldRow, "project" | "data">,
  budgets: readonly BudgetSpec[],
  month: string,
): string | null {
  if (data.month !== month) return "the month is over";
  const budget = budgets.find((one) => one.project === project);
  if (budget === undefined) return "there is no such budget any more";
  if (budget.atCap !== "suspend") return "the budget does not suspend any more";
  return budget.monthlyMicros === data.budgetMicros ? null : "the budget was changed";
}

/** Whether it was still in force. */
const lift = (sql: Sql, hold: HoldRow, { why, at }: { readonly why: string; readonly at: Date }): Promise<boolean> =>
  sql.tx(async (tx) => {
    const lifted = await liftHold(tx, hold.id, { at, why });
    if (lifted === undefined) return false;
    const { tenant, project, reason, id } = hold;
    await tell(tx, { kind: "hold.lifted", about: id, tenant, project, at, data: { reason, why } });
    return true;
  });
