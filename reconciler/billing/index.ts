/**
 * When billing happens: notes which plan a tenant is on, closes the months whose hours are final, and sends what was issued by mail. Owns
 * the pass and the mail's consumer; not how a month is closed or an event delivered (platform/billing), nor who takes the money.
 *
 * 1. One pass at a time in the installation (a lease of the caller's); a pass may be repeated, and one that dies is.
 * 2. What cannot be billed of one tenant stops no other; it is kept as that month's problem and tried again at the next pass.
 * 3. Months before billing was there are not closed: nobody is sent an old bill by an upgrade.
 */

export { mailConsumer } from "./mail.ts";
export { type BillingWorker, makeBillingWorker, type PassReport } from "./worker.ts";
