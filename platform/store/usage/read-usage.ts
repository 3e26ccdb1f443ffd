import type { Sql } from "../../sql/index.ts";
import { quantityOf } from "./filing.ts";
import { asked, askedFor, type UsageFilter, waiting, withinNames } from "./filter.ts";
import { cutSpan } from "./span.ts";

/** What a database used of a meter in an hour: its records added up, and what waits of it. */
export type UsageRecord = {
  readonly tenant: string;
  readonly project: string;
  readonly database: string;
  readonly meter: string;
  readonly windowStart: Date;
  readonly windowEnd: Date;
  /** Decimal text in the meter's unit. */
  readonly quantity: string;
  readonly source: string;
  /** Of its newest record. 0: the window is still open and its quantity grows. */
  readonly revision: number;
  /** Whose declarations caused it, sorted. */
  readonly commits: readonly string[];
};

/** Place in the order of `listUsage`: the key of the last record of a page. */
export type UsageCursor = Pick<UsageRecord, "tenant" | "project" | "database" | "meter" | "windowStart">;

/** What a database used of a meter in the whole span. */
export type UsageSum = Omit<UsageRecord, "revision" | "source"> & { readonly records: number };

/**
 * Usage by window, database and meter, the hours that are still open included. Records come in order from an index and only a
 * page of them is read: by window for the whole installation, by tenant and window for one (usage_records_by_tenant). What waits
 * is little: the open hours.
 */
export const listUsage = (
  sql: Sql,
  filter: UsageFilter,
  { after, limit = 1000 }: { readonly after?: UsageCursor; readonly limit?: number } = {},
): Promise<readonly UsageRecord[]> =>
  sql.query(listText, [
    ...askedFor(filter),
    new Date(filter.fromMs),
    new Date(filter.toMs),
    after?.windowStart ?? null,
    after?.tenant ?? null,
    after?.project ?? null,
    after?.database ?? null,
    after?.meter ?? null,
    limit,
    ...withinNames(filter),
  ]);

/**
 * One row a database and meter: exact sums, ready to be rated. `windowStart` and `windowEnd` span what was used. Whole months and
 * days come from what was added up, so that a month is a few rows a database and not its hours; then what was recorded since, and
 * what waits.
 */
export function sumUsage(sql: Sql, filter: UsageFilter): Promise<readonly UsageSum[]> {
  const { months, days, hours } = cutSpan(filter.fromMs, filter.toMs);
  const edges = [months, ...days, ...hours].flat().map((ms) => new Date(ms));
  const span = [new Date(filter.fromMs), new Date(filter.toMs)];
  return sql.query(sumText, [...askedFor(filter), ...span, ...edges, ...withinNames(filter)]);
}

export type TotalsUnit = "day" | "month";
export type UsageTotal = UsageSum;

/** Sums by day or month (UTC), a page at a time, in the order of `listUsage`. A span is whole units: what is cut off at its ends would mislead. */
export const listTotals = (
  sql: Sql,
  filter: UsageFilter,
  unit: TotalsUnit,
  { after, limit = 1000 }: { readonly after?: UsageCursor; readonly limit?: number } = {},
): Promise<readonly UsageTotal[]> =>
  sql.query(totalsText[unit], [
    ...askedFor(filter),
    new Date(filter.fromMs),
    new Date(filter.toMs),
    after?.windowStart ?? null,
    after?.tenant ?? null,
    after?.project ?? null,
    after?.database ?? null,
    after?.meter ?? null,
    limit,
    ...withinNames(filter),
  ]);

const waitingQuantity = quantityOf("amount", "grain");
const order = "window_start, tenant, project, database, meter";
const afterCursor = `($10::timestamptz is null or (${order}) > ($10, $11::text, $12::text, $13::text, $14::text))`;
/** Sorted, without repeats; arrays of unequal length cannot be joined otherwise. */
const allCommits = `array(select distinct commit from unnest(string_to_array(string_agg(commits, ','), ',')) as commit
    where commit <> '' order by commit)`;

