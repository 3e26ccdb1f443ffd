export { listMeteredInstances } from "./list-metered.ts";
export { putSamples } from "./put-samples.ts";
export { putTraffic, type TrafficLine } from "./put-traffic.ts";
export { lastSamples, listSamples } from "./read-samples.ts";
export type { UsageCursor, UsageFilter, UsageRecord, UsageSum } from "./read-usage.ts";
export { listUsage, sumUsage } from "./read-usage.ts";
export { pruneSamples, rollUp } from "./roll-up.ts";
export type { MeteredInstance, UsageSample } from "./sample.ts";
