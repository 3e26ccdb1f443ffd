import { objectives } from "../objectives.ts";
import type { Dashboard, Panel } from "./dashboard.ts";
import { moneyPanels } from "./money.ts";

const p95 = (histogram: string, by: string, window = "5m"): string =>
  `histogram_quantile(0.95, sum by (${by}, le) (rate(${histogram}_bucket[${window}])))`;
const rate = (counter: string, by: string): string => `sum by (${by}) (rate(${counter}[5m]))`;

export const fleetDashboard: Dashboard = {
  uid: "nebuladb-fleet",
  title: "NebulaDB: fleet",
  about: "All databases together, and the business that they are.",
  variables: [],
  panels: [
    {
      title: "Databases",
      help: "By engine.",
      unit: "short",
      targets: [{ expr: "sum by (engine) (max by (engine, phase) (nebuladb_databases))", legend: "{{engine}}" }],
    },
    {
      title: "What they are doing",
      help: "Those of the local placement.",
      unit: "short",
      targets: [{ expr: "sum by (state) (nebuladb_instances_by_state)", legend: "{{state}}" }],
    },
    {
      title: "Down",
      help: "Should run and do not.",
      unit: "short",
      kind: "stat",
      targets: [{ expr: "count(nebuladb_database_up == 0) or vector(0)" }],
    },
    {
      title: "Compute units",
      help: "That databases have now, and use.",
      unit: "short",
      targets: [
        { expr: "sum(nebuladb_compute_units)", legend: "have" },
        { expr: "sum(nebuladb_compute_used_units)", legend: "use" },
      ],
    },
    {
      title: "Storage",
      help: "Of all databases.",
      unit: "bytes",
      targets: [{ expr: "sum(database:storage:bytes)", legend: "used" }],
    },
    {
      title: "Fullest databases",
      help: "Of their declared storage.",
      unit: "percentunit",
      targets: [
        {
          expr: "topk(10, max by (tenant, project, database) (nebuladb_database_storage_ratio))",
          legend: "{{tenant}}/{{project}}/{{database}}",
        },
      ],
    },
    {
      title: "Busiest databases",
      help: "By operations.",
      unit: "ops",
      targets: [{ expr: "topk(10, database:operations:rate)", legend: "{{tenant}}/{{project}}/{{database}}" }],
    },
    {
      title: "Wakes",
      help: "95 % of them were done within.",
      unit: "s",
      targets: [{ expr: "nebuladb:wake_duration:p95_10m", legend: "{{how}}" }],
    },
    {
      title: "Put to rest a minute",
      help: "Databases that nobody used.",
      unit: "short",
      targets: [{ expr: `60 * ${rate("nebuladb_instances_suspended_total", "depth")}`, legend: "{{depth}}" }],
    },
    {
      title: "Backup problems",
      help: "Databases whose backups have one.",
      unit: "short",
      kind: "stat",
      targets: [{ expr: "max(nebuladb_database_backup_problems)" }],
    },
    {
      title: "Open drift",
      help: "Differences from what is declared.",
      unit: "short",
      targets: [{ expr: "max by (effect) (nebuladb_drift_open)", legend: "{{effect}}" }],
    },
    {
      title: "Tenants",
      help: "With a database, and with one that was awake within thirty days.",
      unit: "short",
      targets: [{ expr: "max by (active) (nebuladb_tenants)", legend: "{{active}}" }],
    },
    {
      title: "New accounts a day",
      help: "Sign-ups.",
      unit: "short",
      targets: [{ expr: "max(nebuladb_accounts) - max(nebuladb_accounts offset 1d)", legend: "accounts" }],
    },
    {
      title: "Sign-ins",
      help: "By how they ended.",
      unit: "ops",
      targets: [{ expr: rate("nebuladb_sign_ins_total", "method, verdict"), legend: "{{method}} {{verdict}}" }],
    },
    {
      title: "Use of the API",
      help: "The ten routes that are asked most.",
      unit: "reqps",
      targets: [
        {
          expr: `topk(10, ${rate(`nebuladb_http_request_duration_seconds_count{server="portal"}`, "method, route")})`,
          legend: "{{method}} {{route}}",
        },
      ],
    },
  ],
};

