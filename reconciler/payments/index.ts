/**
 * Payments: our issued invoices with the payment service, and how tenants stand with what they owe. Owns the order of what is sent, what
 * is believed of what comes back, the comparison, and dunning. Does not own the invoices (platform/billing), how the service is spoken
 * to (platform/stripe), nor what a hold pauses (reconciler/budgets).
 *
 * 1. That something begins is written before it is sent; whoever comes later asks the service first. So a sender that was killed, however
 *    long ago, leaves one invoice there and no second.
 * 2. The service gets rounded lines that add up to our total, and nothing is collected before its total is ours, to the unit.
 * 3. What a webhook says is a hint: how an invoice stands is asked there. Lost, doubled, late and swapped webhooks change nothing.
 * 4. An invoice is paid here when it is paid there in our amount and currency; anything else is a problem that a person sees.
 * 5. Without a payment service everything else works: invoices are paid by hand, and dunning goes by their dates.
 */
export { compare } from "./check.ts";
export { stripeConsumer } from "./consumer.ts";
export type { Paying } from "./context.ts";
export { type Dunning, type DunningRules, standingOf } from "./dunning.ts";
export { paidTwice, paymentDiffers, priceNotNothing } from "./errors.ts";
export { foldLines, toRemoteLines } from "./lines.ts";
export { newsConsumer } from "./news.ts";
export { makePaymentWorker, type PaymentReport, type PaymentWorker } from "./worker.ts";
