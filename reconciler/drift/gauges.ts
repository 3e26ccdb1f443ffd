import type { Metrics } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { countDrift, countOrphans, driftEffects } from "../../platform/store/index.ts";

/** How much is open now, read from the ledger when somebody scrapes. */
export function registerDriftGauges(metrics: Metrics, sql: Sql): void {
  metrics.gauge(
    "nebuladb_drift_open",
    "Differences between databases and their declarations that are open now.",
    ["effect"],
    async (set) => {
      const counts = new Map((await countDrift(sql)).map(({ effect, open }) => [effect, open]));
      for (const effect of driftEffects) set({ effect: effect.replace(" ", "_") }, counts.get(effect) ?? 0);
    },
  );
  metrics.gauge(
    "nebuladb_orphans",
    "Instances, folders and servers on the machine that belong to no row of the ledger.",
    [],
    async (set) => set({}, await countOrphans(sql)),
  );
}
