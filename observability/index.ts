/**
 * Observability as data: what Prometheus records, when it calls somebody, and what Grafana shows. Owns rules, alerts with an example in
 * which each fires and one in which it does not, objectives and dashboards. Does not own what is measured (platform/telemetry) nor who
 * emits it. Pure; `node tools/observability.ts` writes `prometheus/` and `grafana/`, and tests hold them against what is emitted.
 */
export { alertGroups } from "./alerts/index.ts";
export { type Dashboard, dashboards, type Panel, toGrafana } from "./dashboards/index.ts";
export { foreignSeries } from "./foreign.ts";
export { objectives } from "./objectives.ts";
export { type Read, readPromql, withoutVariables } from "./promql.ts";
export { recordGroups } from "./records.ts";
export { prometheusConfig, ruleFiles, testFiles } from "./rules.ts";
export type { Alert, AlertGroup, Case, Recorded, RecordGroup, Severity } from "./types.ts";
