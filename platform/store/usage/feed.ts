import type { Sql } from "../../sql/index.ts";
import { asked, askedFor, type UsageFilter } from "./filter.ts";
import { recordId } from "./record-id.ts";

/** One record as it was written; nobody changes it. */
export type FeedRecord = {
  readonly seq: number;
  readonly id: string;
  readonly tenant: string;
  readonly project: string;
  readonly database: string;
  readonly meter: string;
  readonly windowStart: Date;
  readonly windowEnd: Date;
  /** Decimal text in the meter's unit. Of a correction what it adds, or with a minus what it takes away. */
  readonly quantity: string;
  readonly revision: number;
  readonly source: string;
  readonly reason: string | null;
  readonly commits: readonly string[];
  readonly recordedAt: Date;
};

/**
 * Records in the order in which they were written, after that number. Whoever has read up to one has read all before it, and reads on
 * from there: nothing comes to stand behind his back.
 */
export async function listRecords(
  sql: Sql,
  whose: Pick<UsageFilter, "within" | "tenant" | "project" | "database" | "meter">,
  { afterSeq = 0, limit = 1000 }: { readonly afterSeq?: number; readonly limit?: number } = {},
): Promise<readonly FeedRecord[]> {
  const rows = await sql.query<Omit<FeedRecord, "id">>(text, [
    ...askedFor({ ...whose, fromMs: 0, toMs: 0 }),
    afterSeq,
    limit,
  ]);
  return rows.map((row) => ({ ...row, id: recordId(row) }));
}

const text = `
  select seq, tenant, project, database, meter, window_start as "windowStart", window_end as "windowEnd",
    trim_scale(quantity)::text as quantity, revision, source, reason, commits, recorded_at as "recordedAt"
  from usage_records where seq > $8 and ${asked} order by seq limit $9`;