const listText = `
  select tenant, project, database, meter, window_start as "windowStart", window_start + interval '1 hour' as "windowEnd",
         trim_scale(sum(quantity))::text as quantity, max(source) as source, max(revision) as revision, ${allCommits} as commits
  from (
    (select ${order}, sum(quantity) as quantity, max(source) as source, max(revision) as revision,
       string_agg(array_to_string(commits, ','), ',') as commits
     from usage_records
     where window_start >= $8 and window_start >= coalesce($10::timestamptz, '-infinity') and window_start < $9
       and ${asked} and ${afterCursor} group by ${order} order by ${order} limit $15)
    union all
    select ${order}, ${waitingQuantity}, source, 0, array_to_string(commits, ',')
    from ${waiting(16)}
    where ${asked} and ${afterCursor}
  ) used
  group by ${order} order by ${order} limit $15`;

const summed = (unit: "day" | "month", from: number) => `
    select tenant, project, database, meter, first, last, quantity, records, commits from usage_${unit}s
    where ${unit} >= $${from}::timestamptz and ${unit} < $${from + 1}::timestamptz and ${asked}`;
/**
 * Recorded and not added up yet. Found by their numbers and then looked at: the planner knows how many a month has, and does not know that
 * next to none of them are new.
 */
const fresh = "(select * from usage_records where seq > (select seq from usage_folded) offset 0) fresh";
const recorded = (from: string, where: string) => `
    select tenant, project, database, meter, window_start, window_end, quantity, 1, commits from ${from}
    where ${where} and ${asked}`;
const upTo = (from: number) =>
  recorded(
    "usage_records",
    `window_start >= $${from}::timestamptz and window_start < $${from + 1}::timestamptz and seq <= (select seq from usage_folded)`,
  );

const sumText = `
  select tenant, project, database, meter, min(first) as "windowStart", max(last) as "windowEnd",
         trim_scale(sum(quantity))::text as quantity, sum(records)::int as records, ${allCommits} as commits
  from (
    select tenant, project, database, meter, array_to_string(commits, ',') as commits, min(first) as first, max(last) as last,
           sum(quantity) as quantity, sum(records) as records
    from (${summed("month", 10)} union all ${summed("day", 12)} union all ${summed("day", 14)}
      union all ${upTo(16)} union all ${upTo(18)}
      union all ${recorded(fresh, "window_start >= $8 and window_start < $9")}
      union all
      select tenant, project, database, meter, window_start, window_start + interval '1 hour', ${waitingQuantity}, 1, commits
      from ${waiting(20)}
      where ${asked}) used
    group by 1, 2, 3, 4, 5
  ) by_commits
  group by tenant, project, database, meter order by tenant, project, database, meter`;

const totals = (unit: TotalsUnit) => `
  select tenant, project, database, meter, window_start as "windowStart",
         date_add(window_start, interval '1 ${unit}', 'UTC') as "windowEnd", trim_scale(sum(quantity))::text as quantity,
         sum(records)::int as records, ${allCommits} as commits
  from (
    select ${unit} as window_start, tenant, project, database, meter, quantity, records, array_to_string(commits, ',') as commits
    from usage_${unit}s where ${unit} >= $8 and ${unit} < $9 and ${asked}
    union all
    select date_trunc('${unit}', window_start, 'UTC'), tenant, project, database, meter, quantity, 1, array_to_string(commits, ',')
    from ${fresh}
    where window_start >= $8 and window_start < $9 and ${asked}
    union all
    select date_trunc('${unit}', window_start, 'UTC'), tenant, project, database, meter, ${waitingQuantity}, 1,
      array_to_string(commits, ',')
    from ${waiting(16)}
    where ${asked}
  ) used
  where ${afterCursor} group by ${order} order by ${order} limit $15`;
const totalsText: Readonly<Record<TotalsUnit, string>> = { day: totals("day"), month: totals("month") };
