import type { Sql } from "../../sql/index.ts";
import { asked, askedFor, type UsageFilter } from "./filter.ts";

/** What a database used of a meter in an hour because of one commit, as recorded. */
export type RolledUsage = {
  readonly tenant: string;
  readonly project: string;
  readonly database: string;
  readonly meter: string;
  /** Start of the window, UTC. */
  readonly hour: Date;
  /** Whole millionths of the meter's unit; what corrections took away is taken away. */
  readonly quantity: bigint;
  /** null: not known, or several (`commits`) in what an earlier release wrote. */
  readonly commit: string | null;
  readonly commits: readonly string[];
  /** The newest operation that had put this commit in force by the end of the window. */
  readonly operationId: string | null;
  /** How many of its records came after the first. */
  readonly corrections: number;
  /** Numbers of its records (`usage_records.seq`), for going on to them. */
  readonly records: readonly number[];
};

export type RolledQuery = Omit<UsageFilter, "fromMs" | "toMs"> & { readonly from: Date; readonly to: Date };

/**
 * The records of a span, one row a database, meter, hour and commit, in that order of time. Nothing that is still open: what it
 * says of a closed hour changes by corrections alone. Rows come a portion at a time: a month of many databases is more than one answer.
 */
export async function* rolledUsage(sql: Sql, query: RolledQuery, portion = 5_000): AsyncGenerator<RolledUsage> {
  const { from, to, ...whose } = query;
  const filter = askedFor({ ...whose, fromMs: from.getTime(), toMs: to.getTime() });
  for (let after: Row | undefined; ; ) {
    const rows: readonly Row[] = await sql.query<Row>(text, [...filter, from, to, ...keyOf(after), portion]);
    for (const { quantity, ...row } of rows)
      yield { ...row, quantity: BigInt(quantity), commit: row.commits.length === 1 ? (row.commits[0] ?? null) : null };
    after = rows.at(-1);
    if (after === undefined || rows.length < portion) return;
  }
}

type Row = Omit<RolledUsage, "quantity" | "commit"> & { readonly quantity: string };

const keyOf = (row: Row | undefined): readonly unknown[] => [
  row?.hour ?? null,
  row?.tenant ?? null,
  row?.project ?? null,
  row?.database ?? null,
  row?.meter ?? null,
  row?.commits ?? null,
];

const key = "window_start, tenant, project, database, meter, commits";
const text = `
  select r.tenant, r.project, r.database, r.meter, r.window_start as hour, r.quantity, r.commits, r.corrections, r.records,
    (select o.id from operations o
     where o.stack = r.tenant || '.' || r.project and o.commit = r.commits[1] and o.state = 'COMPLETED'
       and (o.database is null or o.database = r.database) and o.finished_at < r.window_start + interval '1 hour'
     order by o.type = 'DEPLOY' desc, o.id desc limit 1) as "operationId"
  from (
    select ${key}, (sum(quantity) * 1000000)::numeric(60, 0)::text as quantity,
      count(*) filter (where revision > 1)::int as corrections, array_agg(seq order by seq) as records
    from usage_records
    where window_start >= $8 and window_start >= coalesce($10::timestamptz, '-infinity') and window_start < $9 and ${asked}
      and ($10::timestamptz is null or (${key}) > ($10, $11::text, $12::text, $13::text, $14::text, $15::text[]))
    group by ${key} order by ${key} limit $16
  ) r order by ${key}`;
