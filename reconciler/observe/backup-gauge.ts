import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Metrics } from "../../platform/core/index.ts";

/**
 * How much would be lost if the ledger were lost now, as the continuous backup says (launcher/recovery). Absent where nothing can be
 * recovered yet or backups are off: an alert asks for its absence too.
 */
export function registerBackupGauge(metrics: Metrics, backups: string): void {
  metrics.gauge(
    "nebuladb_recoverable_point_age_seconds",
    "Age of the newest moment to which the platform's ledger can be brought back.",
    [],
    async (set) => {
      const text = await readFile(join(backups, "state.json"), "utf8").catch(() => undefined);
      const at =
        text === undefined ? null : (JSON.parse(text) as { readonly recoverableAt: string | null }).recoverableAt;
      if (at !== null) set({}, Math.max(0, (Date.now() - Date.parse(at)) / 1000));
    },
  );
}
