/**
 * How databases are doing, served to many: the path of seed 002. Owns both layers of memory, who is asked when they know nothing, and
 * when one is left alone. Does not own limits (portal/api counts them before), the look (reconciler/metrics) and the figures
 * (platform/telemetry).
 */
export * from "./errors.ts";
export { inPostgres } from "./in-postgres.ts";
export { inRedis } from "./in-redis.ts";
export type { Kept, SecondLayer } from "./second-layer.ts";
export { type Layer, makeServedMetrics, type ServedMetrics, type ServedParts, type ServedSample } from "./served.ts";
export { makeSource, type Source, type SourceParts } from "./source.ts";
