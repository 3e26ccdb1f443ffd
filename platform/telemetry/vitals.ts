/**
 * The vital signs of a database: the same for every engine, so that one dashboard and one alert serve all of them. Each is a series that
 * Prometheus records, with the labels tenant, project, database and engine.
 */
export type Vital = {
  readonly record: `database:${string}`;
  readonly title: string;
  /** As Grafana names it. */
  readonly unit: "percentunit" | "bytes" | "Bps" | "ops" | "short" | "s";
};

const vital = (record: Vital["record"], title: string, unit: Vital["unit"]): Vital => ({ record, title, unit });

export const vitals = {
  cpu: vital("database:cpu:ratio", "CPU used of what it may use", "percentunit"),
  memory: vital("database:memory:bytes", "Memory", "bytes"),
  memoryShare: vital("database:memory:ratio", "Memory used of what it may use", "percentunit"),
  diskRead: vital("database:disk_read:rate", "Disk read", "Bps"),
  diskWritten: vital("database:disk_written:rate", "Disk written", "Bps"),
  operations: vital("database:operations:rate", "Operations a second", "ops"),
  connections: vital("database:connections:count", "Connections", "short"),
  connectionsShare: vital("database:connections:ratio", "Connections used of those there can be", "percentunit"),
  replicationLag: vital("database:replication_lag:seconds", "Replication lag", "s"),
  indexUse: vital("database:index_use:ratio", "Reads that came by an index", "percentunit"),
  cacheHits: vital("database:cache_hits:ratio", "Reads answered from memory", "percentunit"),
  slow: vital("database:slow:count", "Slow statements", "short"),
  deadlocks: vital("database:deadlocks:rate", "Deadlocks a second", "ops"),
  nodes: vital("database:nodes:count", "Nodes there should be", "short"),
  nodesHealthy: vital("database:nodes_healthy:count", "Nodes that are well", "short"),
  storage: vital("database:storage:bytes", "Storage", "bytes"),
} as const satisfies Readonly<Record<string, Vital>>;

export type VitalKey = keyof typeof vitals;
export const vitalKeys = Object.keys(vitals) as readonly VitalKey[];
