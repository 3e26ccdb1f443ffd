/**
 * Spending: what a tenant's month costs so far, what it will come to, and what of it is worth a word. Owns the forecast, how a budget is
 * judged, and what an unusual day is. Does not own prices (platform/pricing), the month itself (platform/billing), who is told
 * (platform/notify) or what is paused (reconciler/budgets). Portal and reconciler judge by the same functions.
 *
 * 1. What is spent is what the draft of the invoice says, before credits and tax: a budget and a bill cannot disagree.
 * 2. A forecast is the same rating of the month's usage and of what the last days used of what still runs, for the rest of the month.
 * 3. A budget is told of once a month and step, and again when it is changed.
 */
export { type DayCost, findAnomaly } from "./anomaly.ts";
export { dailyCosts, type ProjectDays } from "./daily.ts";
export { databaseHeld, noHold } from "./errors.ts";
export { foreseeUsage, type RunningPhase } from "./forecast.ts";
export { type BudgetJudged, judgeBudget } from "./judge.ts";
export { type BudgetView, readSpending, type Spending } from "./read.ts";
export { shortMoney } from "./short-money.ts";
