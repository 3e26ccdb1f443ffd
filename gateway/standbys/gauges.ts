import type { StandbyObserved } from "../../platform/compute/index.ts";
import type { Metrics } from "../../platform/core/index.ts";
import type { StandbyGuard } from "./guard.ts";

/** `nebuladb_standby_*`: whether each standby follows its primary, and how far behind it is. */
export function registerStandbys(metrics: Pick<Metrics, "gauge">, guard: StandbyGuard): void {
  const labels = ["tenant", "project", "database", "standby"];
  const gauge = (name: `nebuladb_${string}`, help: string, of: (one: StandbyObserved) => number | null) =>
    metrics.gauge(name, help, labels, async (set) => {
      for (const [id, standbys] of guard.standbys())
        for (const one of standbys) {
          const [tenant = "", project = "", database = ""] = id.split(".");
          const value = of(one);
          if (value !== null) set({ tenant, project, database, standby: String(one.number) }, value);
        }
    });
  gauge("nebuladb_standby_streaming", "Whether a standby follows its primary.", ({ streaming }) => Number(streaming));
  gauge("nebuladb_standby_counted", "Whether it may take its primary's place, with all that was answered.", (one) =>
    Number(one.counted),
  );
  gauge("nebuladb_standby_lag_bytes", "Log that a standby has not replayed.", ({ lagBytes }) => lagBytes);
  gauge("nebuladb_standby_lag_seconds", "How long ago what it replays was written.", ({ lagMs }) =>
    lagMs === null ? null : lagMs / 1000,
  );
}
