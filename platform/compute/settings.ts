import type { ConnectionLimits } from "./gate.ts";

/** Settings of a server by name, as text that stands in postgresql.conf. */
export type Settings = Readonly<Record<string, string>>;

/**
 * Settings that follow from compute units (1 unit is 1 vCPU and 2 GiB). Small on purpose: memory that is not touched is not
 * used, and an idle quarter-unit instance costs about 6 MB, so that many fit a laptop. Pure.
 *
 * | units | shared_buffers | max_connections (and 3 of ours) | work_mem | effective_cache_size | max_wal_size |
 * |---|---|---|---|---|---|
 * | 0.25 | 16 MB | 25 | 4 MB | 384 MB | 128 MB |
 * | 1 | 64 MB | 100 | 8 MB | 1.5 GB | 256 MB |
 * | 2 | 128 MB | 200 | 16 MB | 3 GB | 512 MB |
 * | 8 | 512 MB | 400 | 64 MB | 12 GB | 2 GB |
 */
export function computeSettings(units: number): Settings {
  const between = (low: number, value: number, high: number) => Math.round(Math.min(high, Math.max(low, value)));
  const cores = Math.max(1, Math.ceil(units));
  return {
    shared_buffers: `${between(16, 64 * units, 1024)}MB`,
    max_connections: String(between(25, 100 * units, 400) + reservedConnections),
    superuser_reserved_connections: String(reservedConnections),
    work_mem: `${between(4, 8 * units, 64)}MB`,
    maintenance_work_mem: `${between(16, 64 * units, 512)}MB`,
    effective_cache_size: `${between(128, 1536 * units, 65536)}MB`,
    max_wal_size: `${between(128, 256 * units, 4096)}MB`,
    min_wal_size: "32MB",
    max_worker_processes: String(4 + cores),
    max_parallel_workers: String(cores),
    max_parallel_workers_per_gather: String(units < 1 ? 0 : Math.min(4, Math.ceil(cores / 2))),
    autovacuum_worker_slots: "3",
    autovacuum_max_workers: units < 1 ? "1" : "3",
  };
}

/** Kept for NebulaDB itself, so that a tenant who uses all connections can still be served and observed. */
const reservedConnections = 3;

/** What a gateway lets in when the declaration does not say. */
export const limitsFor = (units: number): ConnectionLimits => ({
  connections: Number(computeSettings(units).max_connections) - reservedConnections,
  connectionsPerSecond: 200,
  idleSeconds: 0,
  idleInTransactionSeconds: 0,
  statementSeconds: 0,
});

/** What every instance has, whatever its size. */
export const commonSettings: Settings = {
  allow_alter_system: "off",
  password_encryption: "scram-sha-256",
  // lean: about 6 MB of memory instead of 18
  io_method: "sync",
  jit: "off",
  huge_pages: "off",
  // enough for a base backup and one standby
  wal_level: "replica",
  max_wal_senders: "3",
  max_replication_slots: "3",
  max_prepared_transactions: "0",
  // recovery after an unclean stop in 50 ms instead of 130
  ...(process.platform === "linux" ? { recovery_init_sync_method: "syncfs" } : {}),
  timezone: "UTC",
  log_timezone: "UTC",
  log_destination: "stderr",
  logging_collector: "off",
  log_line_prefix: "%m [%p] %q%u@%d ",
  log_checkpoints: "off",
  // statements hold tenants' data and passwords: their text stays out of the log
  log_statement: "none",
  log_min_error_statement: "panic",
  log_min_duration_statement: "-1",
  unix_socket_permissions: "0700",
};

/** Beside them, of an instance alone: its log is archived (`archive.ts`), and a change of what becomes of it restarts nothing. */
const archiveSettings: Settings = {
  archive_mode: "on",
  wal_summary_keep_time: "2d",
};

/** Of the settings above and below, those that a running server takes only by a restart (a test asks Postgres). */
export const restartSettings: ReadonlySet<string> = new Set([
  "archive_mode",
  "autovacuum_worker_slots",
  "cluster_name",
  "hot_standby",
  "huge_pages",
  "io_method",
  "listen_addresses",
  "logging_collector",
  "max_connections",
  "max_prepared_transactions",
  "max_replication_slots",
  "max_wal_senders",
  "max_worker_processes",
  "port",
  "shared_buffers",
  "shared_preload_libraries",
  "superuser_reserved_connections",
  "unix_socket_directories",
  "unix_socket_permissions",
  "wal_level",
]);

/** What the settings of an instance depend on. */
export type Shape = {
  readonly units: number;
  readonly extensions: readonly string[];
  /** Streaming standbys beside it. Absent: none. */
  readonly replicas?: number;
};

/** Extensions that must be loaded at start. */
const preloaded: readonly string[] = ["pg_stat_statements"];

/** The number in the name of an instance's socket; its folder tells one from another. It is where every client looks first. */
export const socketPort = 5432;

/** All settings of an instance except where its files are: it has a Unix socket, and no address. Pure. */
export function settingsOf({ units, extensions, replicas = 0 }: Shape): Settings {
  return {
    ...commonSettings,
    ...archiveSettings,
    ...computeSettings(units),
    port: String(socketPort),
    listen_addresses: "",
    // its folder says who comes so far
    unix_socket_permissions: "0770",
    shared_preload_libraries: extensions.filter((name) => preloaded.includes(name)).join(","),
    ...(replicas > 0 ? replicationSettings : {}),
  };
}

/** The same for any number of standbys, so that only the first one restarts. */
const replicationSettings: Settings = {
  // 15 that stream, one that is being copied by two, and beside them what everybody has room for
  max_wal_senders: "20",
  max_replication_slots: "20",
  // one that is away for longer than so much log is made anew, rather than that the log fills the disk
  max_slot_wal_keep_size: "1GB",
  // of a standby that takes the place of its primary: nobody comes in before it writes, and there is nothing beyond what it has
  hot_standby: "off",
  restore_command: "false",
  recovery_target_timeline: "latest",
};

/** The settings whose change from one shape to another restarts a running instance. Pure: the plan says it beforehand. */
export function restartsBetween(before: Shape, after: Shape): readonly string[] {
  const [from, to] = [settingsOf(before), settingsOf(after)];
  return [...restartSettings].filter((name) => from[name] !== to[name]).sort();
}
