import type { Health, HealthState } from "./health.ts";
import type { Metrics } from "./metrics.ts";

const levels: Readonly<Record<HealthState, number>> = { ok: 0, degraded: 1, down: 2 };

/** What /readyz says, for alerts. */
export const registerHealthGauge = (metrics: Pick<Metrics, "gauge">, health: Health): void =>
  metrics.gauge(
    "nebuladb_health_state",
    "Parts that the process looks at: 0 well, 1 not well and it serves, 2 it cannot do its work.",
    ["check"],
    async (set) => {
      for (const { name, state } of (await health.report()).checks) set({ check: name }, levels[state]);
    },
  );