const objectivePanels: readonly Panel[] = objectives.map(({ name, says, target }) => ({
  title: `Objective: ${name.replaceAll("_", " ")}`,
  help: `${says}. 1 uses up exactly what may go wrong in thirty days.`,
  unit: "short",
  targets: ["1h", "6h", "3d"].map((window) => ({
    expr: `objective:${name}:bad_ratio_rate${window} / ${Number((1 - target).toFixed(6))}`,
    legend: window,
  })),
}));

export const controlPlaneDashboard: Dashboard = {
  uid: "nebuladb-control-plane",
  title: "NebulaDB: control plane",
  about: "Portals, reconcilers and gateways: requests, work, leases, what is promised.",
  variables: [],
  panels: [
    {
      title: "Processes",
      help: "That answer.",
      unit: "short",
      targets: [{ expr: `sum by (replica_kind) (up{job="nebuladb-processes"})`, legend: "{{replica_kind}}" }],
    },
    {
      title: "Requests a second",
      help: "By server.",
      unit: "reqps",
      targets: [{ expr: "nebuladb:http_requests:rate5m", legend: "{{server}}" }],
    },
    {
      title: "Errors of ours",
      help: "Part of the requests.",
      unit: "percentunit",
      targets: [{ expr: "nebuladb:http_errors:ratio5m", legend: "{{server}}" }],
    },
    {
      title: "Latency",
      help: "95 % of the requests were answered within.",
      unit: "s",
      targets: [{ expr: "nebuladb:http_duration:p95_5m", legend: "{{server}}" }],
    },
    {
      title: "Sessions",
      help: "Of the direct endpoint.",
      unit: "short",
      targets: [{ expr: "sum by (state) (nebuladb_gateway_sessions)", legend: "{{state}}" }],
    },
    {
      title: "Not let in",
      help: "Clients, by why.",
      unit: "ops",
      targets: [{ expr: rate("nebuladb_gateway_refused_total", "reason"), legend: "{{reason}}" }],
    },
    {
      title: "Figures served from memory",
      help: "Part of the questions about a database's figures.",
      unit: "percentunit",
      targets: [{ expr: "nebuladb:metrics_hits:ratio5m", legend: "hits" }],
    },
    {
      title: "Operations that wait",
      help: "By kind, and for how long the oldest.",
      unit: "short",
      targets: [{ expr: "max by (type) (nebuladb_operations_waiting)", legend: "{{type}}" }],
    },
    {
      title: "Oldest operation that waits",
      help: "Of those that could begin.",
      unit: "s",
      targets: [
        { expr: `max by (type) (nebuladb_operations_oldest_seconds{type!="PULL_REQUEST"})`, legend: "{{type}}" },
      ],
    },
    {
      title: "Operations ended",
      help: "A minute, by how.",
      unit: "short",
      targets: [
        {
          expr: `60 * ${rate("nebuladb_operation_duration_seconds_count", "type, state")}`,
          legend: "{{type}} {{state}}",
        },
      ],
    },
    {
      title: "Reviews",
      help: "95 % were posted within.",
      unit: "s",
      targets: [{ expr: p95("nebuladb_review_duration_seconds", "verdict", "1h"), legend: "{{verdict}}" }],
    },
    {
      title: "Leases",
      help: "Taken and lost in half an hour.",
      unit: "short",
      targets: [
        { expr: "sum(increase(nebuladb_leases_taken_total[30m]))", legend: "taken" },
        { expr: "sum(increase(nebuladb_leases_lost_total[30m]))", legend: "lost" },
      ],
    },
    {
      title: "Faults",
      help: "That a human should look at.",
      unit: "short",
      targets: [
        {
          expr: "sum by (process, where, code) (increase(nebuladb_faults_total[15m]))",
          legend: "{{process}} {{where}} {{code}}",
        },
      ],
    },
    {
      title: "Passes",
      help: "95 % of the looks at all databases took.",
      unit: "s",
      targets: [
        { expr: p95("nebuladb_metrics_pass_duration_seconds", "process", "10m"), legend: "figures" },
        { expr: p95("nebuladb_status_pass_duration_seconds", "process", "10m"), legend: "status" },
        { expr: p95("nebuladb_usage_sample_duration_seconds", "process", "10m"), legend: "usage" },
      ],
    },
    {
      title: "Memory of processes",
      help: "As the kernel counts it.",
      unit: "bytes",
      targets: [
        { expr: "sum by (process, instance) (process_resident_memory_bytes)", legend: "{{process}} {{instance}}" },
      ],
    },
    {
      title: "Event loop",
      help: "99 % of its turns were late by.",
      unit: "s",
      targets: [
        { expr: "max by (process, instance) (nodejs_eventloop_lag_p99_seconds)", legend: "{{process}} {{instance}}" },
      ],
    },
    ...objectivePanels,
  ],
};

