/**
 * Usage events: what others measured, in and out, as CloudEvents 1.0. Owns what an event is, which are taken, and what they are worth.
 * Does not own the rows (platform/store/usage), the meters (platform/pricing), nor what is measured here (reconciler/usage).
 *
 * 1. An event is its source and its id, for ever: taken once, however often it comes; with other words it is refused.
 * 2. What an event is worth does not depend on when it came, as long as its hour is open (spread.ts).
 * 3. Nothing is invented: between two readings that are too far apart is a gap, which counts nothing and can be seen.
 * 4. What is final changes by corrections alone: records of their own, which say why.
 */
export * from "./errors.ts";
export { eventKey, eventKinds, type Parsed, parseEvent, typeOf, type UsageEvent } from "./event.ts";
export { aheadMs, judge, longestMs, oldestMs } from "./judge.ts";
export { counterHoldsMs, difference, levelHoldsMs, type ReadingAt, spread, worthOf } from "./spread.ts";
export { type Refused, type Taken, takeEvents } from "./take-events.ts";
export { toCloudEvent, type UsageCloudEvent } from "./wire.ts";
