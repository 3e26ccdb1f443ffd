import type { Alert, AlertGroup, Series } from "../types.ts";

const s = (series: string, values: string): Series => ({ series, values });
const requests = (status: string, more = ""): string =>
  `nebuladb_http_request_duration_seconds_${more === "" ? "count" : `bucket`}{server="portal"${status === "" ? "" : `,status="${status}"`}${more}}`;

/** Of the examples. */
const orders = `tenant="shop",project="store",database="orders"`;

const processes: readonly Alert[] = [
  {
    name: "PlatformProcessDown",
    expr: `up{job="nebuladb-processes"} == 0`,
    for: "5m",
    severity: "critical",
    summary: "the {{ $labels.replica_kind }} at {{ $labels.instance }} does not answer",
    runbook: "platform-process-down",
    fires: {
      input: [s(`up{job="nebuladb-processes",instance="127.0.0.1:4400",replica_kind="portal"}`, "0x20")],
      at: "10m",
      labels: { job: "nebuladb-processes", instance: "127.0.0.1:4400", replica_kind: "portal" },
    },
    quiet: {
      input: [s(`up{job="nebuladb-processes",instance="127.0.0.1:4400",replica_kind="portal"}`, "0x3 1x17")],
      at: "10m",
    },
  },
  {
    name: "DatabasePageDown",
    expr: `up{job="nebuladb-databases"} == 0`,
    for: "5m",
    severity: "critical",
    summary:
      "the figures of all databases are not to be had at {{ $labels.instance }}: no alert of a database can fire",
    runbook: "database-figures-stale",
    fires: {
      input: [s(`up{job="nebuladb-databases",instance="127.0.0.1:4403"}`, "0x20")],
      at: "10m",
      labels: { job: "nebuladb-databases", instance: "127.0.0.1:4403" },
    },
    quiet: { input: [s(`up{job="nebuladb-databases",instance="127.0.0.1:4403"}`, "0x3 1x17")], at: "10m" },
  },
  {
    name: "ExporterDown",
    expr: `up{job="nebuladb-exporters"} == 0`,
    for: "15m",
    severity: "warning",
    summary: "the exporter of {{ $labels.tenant }}/{{ $labels.project }}/{{ $labels.database }} does not answer",
    runbook: "database-figures-stale",
    fires: {
      input: [s(`up{job="nebuladb-exporters",${orders}}`, "0x30")],
      at: "25m",
      labels: { job: "nebuladb-exporters", tenant: "shop", project: "store", database: "orders" },
    },
    quiet: { input: [s(`up{job="nebuladb-exporters",${orders}}`, "0x10 1x20")], at: "25m" },
  },
  {
    name: "LedgerAway",
    // a reconciler that answers and cannot say how many processes beat has no ledger
    expr: `up{job="nebuladb-processes",replica_kind="reconciler"} == 1 unless on (instance) nebuladb_replicas`,
    for: "5m",
    severity: "critical",
    summary:
      "the reconciler at {{ $labels.instance }} does not reach the ledger: nothing is deployed, metered or looked at",
    runbook: "ledger-away",
    fires: {
      input: [s(`up{job="nebuladb-processes",instance="127.0.0.1:4403",replica_kind="reconciler"}`, "1x20")],
      at: "10m",
      labels: { job: "nebuladb-processes", instance: "127.0.0.1:4403", replica_kind: "reconciler" },
    },
    quiet: {
      input: [
        s(`up{job="nebuladb-processes",instance="127.0.0.1:4403",replica_kind="reconciler"}`, "1x20"),
        s(`nebuladb_replicas{job="nebuladb-processes",instance="127.0.0.1:4403",kind="portal"}`, "1x20"),
      ],
      at: "10m",
    },
  },
  {
    name: "PlatformPodNotReady",
    expr: `max by (namespace, pod) (kube_pod_status_ready{condition="true",namespace=~"nebuladb.*"}) == 0 unless on (namespace, pod) kube_pod_status_phase{phase="Succeeded"} == 1`,
    for: "5m",
    severity: "critical",
    summary: "the pod {{ $labels.namespace }}/{{ $labels.pod }} is not ready",
    runbook: "platform-process-down",
    fires: {
      input: [s(`kube_pod_status_ready{condition="true",namespace="nebuladb",pod="portal-0"}`, "0x20")],
      at: "10m",
      labels: { namespace: "nebuladb", pod: "portal-0" },
    },
    quiet: {
      input: [
        s(`kube_pod_status_ready{condition="true",namespace="nebuladb",pod="migrate-x"}`, "0x20"),
        s(`kube_pod_status_phase{phase="Succeeded",namespace="nebuladb",pod="migrate-x"}`, "1x20"),
      ],
      at: "10m",
    },
  },
  {
    name: "PlatformAtMaximumScale",
    expr: `kube_horizontalpodautoscaler_status_current_replicas{namespace=~"nebuladb.*"} >= kube_horizontalpodautoscaler_spec_max_replicas{namespace=~"nebuladb.*"}`,
    for: "15m",
    severity: "warning",
    summary: "{{ $labels.namespace }}/{{ $labels.horizontalpodautoscaler }} has as many replicas as it may",
    runbook: "platform-maximum-scale",
    fires: {
      input: [
        s(
          `kube_horizontalpodautoscaler_status_current_replicas{namespace="nebuladb",horizontalpodautoscaler="portal"}`,
          "10x30",
        ),
        s(
          `kube_horizontalpodautoscaler_spec_max_replicas{namespace="nebuladb",horizontalpodautoscaler="portal"}`,
          "10x30",
        ),
      ],
      at: "25m",
      labels: { namespace: "nebuladb", horizontalpodautoscaler: "portal" },
    },
    quiet: {
      input: [
        s(
          `kube_horizontalpodautoscaler_status_current_replicas{namespace="nebuladb",horizontalpodautoscaler="portal"}`,
          "4x30",
        ),
        s(
          `kube_horizontalpodautoscaler_spec_max_replicas{namespace="nebuladb",horizontalpodautoscaler="portal"}`,
          "10x30",
        ),
      ],
      at: "25m",
    },
  },
  {
    name: "PlatformFaults",
    expr: `sum by (process, where, code) (increase(nebuladb_faults_total[15m])) > 5`,
    for: "5m",
    severity: "warning",
    summary: "{{ $labels.process }} reports {{ $labels.code }} in {{ $labels.where }} again and again",
    runbook: "platform-faults",
    fires: {
      input: [s(`nebuladb_faults_total{process="reconciler",where="status.pass",code="NEB900"}`, "0+1x40")],
      at: "30m",
      labels: { process: "reconciler", where: "status.pass", code: "NEB900" },
    },
    quiet: {
      input: [s(`nebuladb_faults_total{process="reconciler",where="status.pass",code="NEB900"}`, "9x40")],
      at: "30m",
    },
  },
];

