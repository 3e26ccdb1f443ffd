import { databaseMetrics, type MetricKey } from "../catalogue.ts";
import { type EngineSet, exporterJob, none, perDatabase, rated, rule, share } from "./engine-set.ts";
import { podVitals } from "./pods.ts";

const own = (key: MetricKey): string => databaseMetrics[key].name;
const now = (key: MetricKey) => rule(perDatabase(own(key)));
const each = (key: MetricKey) => rule(rated(own(key)));
const part = (used: MetricKey, of: MetricKey) => rule(`${perDatabase(own(used))} / ${perDatabase(own(of))}`);

/** The servers of the local placement: the platform asks them itself. */
export const postgresHere: EngineSet = {
  engines: ["postgres"],
  placements: ["local"],
  from: "the platform's own collector",
  vitals: {
    cpu: rule(`${rated(own("cpuSeconds"))} / ${perDatabase(own("computeUnits"))}`),
    memory: now("memoryBytes"),
    memoryShare: part("memoryBytes", "memoryLimitBytes"),
    diskRead: each("diskReadBytes"),
    diskWritten: each("diskWrittenBytes"),
    operations: each("operations"),
    connections: now("connections"),
    connectionsShare: part("connections", "connectionsLimit"),
    replicationLag: rule(`${perDatabase(own("replicationLagSeconds"), "max")} and ${perDatabase(own("replicas"))} > 0`),
    indexUse: rule(share(rated(own("indexScans")), rated(own("tableScans")))),
    cacheHits: rule(share(rated(own("cacheHits")), rated(own("cacheMisses")))),
    slow: now("slowQueries"),
    deadlocks: each("deadlocks"),
    nodes: rule(`${perDatabase(own("replicas"))} + 1`),
    nodesHealthy: rule(
      `${perDatabase("nebuladb_database_up")} + (${perDatabase(own("replicasHealthy"))} or 0 * ${perDatabase("nebuladb_database_up")})`,
    ),
    storage: now("storageBytes"),
  },
};

const at = (name: string, more = ""): string => `${name}{job="${exporterJob}",engine="postgres"${more}}`;

/** Those of Kubernetes: postgres_exporter beside them, as KubeDB runs it. */
export const postgresThere: EngineSet = {
  engines: ["postgres"],
  placements: ["kubernetes"],
  from: "postgres_exporter",
  vitals: {
    ...podVitals("postgres"),
    operations: rule(`${rated(at("pg_stat_database_xact_commit"))} + ${rated(at("pg_stat_database_xact_rollback"))}`),
    connections: rule(perDatabase(at("pg_stat_database_numbackends"))),
    connectionsShare: rule(
      `${perDatabase(at("pg_stat_database_numbackends"))} / ${perDatabase(at("pg_settings_max_connections"), "max")}`,
    ),
    replicationLag: rule(perDatabase(at("pg_replication_lag"), "max")),
    indexUse: rule(share(rated(at("pg_stat_user_tables_idx_scan")), rated(at("pg_stat_user_tables_seq_scan")))),
    cacheHits: rule(share(rated(at("pg_stat_database_blks_hit")), rated(at("pg_stat_database_blks_read")))),
    slow: none("postgres_exporter counts the longest transaction, not slow statements"),
    deadlocks: rule(rated(at("pg_stat_database_deadlocks"))),
  },
};
