import type { Metrics } from "../../platform/core/index.ts";
import type { Keeper } from "../keeper/index.ts";
import type { PooledEndpoint } from "../pool/index.ts";
import { registerSizes, type Scaler } from "../scaler/index.ts";
import { registerStandbys, type StandbyGuard } from "../standbys/index.ts";
import type { DirectEndpoint } from "../wire/index.ts";

type Gauged = {
  readonly keeper: Keeper;
  readonly scaler: Scaler;
  readonly guard: StandbyGuard;
  readonly direct: DirectEndpoint;
  readonly pooled: PooledEndpoint | undefined;
};

export function registerGauges(metrics: Metrics, { keeper, scaler, guard, direct, pooled }: Gauged): void {
  registerSizes(metrics, scaler);
  registerStandbys(metrics, guard);
  metrics.gauge("nebuladb_gateway_sessions", "Open connections of the direct endpoint.", ["state"], async (set) => {
    const { open, connections } = direct.sessions();
    set({ state: "open" }, open);
    set({ state: "handshake" }, connections - open);
  });
  metrics.gauge("nebuladb_instances_by_state", "Databases by what they are doing.", ["state"], async (set) => {
    for (const [state, count] of Object.entries(keeper.counts())) set({ state }, count);
  });
  metrics.gauge("nebuladb_pooler_connections", "Connections of PgBouncer.", ["side"], async (set) => {
    if (!pooled?.state().up) return;
    for (const [side, count] of Object.entries(await pooled.connections())) set({ side }, count);
  });
  metrics.gauge("nebuladb_pooler_up", "Whether the pooled endpoint serves.", [], async (set) => {
    set({}, pooled?.state().up ? 1 : 0);
  });
}