const data = (status: string, values: string): Series =>
  s(`nebuladb_data_api_request_duration_seconds_count{${orders},status="${status}",cached="false"}`, values);

const edge: readonly Alert[] = [
  {
    name: "ApiErrorRateHigh",
    expr: "nebuladb:http_errors:ratio5m > 0.05",
    for: "5m",
    severity: "critical",
    summary: "more than 5 % of the requests to the {{ $labels.server }} end in an error of ours",
    runbook: "api-errors",
    fires: {
      input: [s(requests("200"), "0+90x30"), s(requests("500"), "0+10x30")],
      at: "20m",
      labels: { server: "portal" },
    },
    quiet: { input: [s(requests("200"), "0+99x30"), s(requests("500"), "0+1x30")], at: "20m" },
  },
  {
    name: "ApiLatencyHigh",
    expr: "nebuladb:http_duration:p95_5m > 1",
    for: "10m",
    severity: "critical",
    summary: "5 % of the requests to the {{ $labels.server }} take more than a second",
    runbook: "api-latency",
    fires: {
      input: [
        s(requests("", `,le="1"`), "0+50x30"),
        s(requests("", `,le="5"`), "0+100x30"),
        s(requests("", `,le="+Inf"`), "0+100x30"),
      ],
      at: "25m",
      labels: { server: "portal" },
    },
    quiet: {
      input: [
        s(requests("", `,le="0.1"`), "0+99x30"),
        s(requests("", `,le="5"`), "0+100x30"),
        s(requests("", `,le="+Inf"`), "0+100x30"),
      ],
      at: "25m",
    },
  },
  {
    name: "DataApiErrorRateHigh",
    expr: "nebuladb:data_api_errors:ratio5m > 0.05",
    for: "5m",
    severity: "critical",
    summary: "more than 5 % of the requests to databases' data APIs end in an error of ours",
    runbook: "data-api-errors",
    fires: { input: [data("2xx", "0+90x30"), data("5xx", "0+10x30")], at: "20m", labels: {} },
    quiet: { input: [data("2xx", "0+99x30"), data("4xx", "0+50x30"), data("5xx", "0+1x30")], at: "20m" },
  },
  {
    name: "ConnectionFailures",
    expr: "nebuladb:connect_failures:ratio5m > 0.05",
    for: "5m",
    severity: "critical",
    summary: "more than 5 % of the clients that may connect to a database are not let in by a fault of ours",
    runbook: "connection-failures",
    fires: {
      input: [
        // nobody at all is let in
        s(`nebuladb_gateway_refused_total{reason="unavailable",code="57P03"}`, "0+10x30"),
      ],
      at: "20m",
      labels: {},
    },
    quiet: {
      input: [
        s(`nebuladb_gateway_refused_total{reason="password",code="28P01"}`, "0+100x30"),
        s(`nebuladb_gateway_refused_total{reason="unavailable",code="57P03"}`, "0x30"),
        s(`nebuladb_gateway_connect_duration_seconds_count{endpoint="direct",wake="none"}`, "0+50x30"),
      ],
      at: "20m",
    },
  },
  {
    name: "WakesSlow",
    expr: "nebuladb:wake_duration:p95_10m > 1",
    for: "10m",
    severity: "warning",
    summary: "5 % of the databases that are woken by a {{ $labels.how }} need more than a second",
    runbook: "wakes-slow",
    fires: {
      input: [
        s(`nebuladb_gateway_wake_phase_duration_seconds_bucket{how="start",phase="total",le="1"}`, "0+5x40"),
        s(`nebuladb_gateway_wake_phase_duration_seconds_bucket{how="start",phase="total",le="5"}`, "0+10x40"),
        s(`nebuladb_gateway_wake_phase_duration_seconds_bucket{how="start",phase="total",le="+Inf"}`, "0+10x40"),
      ],
      at: "35m",
      labels: { how: "start" },
    },
    quiet: {
      input: [
        s(`nebuladb_gateway_wake_phase_duration_seconds_bucket{how="start",phase="total",le="0.1"}`, "0+10x40"),
        s(`nebuladb_gateway_wake_phase_duration_seconds_bucket{how="start",phase="total",le="+Inf"}`, "0+10x40"),
      ],
      at: "35m",
    },
  },
  {
    name: "CertificateExpires",
    expr: "nebuladb_tls_valid_until_seconds - time() < 7 * 86400 and nebuladb_tls_valid_until_seconds > 0",
    for: "1h",
    severity: "critical",
    summary: "the gateway's certificate ends within seven days",
    runbook: "certificate",
    fires: {
      input: [s(`nebuladb_tls_valid_until_seconds{process="gateway"}`, "500000x100")],
      at: "90m",
      labels: { process: "gateway" },
    },
    quiet: { input: [s(`nebuladb_tls_valid_until_seconds{process="gateway"}`, "5000000x100")], at: "90m" },
  },
  {
    name: "PoolerDown",
    expr: "nebuladb_pooler_up == 0",
    for: "5m",
    severity: "critical",
    summary: "the pooled endpoint at {{ $labels.instance }} does not serve",
    runbook: "pooler-down",
    fires: {
      input: [s(`nebuladb_pooler_up{instance="127.0.0.1:4492"}`, "0x20")],
      at: "10m",
      labels: { instance: "127.0.0.1:4492" },
    },
    quiet: { input: [s(`nebuladb_pooler_up{instance="127.0.0.1:4492"}`, "1x20")], at: "10m" },
  },
];

