/**
 * Billing: from a month's usage to an issued invoice and back. Owns how a month is closed, reversed and paid, what explains a line, what a
 * pull request came to, the export and the documents. Does not own what usage costs (platform/pricing), the rows (platform/store),
 * when it happens (reconciler/billing) or who takes the money.
 *
 * 1. A month of a tenant is closed in one transaction: it has an invoice with a number, or nothing happened.
 * 2. Numbers have no gaps; what was issued is never written again, only paid, and reversed by a credit note of the whole.
 * 3. Every line points at its usage and at the commits behind it; the prices at the commit that they were read from.
 * 4. What is told of an invoice is written with it, and told until the receiver has it, once in effect (pump.ts).
 * 5. An export is held against the rules and the invoices before anybody gets it.
 */
export { type Closed, closeMonth, finalAfterMs, type Refused, tryClose } from "./close.ts";
export { type Drafted, draftMonth, fleetFor, type MonthOf, monthInput, usageChanged } from "./draft.ts";
export * from "./errors.ts";
export { type Chain, explainLine } from "./explain.ts";
export { exportRows, toFocusParquet } from "./export.ts";
export { invoiceHtml, type Printable } from "./html.ts";
export { invoiceLetter, type Letter } from "./letter.ts";
export { invoicePdf } from "./pdf.ts";
export { notePlans } from "./plans.ts";
export { pullCosts } from "./pull-costs.ts";
export { type Consumer, type Pumped, pumpEvents } from "./pump.ts";
export { type InvoiceBody, type IssuedInvoice, listInvoices, readInvoice } from "./read.ts";
export { type Payment, recordPayment, requireInvoice, voidInvoice } from "./settle.ts";
