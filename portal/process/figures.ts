import { type Scope, systemClock } from "../../platform/core/index.ts";
import { metricsWord } from "../../platform/telemetry/index.ts";
import { inPostgres, inRedis, makeServedMetrics, makeSource, type ServedMetrics } from "../metrics/index.ts";
import type { Common } from "./settings.ts";

/** How databases are doing: shared with the other portals by the ledger, or by a Redis that the operator has. */
export async function openFigures(scope: Scope, { sql, vault, observe, config }: Common): Promise<ServedMetrics> {
  const redis = config.NEBULA_REDIS_URL;
  const second = redis === undefined ? inPostgres(sql) : await inRedis(redis, observe);
  const source = makeSource({ sql, word: vault.derive(metricsWord) });
  return scope.add(makeServedMetrics({ second, source, observe, clock: systemClock }), (it) => it.close());
}
