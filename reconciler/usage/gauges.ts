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
  ["nebuladb_usage_storage_byte_hours", "storage_byte_hours", "Bytes stored times hours, this month (UTC)."],
  ["nebuladb_usage_connection_seconds", "connection_seconds", "Client sessions times seconds, this month (UTC)."],
] as const;

/** The sums change once a minute; scrapes in between get the same ones. */
const freshMs = 30_000;

/** `nebuladb_usage_*` on /metrics: the current month's sums by tenant, project and database, open hours included. */
export function registerUsageGauges(metrics: Pick<Metrics, "gauge">, sql: Sql, clock: Clock): void {
  let read: { readonly atMs: number; readonly sums: Promise<readonly UsageSum[]> } | undefined;
  const sums = () => {
    if (read === undefined || clock.monotonicMs() - read.atMs > freshMs) {
      const fresh = { atMs: clock.monotonicMs(), sums: sumUsage(sql, monthSpan(monthOf(clock.now()))) };
      fresh.sums.catch(() => {
        if (read === fresh) read = undefined;
      });
      read = fresh;
    }
    return read.sums;
  };
  for (const [name, meter, help] of gauges)
    metrics.gauge(name, help, labels, async (set) => {
      for (const { tenant, project, database, meter: of, quantity } of await sums())
        if (of === meter) set({ tenant, project, database }, Number(quantity));
    });
}
