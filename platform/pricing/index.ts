/**
 * Pricing: what usage costs. Owns the meters, the rounding, the terms of a tenant, the estimate of a month, what an invoice says, and the
 * rows of the billing export. Does not own the prices (the fleet's price book, in Git), the records (platform/store/usage), how a
 * month is closed (platform/billing) or who pays. Pure: the reconciler prices pull requests with it, the portal shows invoices
 * with it, and neither imports the other.
 *
 * 1. One function rates: `rate`. An estimate is a month of made-up records through it, so a pull request and an invoice
 *    cannot disagree about a price.
 * 2. Quantities are summed exactly for each database and meter, then cut where a price has steps, priced and rounded ONCE, half to
 *    even, to whole micro-units. Cutting a record into windows, joining records or reordering them therefore changes nothing.
 * 3. Steps and allowances are of a tenant's whole month; places take of them in the order of their names.
 * 4. A total is the sum of its rounded lines: what a reader adds up is what is billed. To what can be paid leads a line of its own, before
 *    credits and tax, which are whole cents themselves.
 * 5. Nothing here is ever NaN or infinite, and nothing negative but credits and reversals: what cannot be rated is refused.
 * 6. A meter without a price is shown and costs nothing.
 */
export { creditNote } from "./credit-note.ts";
export * from "./errors.ts";
export type { DatabaseDifference, EstimateLine, MonthlyEstimate, PriceDifference } from "./estimate.ts";
export { monthlyEstimate, priceDifference } from "./estimate.ts";
export type { FocusInvoice, FocusRow, FocusType } from "./focus.ts";
export { focusColumns, focusRows, focusTypes, focusVersion, toFocusCsv } from "./focus.ts";
export { billedMicros, checkFocus } from "./focus-check.ts";
export type {
  CreditInput,
  Invoice,
  InvoiceInput,
  InvoiceLine,
  InvoiceStatus,
  LineKind,
  Money,
  UsageInput,
} from "./invoice.ts";
export { draftInvoice, lineKinds } from "./invoice.ts";
export type { Meter, MeterDefinition, Telling } from "./meters.ts";
export { bytesPerGib, hoursPerMonth, isMeter, meterNames, meters, metersOf, tellingsOf } from "./meters.ts";
export { formatMoney, minorUnitMicros, moneyText } from "./money.ts";
export type { MonthSpan } from "./month.ts";
export { monthOf, monthSpan } from "./month.ts";
export type { PlanDays, PlanStretch } from "./prorate.ts";
export { divideToEven, planDays, prorate } from "./prorate.ts";
export { parseQuantity, quantityOf, quantityText } from "./quantity.ts";
export type { RatedLine, UsageRecordInput } from "./rate.ts";
export { rate, totalMicros } from "./rate.ts";
export { repricedMonths } from "./repriced.ts";
export type { PlanTerms, Rates, Terms } from "./terms.ts";
export { estimateRates, termsFor, versionFor } from "./terms.ts";