/** Every reconciler tells the ledger's sums: any of them, and not all together. */
const used = (meter: string): string => `max by (project, database) (nebuladb_usage_${meter}{tenant="$tenant"})`;

export const billingDashboard: Dashboard = {
  uid: "nebuladb-billing",
  title: "NebulaDB: billing",
  about: "What was used this month (UTC), as the invoice will count it, and whether the metering is well.",
  variables: [{ label: "tenant", of: "nebuladb_usage_compute_unit_seconds" }],
  panels: [
    ...(
      [
        ["compute_unit_seconds", "Compute, in unit-hours", "short", " / 3600"],
        ["frozen_unit_seconds", "Frozen, in unit-hours", "short", " / 3600"],
        ["storage_byte_hours", "Storage, in byte-hours", "bytes", ""],
        ["egress_bytes", "Bytes to clients", "bytes", ""],
        ["connection_seconds", "Connections, in hours", "short", " / 3600"],
      ] as const
    ).map(
      ([meter, title, unit, scale]): Panel => ({
        title,
        help: "This month so far, by project.",
        unit,
        targets: [{ expr: `sum by (project) (${used(meter)})${scale}`, legend: "{{project}}" }],
      }),
    ),
    {
      title: "What costs most",
      help: "Databases by compute, this month.",
      unit: "short",
      targets: [
        {
          expr: `topk(10, ${used("compute_unit_seconds")}) / 3600`,
          legend: "{{project}}/{{database}}",
        },
      ],
    },
    {
      title: "Data API requests a second",
      help: "As the gateway counts them.",
      unit: "reqps",
      targets: [
        {
          expr: `sum by (project, database) (rate(nebuladb_data_api_request_duration_seconds_count{tenant="$tenant"}[5m]))`,
          legend: "{{project}}/{{database}}",
        },
      ],
    },
    {
      title: "Stored backups",
      help: "Of all tenants.",
      unit: "bytes",
      kind: "stat",
      targets: [{ expr: "max(nebuladb_database_backup_bytes)" }],
    },
    {
      title: "Samples a minute",
      help: "None for ten minutes is a gap in the bill.",
      unit: "short",
      targets: [{ expr: "60 * sum(rate(nebuladb_usage_sample_duration_seconds_count[5m]))", legend: "passes" }],
    },
    {
      title: "Records written an hour",
      help: "Usage records, corrections among them.",
      unit: "short",
      targets: [{ expr: "sum(increase(nebuladb_usage_records_written_total[1h]))", legend: "records" }],
    },
    ...moneyPanels,
  ],
};
