/**
 * Pricing: what usage costs. Owns the meters, the rounding, the estimate of a month, the draft invoice and the billing export.
 * Does not own the prices (the fleet's price book, in Git), the records (platform/store/usage) or who pays. Pure: the
 * reconciler prices pull requests with it, the portal shows invoices with it, and neither imports the other.
 *
 * 1. One function rates: `rate`. An estimate is a month of made-up records through it, so a pull request and an invoice
 *    cannot disagree about a price.
 * 2. Quantities are summed exactly for each database and meter, then priced and rounded ONCE, half to even, to whole
 *    micro-units. Cutting a record into windows, joining records or reordering them therefore changes nothing.
 * 3. A total is the sum of its rounded lines: what a reader adds up is what is billed.
 * 4. Nothing here is ever NaN, infinite or negative: what cannot be rated is refused (NEB500, NEB501).
 * 5. A meter without a price is shown and costs nothing.
 */
export * from "./errors.ts";
export type { DatabaseDifference, EstimateLine, MonthlyEstimate, PriceDifference } from "./estimate.ts";
export { monthlyEstimate, priceDifference } from "./estimate.ts";
export { focusColumns, toFocusCsv } from "./focus.ts";
export type { Invoice, InvoiceLine, Money, UsageInput } from "./invoice.ts";
export { draftInvoice } from "./invoice.ts";
export type { Meter, MeterDefinition } from "./meters.ts";
export { bytesPerGib, hoursPerMonth, isMeter, meterNames, meters, metersOf } from "./meters.ts";
export { formatMoney, moneyText } from "./money.ts";
export type { MonthSpan } from "./month.ts";
export { monthOf, monthSpan } from "./month.ts";
export { parseQuantity, quantityOf, quantityText } from "./quantity.ts";
export type { RatedLine, UsageRecordInput } from "./rate.ts";
export { rate, totalMicros } from "./rate.ts";
