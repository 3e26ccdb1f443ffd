/**
 * Metrics of databases: how they are doing, looked at every fifteen seconds and when somebody asks. Owns the look, its rows in the
 * ledger, the pages that Prometheus reads and what it is to scrape. Does not own what is read and under which name
 * (platform/telemetry), how portals serve it (portal/metrics), nor usage (reconciler/usage): nothing here is billed.
 *
 * 1. Nobody is woken, started or kept awake by being looked at: who rests answers with its last sample and the time of that.
 * 2. One look that fails keeps no other waiting, and changes nothing that is known.
 * 3. The pages read the ledger alone: any reconciler serves them, also one that does not look.
 */
export type { TargetGroup } from "./discovery.ts";
export { databasePageTargets, exporterTargets, processTargets } from "./discovery.ts";
export * from "./errors.ts";
export { registerFleetGauges } from "./gauges.ts";
export { lookAt, stateOf } from "./look.ts";
export type { MetricsParts, MetricsPass } from "./pass.ts";
export { lookNow, makeMetricsPass } from "./pass.ts";
export { fromRow, toRow } from "./sample-row.ts";
export { type AnswerMetrics, type MetricsAnswer, type MetricsWeb, makeMetricsWeb } from "./web.ts";
