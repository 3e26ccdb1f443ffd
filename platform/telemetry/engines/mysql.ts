import { type EngineSet, exporterJob, perDatabase, rated, rule } from "./engine-set.ts";
import { podVitals } from "./pods.ts";

const at = (name: string, more = ""): string => `${name}{job="${exporterJob}",engine=~"mysql|mariadb"${more}}`;
const status = (name: string): string => at(`mysql_global_status_${name}`);
const scans = (kind: string): string => at(`mysql_global_status_handlers_total`, `,handler=~"${kind}"`);

/** mysqld_exporter counts the same of both. */
export const mysql: EngineSet = {
  engines: ["mysql", "mariadb"],
  placements: ["kubernetes"],
  from: "mysqld_exporter",
  vitals: {
    ...podVitals("mysql|mariadb"),
    operations: rule(rated(status("queries"))),
    connections: rule(perDatabase(status("threads_connected"))),
    connectionsShare: rule(
      `${perDatabase(status("threads_connected"))} / ${perDatabase(at("mysql_global_variables_max_connections"))}`,
    ),
    replicationLag: rule(perDatabase(at("mysql_slave_status_seconds_behind_master"), "max")),
    indexUse: rule(`${rated(scans("read_key|read_first|read_next"))} / (${rated(scans("read_.+"))} > 0)`),
    cacheHits: rule(
      `1 - ${rated(status("innodb_buffer_pool_reads"))} / (${rated(status("innodb_buffer_pool_read_requests"))} > 0)`,
    ),
    slow: rule(rated(status("slow_queries"))),
    deadlocks: rule(rated(status("innodb_deadlocks"))),
  },
};
