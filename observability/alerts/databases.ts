import { databaseMetrics, type MetricKey } from "../../platform/telemetry/index.ts";
import type { Alert, AlertGroup, Case, Series } from "../types.ts";

/** Of the examples. */
const orders = { tenant: "shop", project: "store", database: "orders", engine: "postgres" };
const labels = Object.entries(orders)
  .map(([name, value]) => `${name}="${value}"`)
  .join(",");
const named = "{{ $labels.tenant }}/{{ $labels.project }}/{{ $labels.database }}";

const own = (key: MetricKey): string => databaseMetrics[key].name;
const seen = (key: MetricKey, values: string): Series => ({ series: `${own(key)}{${labels}}`, values });
const awake = (is: 0 | 1): Series => ({
  series: `nebuladb_database_state{${labels},state="awake"}`,
  values: `${is}x400`,
});
const when = (at: string, ...input: readonly Series[]): Case => ({ at, input });
const fires = (at: string, ...input: readonly Series[]) => ({ ...when(at, ...input), labels: orders });
/** A figure of a database that rests does not grow, and is nobody's concern. */
const whileAwake = (expr: string): string =>
  `${expr} and on (tenant, project, database, engine) nebuladb_database_state{state="awake"} == 1`;

const running: readonly Alert[] = [
  {
    name: "DatabaseDown",
    expr: "nebuladb_database_up == 0",
    for: "5m",
    severity: "critical",
    summary: `${named} should run and does not`,
    runbook: "database-down",
    fires: fires("10m", { series: `nebuladb_database_up{${labels}}`, values: "0x20" }),
    quiet: when("10m", { series: `nebuladb_database_up{${labels}}`, values: "0x3 1x17" }),
  },
  {
    name: "DatabaseCpuHigh",
    expr: "database:cpu:ratio > 0.8",
    for: "15m",
    severity: "warning",
    summary: `${named} uses more than 80 % of the CPU that it may`,
    runbook: "database-cpu",
    fires: fires("30m", seen("cpuSeconds", "0+57x40"), seen("computeUnits", "1x40")),
    quiet: when("30m", seen("cpuSeconds", "0+30x40"), seen("computeUnits", "1x40")),
  },
  {
    name: "DatabaseMemoryHigh",
    expr: "database:memory:ratio > 0.9",
    for: "10m",
    severity: "warning",
    summary: `${named} uses more than 90 % of its memory`,
    runbook: "database-memory",
    fires: fires("20m", seen("memoryBytes", "95x30"), seen("memoryLimitBytes", "100x30")),
    quiet: when("20m", seen("memoryBytes", "85x30"), seen("memoryLimitBytes", "100x30")),
  },
  {
    name: "DatabaseAtMaximumScale",
    expr: `${own("computeUnits")} >= ${own("computeUnitsLimit")} and on (tenant, project, database, engine) database:cpu:ratio > 0.8`,
    for: "15m",
    severity: "warning",
    summary: `${named} has all the compute that its declaration allows, and uses it`,
    runbook: "database-maximum-scale",
    fires: fires(
      "30m",
      seen("cpuSeconds", "0+115x40"),
      seen("computeUnits", "2x40"),
      seen("computeUnitsLimit", "2x40"),
    ),
    quiet: when("30m", seen("cpuSeconds", "0+115x40"), seen("computeUnits", "2x40"), seen("computeUnitsLimit", "4x40")),
  },
  {
    name: "DatabaseSlowQueries",
    expr: "database:slow:count > 0",
    for: "5m",
    severity: "warning",
    summary: `${named} has had statements of more than 500 ms for five minutes`,
    runbook: "database-slow-queries",
    fires: fires("10m", seen("slowQueries", "2x20")),
    quiet: when("10m", seen("slowQueries", "2x2 0 2x2 0 2x14")),
  },
  {
    name: "DatabaseConnectionsNearLimit",
    expr: "database:connections:ratio > 0.9",
    for: "5m",
    severity: "warning",
    summary: `${named} uses more than 90 % of the connections that its server can have`,
    runbook: "database-connections",
    fires: fires("10m", seen("connections", "95x20"), seen("connectionsLimit", "100x20")),
    quiet: when("10m", seen("connections", "60x20"), seen("connectionsLimit", "100x20")),
  },
  {
    name: "DatabaseDeadlocks",
    expr: "database:deadlocks:rate > 0.1",
    for: "10m",
    severity: "warning",
    summary: `${named} has a deadlock every ten seconds`,
    runbook: "database-deadlocks",
    fires: fires("20m", seen("deadlocks", "0+12x30")),
    quiet: when("20m", seen("deadlocks", "0+1x30")),
  },
  {
    name: "DatabaseFiguresStale",
    expr: whileAwake("nebuladb_database_sample_age_seconds > 300"),
    for: "5m",
    severity: "warning",
    summary: `${named} is awake, and nobody has looked at it for five minutes`,
    runbook: "database-figures-stale",
    fires: fires("10m", { series: `nebuladb_database_sample_age_seconds{${labels}}`, values: "600x20" }, awake(1)),
    quiet: when("10m", { series: `nebuladb_database_sample_age_seconds{${labels}}`, values: "600x20" }, awake(0)),
  },
];

