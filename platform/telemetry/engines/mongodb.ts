import { type EngineSet, exporterJob, none, perDatabase, rated, rule } from "./engine-set.ts";
import { podVitals } from "./pods.ts";

const at = (name: string, more = ""): string => `${name}{job="${exporterJob}",engine="mongodb"${more}}`;
const connections = (state: string): string => perDatabase(at("mongodb_connections", `,state="${state}"`));

/** mongodb_exporter with the names that KubeDB's has (`--compatible-mode`). */
export const mongodb: EngineSet = {
  engines: ["mongodb"],
  placements: ["kubernetes"],
  from: "mongodb_exporter",
  vitals: {
    ...podVitals("mongodb"),
    operations: rule(rated(at("mongodb_op_counters_total"))),
    connections: rule(connections("current")),
    connectionsShare: rule(`${connections("current")} / (${connections("current")} + ${connections("available")})`),
    replicationLag: rule(perDatabase(at("mongodb_mongod_replset_member_replication_lag"), "max")),
    indexUse: rule(
      `clamp_max(${rated(at("mongodb_mongod_metrics_document_total", `,state="returned"`))} / (${rated(
        at("mongodb_mongod_metrics_query_executor_total", `,state="scanned_objects"`),
      )} > 0), 1)`,
    ),
    cacheHits: rule(
      `1 - ${rated(at("mongodb_ss_wt_cache_pages_read_into_cache"))} / (${rated(
        at("mongodb_ss_wt_cache_pages_requested_from_the_cache"),
      )} > 0)`,
    ),
    slow: none("mongodb_exporter does not count slow operations: the profiler has them"),
    deadlocks: none("MongoDB takes write conflicts back and tries again; it has no deadlocks to count"),
  },
};
