/**
 * Telemetry: what is measured of a database, for every engine, and under which names. Owns the catalogue of figures, the statement that
 * asks a Postgres, the expressions over other engines' exporters, and the text that Prometheus reads. Does not own when a database is
 * looked at (reconciler/metrics), how figures are served (portal/metrics), nor alerts and dashboards (observability).
 *
 * 1. What could not be read is absent; nothing is invented, and absent is not 0.
 * 2. No figure carries a statement's text, a role or an address. Its labels are tenant, project, database and engine.
 * 3. Every engine says for every vital sign how it is computed, or why it has none.
 */
export {
  ageMetric,
  type DatabaseMetric,
  databaseMetrics,
  isCounter,
  type MetricKey,
  metricKeys,
  stateMetric,
  upMetric,
  type Values,
} from "./catalogue.ts";
export { type EngineSet, engineSets, exporterJob, type VitalRule } from "./engines/index.ts";
export { type ExposedDatabase, exposed } from "./exposed.ts";
export { readPostgres, slowMs } from "./postgres.ts";
export {
  type DatabaseState,
  databaseStates,
  isUp,
  leastApartMs,
  ratesBetween,
  type Sample,
  valuesFrom,
} from "./sample.ts";
export { type Vital, type VitalKey, vitalKeys, vitals } from "./vitals.ts";
export { metricsWord, sampleWire } from "./wire.ts";