const standbys: readonly Alert[] = [
  {
    name: "DatabaseReplicationLag",
    expr: "database:replication_lag:seconds > 30",
    for: "5m",
    severity: "warning",
    summary: `a standby of ${named} is more than 30 s behind`,
    runbook: "database-replication",
    fires: fires("10m", seen("replicationLagSeconds", "90x20"), seen("replicas", "1x20")),
    quiet: when("10m", seen("replicationLagSeconds", "90x20"), seen("replicas", "0x20")),
  },
  {
    name: "DatabaseNodeMissing",
    expr: whileAwake("database:nodes_healthy:count < on (tenant, project, database, engine) database:nodes:count"),
    for: "10m",
    severity: "warning",
    summary: `${named} has fewer nodes that are well than it should`,
    runbook: "database-replication",
    fires: fires("20m", ...[seen("replicas", "2x30"), seen("replicasHealthy", "1x30"), awake(1)], {
      series: `nebuladb_database_up{${labels}}`,
      values: "1x30",
    }),
    quiet: when("20m", ...[seen("replicas", "2x30"), seen("replicasHealthy", "2x30"), awake(1)], {
      series: `nebuladb_database_up{${labels}}`,
      values: "1x30",
    }),
  },
];

const kept: readonly Alert[] = [
  {
    name: "DatabaseBackupFailed",
    expr: `${own("backupOk")} == 0`,
    for: "15m",
    severity: "critical",
    summary: `backups of ${named} have a problem: not taken, damaged, or not copied`,
    runbook: "database-backups",
    fires: fires("30m", seen("backupOk", "0x40")),
    quiet: when("30m", seen("backupOk", "0x5 1x35")),
  },
  {
    name: "DatabaseBackupLate",
    expr: whileAwake(`${own("backupAgeSeconds")} > 129600`),
    for: "1h",
    severity: "warning",
    summary: `${named} has been awake, and its newest base backup is older than 36 hours`,
    runbook: "database-backups",
    fires: fires("90m", seen("backupAgeSeconds", "130000+60x100"), awake(1)),
    quiet: when("90m", seen("backupAgeSeconds", "130000+60x100"), awake(0)),
  },
  {
    name: "DatabaseArchiveBehind",
    expr: whileAwake(`(${own("restorableAgeSeconds")} > 900 or ${own("archivePending")} > 20)`),
    for: "5m",
    severity: "critical",
    summary: `more than 15 minutes of ${named} would be lost now: its log is not taken away`,
    runbook: "database-archive",
    fires: fires("10m", seen("restorableAgeSeconds", "1000+60x20"), awake(1)),
    quiet: when("10m", seen("restorableAgeSeconds", "60x20"), seen("archivePending", "3x20"), awake(1)),
  },
  {
    name: "DatabaseArchiveFails",
    expr: `increase(${own("archiveFailures")}[15m]) > 3`,
    for: "5m",
    severity: "warning",
    summary: `parts of the log of ${named} could not be taken away`,
    runbook: "database-archive",
    fires: fires("30m", seen("archiveFailures", "0+1x40")),
    quiet: when("30m", seen("archiveFailures", "7x40")),
  },
  {
    name: "DatabaseStorageNearlyFull",
    expr: `${own("storageBytes")} / ${own("storageLimitBytes")} > 0.9`,
    for: "10m",
    severity: "warning",
    summary: `${named} uses more than 90 % of its storage; at 100 % it becomes read-only`,
    runbook: "database-storage",
    fires: fires("20m", seen("storageBytes", "95x30"), seen("storageLimitBytes", "100x30")),
    quiet: when("20m", seen("storageBytes", "50x30"), seen("storageLimitBytes", "100x30")),
  },
  {
    name: "DatabaseStorageFullSoon",
    expr: `predict_linear(${own("storageBytes")}[6h], 86400) > ${own("storageLimitBytes")} and ${own("storageBytes")} / ${own("storageLimitBytes")} > 0.5`,
    for: "1h",
    severity: "warning",
    summary: `${named} is full within a day if it goes on growing as in the last six hours`,
    runbook: "database-storage",
    fires: {
      ...fires("480m", seen("storageBytes", "4000+20x60"), seen("storageLimitBytes", "6000x60")),
      every: "10m",
    },
    quiet: {
      ...when("480m", seen("storageBytes", "4000x60"), seen("storageLimitBytes", "6000x60")),
      every: "10m",
    },
  },
];

export const databaseAlerts: readonly AlertGroup[] = [
  { name: "databases", alerts: running },
  { name: "standbys", alerts: standbys },
  { name: "backups-and-storage", alerts: kept },
];
