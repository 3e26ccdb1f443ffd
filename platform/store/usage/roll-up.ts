import type { Sql } from "../../sql/index.ts";
import { windowsOf } from "./windows.ts";

/**
 * Turns the samples of whole hours into usage records. Running it again changes nothing; where late samples changed an
 * hour's quantity, the record gets it and its next revision. Returns how many records were written.
 * @param fromMs, toMs hours, the last one excluded; the caller leaves out windows that are final.
 */
export async function rollUp(sql: Sql, fromMs: number, toMs: number): Promise<number> {
  const rows = await sql.query(
    `insert into usage_records (tenant, project, database, meter, window_start, window_end, quantity, source, commits)
     select tenant, project, database, meter, window_start, window_end, quantity, 'sampled', commits
     from (${windowsOf("$1", "$2")}) windows
     order by tenant, project, database, meter, window_start
     on conflict (tenant, project, database, meter, window_start) do update set
       quantity = excluded.quantity, commits = excluded.commits, revision = usage_records.revision + 1
     where usage_records.quantity <> excluded.quantity
     returning 1 as written`,
    [new Date(fromMs), new Date(toMs)],
  );
  return rows.length;
}

/** Forgets samples of slots and lines of traffic before that time; their hours were rolled up and are final. */
export async function pruneSamples(sql: Sql, beforeMs: number): Promise<void> {
  await sql.query("delete from usage_traffic where at < $1", [new Date(beforeMs)]);
  await sql.query("delete from usage_samples where slot < $1", [new Date(beforeMs)]);
}
