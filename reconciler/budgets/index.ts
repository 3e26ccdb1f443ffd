/**
 * Budgets, unusual days, and holds: when a tenant's month is looked at, who is told, and what is paused because of money. Owns the pass;
 * not what a budget means (platform/spending), how somebody is told (platform/notify), nor who holds because of an unpaid invoice
 * (reconciler/payments), whose holds are kept here as well.
 *
 * 1. Each step of a budget is told once a month, by a row in the transaction that tells it.
 * 2. A hold pauses what it is over by operations, as people would, and starts again only what it paused itself.
 * 3. One tenant whose month cannot be rated stops no other.
 */

export { registerBudgetGauges } from "./gauges.ts";
export { keepHolds } from "./keep-holds.ts";
export { type BudgetPass, makeBudgetPass } from "./pass.ts";
