import type { Sql } from "../../platform/sql/index.ts";
import { getKeptMetrics, keepMetrics } from "../../platform/store/index.ts";
import { sampleWire } from "../../platform/telemetry/index.ts";
import type { SecondLayer } from "./second-layer.ts";

/** In the ledger, in a table that is not written to the log. Who shuts down forgets nothing of it, a crash forgets all. */
export const inPostgres = (sql: Sql): SecondLayer => ({
  async get(id) {
    const kept = await getKeptMetrics(sql, keyOf(id));
    const sample = kept && sampleWire.safeParse(kept.value).data;
    return kept === undefined || sample === undefined ? undefined : { sample, ageMs: kept.ageMs };
  },
  put: (id, sample, forMs) => keepMetrics(sql, keyOf(id), sample, forMs),
  close: async () => undefined,
});

const keyOf = (id: string): string => `sample:${id}`;
