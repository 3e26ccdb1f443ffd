export { type CausedBy, causesOf } from "./chain.ts";
export {
  type CreditGiven,
  type CreditRow,
  creditsLeft,
  insertCredit,
  listCredits,
  lockCredits,
  useCredits,
} from "./credits.ts";
export {
  appendBillingEvent,
  type BillingEvent,
  type BillingEventKind,
  beginDelivery,
  billingHappened,
  type Delivery,
  endDelivery,
  enrolDeliveries,
  openDeliveries,
  postponeDelivery,
} from "./events.ts";
export type { InvoiceRow, LineRow } from "./invoice.ts";
export { billableTenants, currentPlans, listPlans, notePlan, type PlanRow } from "./plans.ts";
export { type BillingProblem, clearBillingProblem, listBillingProblems, noteBillingProblem } from "./problems.ts";
export {
  listMergedPulls,
  listPullCosts,
  type PullCost,
  type PullsAsked,
  putPullCosts,
  usageOfCommits,
} from "./pull-costs.ts";
export {
  billedCurrencies,
  countAttempts,
  getInvoiceRow,
  type InvoiceFilter,
  invoiceInForce,
  listInvoiceLines,
  listInvoiceRows,
} from "./read-invoices.ts";
export { type Issued, issueInvoice, lockMonth, markPaid, markReversed } from "./write-invoices.ts";
