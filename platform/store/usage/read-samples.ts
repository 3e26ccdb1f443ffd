import type { Sql } from "../../sql/index.ts";
import { fromRow, sampleColumns, type UsageSample, type UsageSampleRow } from "./sample.ts";

/** The newest sample of each database whose slot lies in [fromMs, toMs]. */
export async function lastSamples(sql: Sql, fromMs: number, toMs: number): Promise<UsageSample[]> {
  const rows = await sql.query<UsageSampleRow>(
    `select distinct on (instance) ${sampleColumns} from usage_samples
     where slot between $1 and $2 order by instance, slot desc`,
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
