import { type EngineSet, exporterJob, none, perDatabase, rated, rule, share } from "./engine-set.ts";
import { podVitals } from "./pods.ts";

const at = (name: string, more = ""): string => `${name}{job="${exporterJob}",engine="redis"${more}}`;

export const redis: EngineSet = {
  engines: ["redis"],
  placements: ["kubernetes"],
  from: "redis_exporter",
  vitals: {
    ...podVitals("redis"),
    memory: rule(perDatabase(at("redis_memory_used_bytes"))),
    memoryShare: rule(
      `${perDatabase(at("redis_memory_used_bytes"))} / (${perDatabase(at("redis_memory_max_bytes"))} > 0)`,
    ),
    operations: rule(rated(at("redis_commands_processed_total"))),
    connections: rule(perDatabase(at("redis_connected_clients"))),
    connectionsShare: rule(
      `${perDatabase(at("redis_connected_clients"))} / ${perDatabase(at("redis_config_maxclients"))}`,
    ),
    replicationLag: rule(perDatabase(at("redis_connected_slave_lag_seconds"), "max")),
    indexUse: none("Redis reads by key: it has no indexes"),
    cacheHits: rule(share(rated(at("redis_keyspace_hits_total")), rated(at("redis_keyspace_misses_total")))),
    slow: rule(rated(at("redis_slowlog_last_id"))),
    deadlocks: none("Redis runs one command at a time: it has no deadlocks"),
  },
};
