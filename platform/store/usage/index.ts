/**
 * Usage: what was filed, what is recorded, and what that adds up to.
 *
 * 1. What is kept twice is filed once: a sample by its slot, a line of traffic by its name, an event by its source and id, each in the
 *    statement that adds what is new to its hour (filing.ts).
 * 2. A record is never changed. What comes after it is a record of its own (roll-up.ts); nobody but the schema's owner may do otherwise.
 * 3. The truth of a window is the sum of its records and of what waits; every reader adds the same up (read-usage.ts).
 * 4. Days and months are records added up, as far as `usage_folded` says; what is newer is read from the records.
 * 5. When nobody looked stands in `usage_gaps`, with what became of that time.
 */
export { type Activity, activityOf } from "./activity.ts";
export {
  type Corrected,
  type Correction,
  correctRecord,
  type EventTarget,
  fileParts,
  type KnownEvent,
  keepEvents,
  pruneEvents,
  readEvents,
  readEventTargets,
  type StoredEvent,
  type UsedPart,
} from "./events.ts";
export { type FeedRecord, listRecords } from "./feed.ts";
export { type FiledMeter, grains } from "./filing.ts";
export type { UsageFilter } from "./filter.ts";
export { type GapReason, type ListedGap, listGaps, putGaps, removedAt, replaceGaps, type UsageGap } from "./gaps.ts";
export { listMeteredInstances } from "./list-metered.ts";
export { putSamples } from "./put-samples.ts";
export { putTraffic, type TrafficLine } from "./put-traffic.ts";
export { lastSamples, listSamples } from "./read-samples.ts";
export type { TotalsUnit, UsageCursor, UsageRecord, UsageSum, UsageTotal } from "./read-usage.ts";
export { listTotals, listUsage, sumUsage } from "./read-usage.ts";
export {
  holdSeries,
  putReadings,
  type Reading,
  readingHoldsMs,
  readReadings,
  type Series,
  type SeriesSpan,
} from "./readings.ts";
export { recordId } from "./record-id.ts";
export { foldRecords, pruneSamples, rollUp } from "./roll-up.ts";
export { type RolledQuery, type RolledUsage, rolledUsage } from "./rolled-usage.ts";
export type { MeteredInstance, UsageSample } from "./sample.ts";
