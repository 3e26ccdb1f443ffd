import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { asAdmin, type Door } from "./sync.ts";

const patienceMs = 10_000;
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Ends the current segment of a server's write-ahead log and waits until the archive has it; nothing where no log is archived, or
 * where nothing was written since. When the archive does not take it in time, what is missing lies in pg_wal and goes when the
 * server runs again.
 */
export async function flushLog(door: Door, pgdata: string): Promise<void> {
  const segment = await asAdmin(door, "postgres", async (sql) => {
    const { segment } = await sql.one<{ segment: string | null }>(
      `select case when not pg_is_in_recovery() and current_setting('archive_mode') <> 'off'
         and current_setting('archive_command') not in ('', '(disabled)', 'true') then pg_walfile_name(pg_switch_wal()) end as segment`,
    );
    return segment;
  });
  if (segment === null) return;
  const folder = join(pgdata, "pg_wal", "archive_status");
  for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await pause(5)) {
    const waiting = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".ready"));
    if (!waiting.some((name) => name.slice(0, -".ready".length) <= segment)) return;
  }
}
