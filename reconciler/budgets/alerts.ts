import { tell } from "../../platform/notify/index.ts";
import { type BudgetView, type Spending, shortMoney } from "../../platform/spending/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { putBudgetAlert, putHold } from "../../platform/store/index.ts";

export type Alerted = { readonly alerts: number; readonly held: boolean };

/**
 * What of a budget is new: a row each, and one word for all of them - who has passed three steps since the last look is told of the
 * highest. What is used up and says so is held.
 */
export const alertOf = (sql: Sql, spending: Spending, view: BudgetView, at: Date): Promise<Alerted> =>
  sql.tx(async (tx) => {
    const { tenant, month, currency } = spending;
    const { budget, spentMicros, forecastMicros } = view;
    const row = {
      ...{ tenant, project: budget.project ?? "", month, budgetMicros: budget.monthlyMicros, currency, at },
    };
    const place = `${tenant}/${budget.project ?? "*"}/${month}/${budget.monthlyMicros}`;
    const told = { tenant, project: budget.project, at };
    const words = (percent: number, micros: number) => ({
      ...{ project: budget.project, month, percent, budget: shortMoney(budget.monthlyMicros, currency) },
      amount: shortMoney(micros, currency),
    });
    const fresh: number[] = [];
    for (const percent of view.reached)
      if (await putBudgetAlert(tx, { ...row, what: "spent", percent, micros: spentMicros })) fresh.push(percent);
    const highest = fresh.at(-1);
    if (highest !== undefined)
      await tell(tx, {
        ...told,
        kind: "budget.reached",
        about: `${place}/${highest}`,
        data: words(highest, spentMicros),
      });
    const foreseen =
      view.foreseen &&
      forecastMicros !== null &&
      (await putBudgetAlert(tx, { ...row, what: "forecast", percent: 100, micros: forecastMicros }));
    if (foreseen)
      await tell(tx, { ...told, kind: "budget.foreseen", about: place, data: words(100, forecastMicros ?? 0) });
    const held =
      view.state === "over" &&
      budget.atCap === "suspend" &&
      (await putHold(tx, {
        ...{ id: `budget/${place}`, tenant, project: budget.project, reason: "budget", since: at },
        data: { month, budgetMicros: budget.monthlyMicros, spentMicros, currency },
      }));
    if (held)
      await tell(tx, {
        ...{ ...told, kind: "hold.placed", about: `budget/${place}` },
        data: { reason: "budget", until: "when the month is over, or when the budget is raised" },
      });
    return { alerts: fresh.length + (foreseen ? 1 : 0), held };
  });
