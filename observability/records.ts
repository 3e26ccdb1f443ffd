import { engineSets, type VitalKey, vitalKeys, vitals } from "../platform/telemetry/index.ts";
import { objectives, recordsOf } from "./objectives.ts";
import type { Recorded, RecordGroup } from "./types.ts";

/** The vital signs of every engine under one name each: what dashboards and alerts of databases are over. */
const vitalSigns: RecordGroup = {
  name: "vital-signs",
  records: vitalKeys.map((key: VitalKey): Recorded => {
    const found = engineSets.map(({ vitals: of }) => of[key]).flatMap((rule) => ("expr" in rule ? [rule.expr] : []));
    // no database is in two of them: each asks for its own engine, and for what only one placement has
    return { record: vitals[key].record, expr: found.map((expr) => `(${expr})`).join(" or ") };
  }),
};

const requests = "nebuladb_http_request_duration_seconds";
const refusedByUs = `nebuladb_gateway_refused_total{reason=~"server|unavailable"}`;
const dataRequests = "nebuladb_data_api_request_duration_seconds_count";

const edge: RecordGroup = {
  name: "edge-rates",
  records: [
    { record: "nebuladb:http_requests:rate5m", expr: `sum by (server) (rate(${requests}_count[5m]))` },
    {
      record: "nebuladb:http_errors:ratio5m",
      expr: `(sum by (server) (rate(${requests}_count{status=~"5.."}[5m])) or 0 * sum by (server) (rate(${requests}_count[5m]))) / (sum by (server) (rate(${requests}_count[5m])) > 0)`,
    },
    {
      record: "nebuladb:http_duration:p95_5m",
      expr: `histogram_quantile(0.95, sum by (server, le) (rate(${requests}_bucket[5m])))`,
    },
    {
      record: "nebuladb:connect_failures:ratio5m",
      // since nobody was let in there is no series of those who were
      expr: `sum(rate(${refusedByUs}[5m])) / (sum(rate(${refusedByUs}[5m])) + (sum(rate(nebuladb_gateway_connect_duration_seconds_count[5m])) or vector(0)) > 0)`,
    },
    {
      record: "nebuladb:wake_duration:p95_10m",
      expr: `histogram_quantile(0.95, sum by (how, le) (rate(nebuladb_gateway_wake_phase_duration_seconds_bucket{phase="total"}[10m])))`,
    },
    {
      record: "nebuladb:data_api_errors:ratio5m",
      expr: `sum(rate(${dataRequests}{status="5xx"}[5m])) / (sum(rate(${dataRequests}[5m])) > 0)`,
    },
    {
      record: "nebuladb:data_api_duration:p95_5m",
      expr: "histogram_quantile(0.95, sum by (tenant, project, database, le) (rate(nebuladb_data_api_request_duration_seconds_bucket[5m])))",
    },
    {
      record: "nebuladb:metrics_hits:ratio5m",
      expr: `sum(rate(nebuladb_metrics_serve_duration_seconds_count{layer=~"l1|l2|stale"}[5m])) / (sum(rate(nebuladb_metrics_serve_duration_seconds_count[5m])) > 0)`,
    },
  ],
};

export const plainRecords: readonly RecordGroup[] = [vitalSigns, edge];

export const objectiveRecords: readonly RecordGroup[] = objectives.map((objective) => ({
  name: `objective-${objective.name}`,
  records: recordsOf(objective),
}));

export const recordGroups: readonly RecordGroup[] = [...plainRecords, ...objectiveRecords];
