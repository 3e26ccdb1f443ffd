import type { Metrics } from "../../platform/core/index.ts";
import type { Scaler } from "./scaler.ts";

/** Of the databases that are awake, where the machine holds them to their units. */
export function registerSizes(metrics: Pick<Metrics, "gauge">, scaler: Scaler): void {
  const gauge = (name: `nebuladb_${string}`, help: string, of: "units" | "cpuUnits") =>
    metrics.gauge(name, help, ["tenant", "project", "database"], async (set) => {
      for (const [id, size] of scaler.sizes()) {
        const [tenant = "", project = "", database = ""] = id.split(".");
        set({ tenant, project, database }, size[of]);
      }
    });
  gauge("nebuladb_compute_units", "Compute units that a database has now, between its min and its max.", "units");
  gauge("nebuladb_compute_used_units", "CPUs that a database used in the last second.", "cpuUnits");
}
