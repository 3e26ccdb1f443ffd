import { type EngineSet, exporterJob, none, perDatabase, rated, rule, share } from "./engine-set.ts";
import { podVitals } from "./pods.ts";

const at = (name: string, more = ""): string => `${name}{job="${exporterJob}",engine="elasticsearch"${more}}`;

export const elasticsearch: EngineSet = {
  engines: ["elasticsearch"],
  placements: ["kubernetes"],
  from: "elasticsearch_exporter",
  vitals: {
    ...podVitals("elasticsearch"),
    memoryShare: rule(
      `${perDatabase(at("elasticsearch_jvm_memory_used_bytes", `,area="heap"`))} / ${perDatabase(
        at("elasticsearch_jvm_memory_max_bytes", `,area="heap"`),
      )}`,
    ),
    operations: rule(
      `${rated(at("elasticsearch_indices_search_query_total"))} + ${rated(at("elasticsearch_indices_indexing_index_total"))}`,
    ),
    connections: none("elasticsearch_exporter counts no connections of clients"),
    connectionsShare: none("Elasticsearch has no limit of connections"),
    replicationLag: none(
      "a write is acknowledged by the replicas in sync: shards lag not in seconds but by being unassigned",
    ),
    indexUse: none("everything in Elasticsearch is read through an index"),
    cacheHits: rule(
      share(rated(at("elasticsearch_indices_query_cache_count")), rated(at("elasticsearch_indices_query_miss_count"))),
    ),
    slow: none("the slow log is a log: elasticsearch_exporter does not count its lines"),
    deadlocks: none("Elasticsearch has no locks that wait for each other"),
    nodesHealthy: rule(perDatabase(at("elasticsearch_cluster_health_number_of_nodes"), "max")),
    storage: rule(perDatabase(at("elasticsearch_indices_store_size_bytes"))),
  },
};
