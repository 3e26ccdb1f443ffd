/**
 * What the platform itself measures of a database, by the name it has in the API (the key) and in Prometheus. A counter only grows as
 * long as the server that counts it runs; everything else is true at the moment of the look.
 */
export type DatabaseMetric = {
  readonly name: `nebuladb_database_${string}`;
  readonly kind: "gauge" | "counter";
  readonly help: string;
};

const gauge = (name: string, help: string): DatabaseMetric => ({
  ...{ name: `nebuladb_database_${name}`, kind: "gauge", help },
});
const counter = (name: string, help: string): DatabaseMetric => ({
  ...{ name: `nebuladb_database_${name}_total`, kind: "counter", help },
});

export const databaseMetrics = {
  cpuSeconds: counter("cpu_seconds", "Seconds of processors that its server used."),
  computeUnits: gauge("compute_units", "Compute units that it has now."),
  computeUnitsLimit: gauge("compute_units_limit", "The most compute units that it may have."),
  memoryBytes: gauge("memory_bytes", "Memory that its server holds and cannot give back."),
  memoryLimitBytes: gauge("memory_limit_bytes", "Memory of the compute units that it has now."),
  diskReadBytes: counter("disk_read_bytes", "Bytes that its server asked the file system for."),
  diskWrittenBytes: counter("disk_written_bytes", "Bytes that its server gave to the file system, its log included."),
  operations: counter("operations", "Operations done: transactions, committed or rolled back."),
  rollbacks: counter("rollbacks", "Transactions that were rolled back."),
  connections: gauge("connections", "Sessions of clients."),
  activeConnections: gauge("active_connections", "Sessions of clients that are in a statement."),
  connectionsLimit: gauge("connections_limit", "Sessions that its server can have."),
  waitingForLocks: gauge("waiting_for_locks", "Sessions of clients that wait for a lock."),
  oldestTransactionSeconds: gauge("oldest_transaction_seconds", "Age of the oldest open transaction of a client."),
  replicas: gauge("replicas", "Standbys that it should have."),
  replicasHealthy: gauge("replicas_healthy", "Standbys that receive its log now."),
  replicationLagSeconds: gauge("replication_lag_seconds", "By how much the furthest standby is behind."),
  indexes: gauge("indexes", "Indexes of the tenant's tables."),
  unusedIndexes: gauge("unused_indexes", "Indexes, unique ones aside, that no query has used since statistics began."),
  indexScans: counter("index_scans", "Scans of indexes."),
  tableScans: counter("table_scans", "Scans of whole tables."),
  cacheHits: counter("cache_hits", "Blocks found in the server's memory."),
  cacheMisses: counter("cache_misses", "Blocks that had to be read."),
  slowQueries: gauge("slow_queries", "Statements of clients that have been running for more than 500 ms."),
  deadlocks: counter("deadlocks", "Deadlocks found."),
  temporaryBytes: counter("temporary_bytes", "Bytes written to temporary files."),
  dataBytes: gauge("data_bytes", "Size of the tenant's database, as its server counts it."),
  storageBytes: gauge("storage_bytes", "What counts against its storage."),
  storageLimitBytes: gauge("storage_limit_bytes", "Its storage, as deployed."),
  archivePending: gauge("archive_pending", "Parts of the log that wait to be taken away."),
  archiveFailures: counter("archive_failures", "Times that a part of the log could not be taken away."),
  backupOk: gauge("backup_ok", "1: backups are taken and whole. 0: there is a problem. Absent: none are declared."),
  backupAgeSeconds: gauge("backup_age_seconds", "Age of its newest base backup."),
  restorableAgeSeconds: gauge("restorable_age_seconds", "Age of the newest moment that could be restored."),
} as const satisfies Readonly<Record<string, DatabaseMetric>>;

export type MetricKey = keyof typeof databaseMetrics;
export const metricKeys = Object.keys(databaseMetrics) as readonly MetricKey[];
export const isCounter = (key: MetricKey): boolean => databaseMetrics[key].kind === "counter";

/** What was read; what could not be read is absent, never 0. */
export type Values = Readonly<Partial<Record<MetricKey, number>>>;

/** Beside the values, of every database: what it is doing, and how old the sample is. */
export const stateMetric = {
  name: "nebuladb_database_state",
  help: "1 for what the database is doing: awake, frozen, asleep, stopped, paused or damaged.",
} as const;
export const upMetric = {
  name: "nebuladb_database_up",
  help: "1: it answers, or whoever connects wakes it. 0: it should run and does not.",
} as const;
export const ageMetric = {
  name: "nebuladb_database_sample_age_seconds",
  help: "Age of the sample that the other figures come from.",
} as const;
