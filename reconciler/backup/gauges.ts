import type { Clock, Metrics } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { listBackupLines, listInstances } from "../../platform/store/index.ts";

/** What an alert asks of backups: how much the worst one would lose, how many have a problem, how much is stored. */
export function registerBackupsGauges(metrics: Metrics, sql: Sql, clock: Pick<Clock, "now">): void {
  const awake = async () => {
    const [rows, lines] = await Promise.all([listInstances(sql, { phases: ["Ready"] }), listBackupLines(sql)]);
    return rows
      .filter(({ spec, computeState }) => spec.backups.retentionSeconds > 0 && computeState === "awake")
      .map((row) => lines.find(({ instance, identity }) => instance === row.id && identity === row.identity));
  };
  metrics.gauge(
    "nebuladb_database_recoverable_age_seconds",
    "Of the databases that are awake: age of the newest moment that could be restored, of the one that is furthest behind.",
    [],
    async (set) => {
      const ages = (await awake()).flatMap((line) =>
        line?.coveredTo ? [(clock.now() - line.coveredTo.getTime()) / 1000] : [],
      );
      if (ages.length > 0) set({}, Math.max(0, ...ages));
    },
  );
  metrics.gauge(
    "nebuladb_database_backup_problems",
    "Databases whose backups have a problem: not taken, damaged, or not copied.",
    [],
    async (set) => {
      const lines = await listBackupLines(sql);
      set({}, new Set(lines.filter(({ problem }) => problem !== null).map(({ instance }) => instance)).size);
    },
  );
  metrics.gauge("nebuladb_database_backup_bytes", "Bytes that the object store holds.", [], async (set) => {
    const lines = await listBackupLines(sql);
    set(
      {},
      lines.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    );
  });
}
