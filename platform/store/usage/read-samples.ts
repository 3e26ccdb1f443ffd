import type { Sql } from "../../sql/index.ts";
import { fromRow, sampleColumns, type UsageSample, type UsageSampleRow } from "./sample.ts";

/**
 * The newest sample of each database whose slot is no later than `toMs`: of those that are metered however old it is, of others from
 * `fromMs` on.
 */
export async function lastSamples(sql: Sql, fromMs: number, toMs: number): Promise<UsageSample[]> {
  const rows = await sql.query<UsageSampleRow>(
    `select ${sampleColumns} from (
       select newest.* from instances i, lateral (
         select * from usage_samples s where s.instance = i.id and s.slot <= $2 order by s.slot desc limit 1) newest
       where newest.slot >= $1 or i.phase in ('Ready', 'Paused', 'Retired')
     ) samples`,
    [new Date(fromMs), new Date(toMs)],
  );
  return rows.map(fromRow);
}

/** A database's samples from `fromMs` on, oldest first: what a chart of its size and connections is drawn from. */
export async function listSamples(sql: Sql, instance: string, fromMs: number, limit = 1440): Promise<UsageSample[]> {
  const rows = await sql.query<UsageSampleRow>(
    `select ${sampleColumns} from usage_samples where instance = $1 and slot >= $2 order by slot limit $3`,
    [instance, new Date(fromMs), limit],
  );
  return rows.map(fromRow);
}