const work: readonly Alert[] = [
  {
    name: "OperationsWait",
    expr: `max by (type) (nebuladb_operations_oldest_seconds{type!="PULL_REQUEST"}) > 600`,
    for: "5m",
    severity: "warning",
    summary: "an operation of the kind {{ $labels.type }} could have begun ten minutes ago",
    runbook: "operations-wait",
    fires: {
      input: [s(`nebuladb_operations_oldest_seconds{type="DEPLOY"}`, "700+60x20")],
      at: "10m",
      labels: { type: "DEPLOY" },
    },
    quiet: {
      input: [
        s(`nebuladb_operations_oldest_seconds{type="DEPLOY"}`, "30x20"),
        s(`nebuladb_operations_oldest_seconds{type="PULL_REQUEST"}`, "90000x20"),
      ],
      at: "10m",
    },
  },
  {
    name: "LeasesChurn",
    expr: "sum(increase(nebuladb_leases_lost_total[30m])) > 3 or sum(increase(nebuladb_leases_taken_total[30m])) > 30",
    for: "5m",
    severity: "warning",
    summary: "leases change hands again and again: reconcilers lose each other's work",
    runbook: "leases-churn",
    fires: { input: [s(`nebuladb_leases_lost_total{process="reconciler"}`, "0+1x60")], at: "50m", labels: {} },
    quiet: {
      input: [
        s(`nebuladb_leases_lost_total{process="reconciler"}`, "1x60"),
        s(`nebuladb_leases_taken_total{process="reconciler"}`, "12x60"),
      ],
      at: "50m",
    },
  },
  {
    name: "DriftOpen",
    expr: "max by (effect) (nebuladb_drift_open) > 0",
    for: "30m",
    severity: "warning",
    summary: "databases run otherwise than they are declared ({{ $labels.effect }})",
    runbook: "drift-open",
    fires: {
      input: [s(`nebuladb_drift_open{effect="by_hand"}`, "2x60")],
      at: "45m",
      labels: { effect: "by_hand" },
    },
    quiet: { input: [s(`nebuladb_drift_open{effect="by_hand"}`, "2x10 0x50")], at: "45m" },
  },
  {
    name: "LedgerRecoveryBehind",
    expr: "max(nebuladb_recoverable_point_age_seconds) > 900",
    for: "5m",
    severity: "critical",
    summary: "more than 15 minutes of the platform's ledger would be lost now",
    runbook: "ledger-recovery",
    fires: {
      input: [s(`nebuladb_recoverable_point_age_seconds{process="reconciler"}`, "1000+60x20")],
      at: "10m",
      labels: {},
    },
    quiet: { input: [s(`nebuladb_recoverable_point_age_seconds{process="reconciler"}`, "40x20")], at: "10m" },
  },
  {
    name: "UsageNotSampled",
    expr: "sum(increase(nebuladb_usage_sample_duration_seconds_count[10m])) == 0",
    for: "10m",
    severity: "critical",
    summary: "nobody has metered databases for ten minutes",
    runbook: "usage-not-sampled",
    fires: {
      input: [s(`nebuladb_usage_sample_duration_seconds_count{process="reconciler"}`, "5x60")],
      at: "40m",
      labels: {},
    },
    quiet: { input: [s(`nebuladb_usage_sample_duration_seconds_count{process="reconciler"}`, "0+1x60")], at: "40m" },
  },
  {
    name: "MailsGivenUp",
    expr: `sum(increase(nebuladb_mails_total{verdict="given up"}[1h])) > 0`,
    for: "5m",
    severity: "warning",
    summary: "mails could not be sent, and are not tried again",
    runbook: "mails-given-up",
    fires: { input: [s(`nebuladb_mails_total{verdict="given up"}`, "0+1x60")], at: "40m", labels: {} },
    quiet: { input: [s(`nebuladb_mails_total{verdict="sent"}`, "0+1x60")], at: "40m" },
  },
];

export const platformAlerts: readonly AlertGroup[] = [
  { name: "processes", alerts: processes },
  { name: "edge", alerts: edge },
  { name: "work", alerts: work },
];
