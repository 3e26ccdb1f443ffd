import type { Metrics } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { listInstances } from "../../platform/store/index.ts";

/** `nebuladb_database_storage_ratio`: used of declared, as last measured; read from the ledger when somebody scrapes. */
export function registerStorageGauge(metrics: Pick<Metrics, "gauge">, sql: Sql): void {
  metrics.gauge(
    "nebuladb_database_storage_ratio",
    "How much of its declared storage a database uses.",
    ["tenant", "project", "database"],
    async (set) => {
      // without the ledger the other metrics still answer
      const rows = await listInstances(sql, { phases: ["Ready", "Paused", "Failed"] }).catch(() => []);
      for (const { id, storageUsedBytes, spec } of rows) {
        const [tenant = "", project = "", database = ""] = id.split(".");
        if (storageUsedBytes !== null) set({ tenant, project, database }, storageUsedBytes / spec.storageBytes);
      }
    },
  );
}
