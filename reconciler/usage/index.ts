/**
 * Usage: from looks at running databases to hourly records. Owns metering time, what a look is worth, when hours are rolled up, what is
 * noted of times without a look, and the gauges. Does not own prices, invoices and exports (platform/pricing: the portal shows them too), the rows
 * (platform/store/usage), or how an instance is looked at (injected).
 *
 * 1. Time is filed once. A slot is one row with sums that only grow; whatever is written twice, by whom and in which order,
 *    counts once.
 * 2. Durations are measured with the monotonic clock and filed under metering time, which never goes back (timeline.ts). A
 *    step of the clock therefore makes no duration negative, none double, and loses none.
 * 3. Awake is what is proved: the server that answered before answers now, or says since when it runs. A restart of this
 *    process fills the hole it left, up to 72 hours.
 * 4. A record is a whole hour in UTC and so is a month's edge: no window lies in two months. It is never changed: what comes later is
 *    a record of its own with the next revision.
 * 5. A window is final 72 hours after its end. Nothing writes it afterwards, so what was exported stays true.
 * 6. Hours that are still open are in every sum, by the same definition (platform/store/usage).
 * 7. A time without a look is noted as a gap, with what became of it. Nothing is invented.
 */
export { registerUsageGauges } from "./gauges.ts";
export type { Reading } from "./measure.ts";
export { finalAfterMs, slotMs } from "./measure.ts";
export { observeWith, readFileSizes, stretchesOf } from "./reading.ts";
export type { ObserveInstance } from "./sampler.ts";
export type { UsageWorker } from "./worker.ts";
export { makeUsageWorker } from "./worker.ts";
