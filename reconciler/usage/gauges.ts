import type { Clock, Metrics } from "../../platform/core/index.ts";
import { monthOf, monthSpan } from "../../platform/pricing/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { sumUsage, type UsageSum } from "../../platform/store/index.ts";

const labels = ["tenant", "project", "database"] as const;
const gauges = [
  [
    "nebuladb_usage_compute_unit_seconds",
    "compute_unit_seconds",
    "Compute units times seconds awake, this month (UTC).",
  ],
  [
    "nebuladb_usage_frozen_unit_seconds",
    "frozen_unit_seconds",
    "Compute units times seconds frozen, this month (UTC).",
  ],
  ["nebuladb_usage_storage_byte_hours", "storage_byte_hours", "Bytes stored times hours, this month (UTC)."],
  [
    "nebuladb_usage_branch_storage_byte_hours",
    "branch_storage_byte_hours",
    "Bytes of branches stored times hours, this month (UTC).",
  ],
  ["nebuladb_usage_egress_bytes", "egress_bytes", "Bytes that the gateway sent to clients, this month (UTC)."],
  ["nebuladb_usage_connection_seconds", "connection_seconds", "Client sessions times seconds, this month (UTC)."],
] as const;

/** The sums change once a minute; scrapes in between get the same ones, longer where adding them up is dear. */
const freshMs = 30_000;
const mostShare = 20;

/** `nebuladb_usage_*` on /metrics: the current month's sums by tenant, project and database, open hours included. */
export function registerUsageGauges(metrics: Pick<Metrics, "gauge">, sql: Sql, clock: Clock): void {
  let sums: Promise<readonly UsageSum[]> | undefined;
  let freshUntilMs = 0;
  const read = async () => {
    const began = clock.monotonicMs();
    freshUntilMs = Number.POSITIVE_INFINITY;
    try {
      return await sumUsage(sql, monthSpan(monthOf(clock.now())));
    } catch (thrown) {
      sums = undefined;
      throw thrown;
    } finally {
      const ended = clock.monotonicMs();
      freshUntilMs = ended + Math.max(freshMs, mostShare * (ended - began));
    }
  };
  const current = () => {
    if (sums === undefined || clock.monotonicMs() > freshUntilMs) sums = read();
    return sums;
  };
  for (const [name, meter, help] of gauges)
    metrics.gauge(name, help, labels, async (set) => {
      const known = await current().catch(() => []); // without the ledger the other metrics still answer
      for (const { tenant, project, database, meter: of, quantity } of known)
        if (of === meter) set({ tenant, project, database }, Number(quantity));
    });
}
