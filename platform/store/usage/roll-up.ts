import type { Sql } from "../../sql/index.ts";
import { quantityOf } from "./filing.ts";
import { placed } from "./filter.ts";

/**
 * Turns what waits of the hours before `beforeMs` into records, and says how many were written. The first record of a window is
 * its revision 1; what came later is a record of its own with the next revision, and its quantity is what it adds or takes away.
 * Records are numbered in the order in which they come to stand: one roll-up at a time.
 *
 * Its cost is that of what is new: hours that nothing was added to are not looked at.
 */
export const rollUp = (sql: Sql, beforeMs: number): Promise<number> =>
  sql.tx(async (tx) => {
    await tx.query(oneAtATime);
    await tx.query("set local statement_timeout = '10min'"); // an hour of very many takes longer than anything else may
    const { written } = await tx.one<{ written: number }>(text, [new Date(beforeMs)]);
    return written;
  });

/** Adds new records to their days and months, a portion at a time. Returns how many there were. */
export async function foldRecords(sql: Sql, portion = 100_000): Promise<number> {
  for (let sum = 0; ; ) {
    const folded = await sql.tx(async (tx) => {
      await tx.query(oneAtATime);
      return (await tx.one<{ folded: number }>(foldText, [portion])).folded;
    });
    sum += folded;
    if (folded < portion) return sum;
  }
}

/** Who writes records does it alone: so whoever has seen one has seen all with a smaller number. */
export const oneAtATime = "select pg_advisory_xact_lock(hashtextextended('nebuladb usage records', 0))";

/**
 * Rows are locked in the order of their key, as those who file lock them. A quantity is rounded once, from all that the window holds:
 * what its records add up to is the rounded whole.
 */
const text = `
  with held as materialized (
    select hour, instance, meter, commits from usage_pending where hour < $1 order by 1, 2, 3, 4 for update
  ), due as materialized (
    delete from usage_pending p using held h
    where p.hour = h.hour and p.instance = h.instance and p.meter = h.meter and p.commits = h.commits
    returning p.hour, ${placed.replaceAll("instance", "p.instance")}, p.meter collate "default" as meter, p.commits, p.amount, p.grain, p.source
  ), hours as materialized (
    select hour, exists (select from usage_records where window_start = hour) as known from (select distinct hour from due) d
  ), written as (
    insert into usage_records (window_start, window_end, tenant, project, database, meter, commits, amount, quantity, source, revision)
    select d.hour, d.hour + interval '1 hour', d.tenant, d.project, d.database, d.meter, d.commits, d.amount,
      ${quantityOf("coalesce(told.amount, 0) + d.amount", "d.grain")} - coalesce(told.quantity, 0), d.source, coalesce(told.revision, 0) + 1
    from due d join hours using (hour)
    left join lateral (
      select max(r.revision) as revision,
        sum(coalesce(r.amount, r.quantity * d.grain)) filter (where r.commits = d.commits) as amount,
        sum(r.quantity) filter (where r.commits = d.commits) as quantity
      from usage_records r
      where known and r.window_start = d.hour and r.tenant = d.tenant and r.project = d.project and r.database = d.database
        and r.meter = d.meter
    ) told on true
    where d.amount <> 0
    order by d.hour, d.tenant, d.project, d.database, d.meter
    returning 1
  )
  select count(*)::int as written from written`;

const addTo = (table: string, unit: "day" | "month") => `
  insert into usage_${table} as sums (${unit}, tenant, project, database, meter, commits, quantity, records, first, last)
  select date_trunc('${unit}', window_start, 'UTC'), tenant, project, database, meter, commits, sum(quantity), count(*),
    min(window_start), max(window_end)
  from fresh group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3, 4, 5, 6
  on conflict (${unit}, tenant, project, database, meter, commits) do update set
    quantity = sums.quantity + excluded.quantity, records = sums.records + excluded.records,
    first = least(sums.first, excluded.first), last = greatest(sums.last, excluded.last)`;

const foldText = `
  with fresh as materialized (
    select * from usage_records where seq > (select seq from usage_folded) order by seq limit $1
  ), days as (${addTo("days", "day")}), months as (${addTo("months", "month")}), moved as (
    update usage_folded set seq = greatest(seq, (select max(seq) from fresh)) where exists (select from fresh)
  )
  select count(*)::int as folded from fresh`;

/**
 * Forgets samples, traffic and readings of before that time; their hours were rolled up and are final. The newest reading of a series
 * stays: a gap begins there.
 */
export async function pruneSamples(sql: Sql, beforeMs: number): Promise<void> {
  const before = [new Date(beforeMs)];
  await sql.query("delete from usage_traffic where at < $1", before);
  await sql.query("delete from usage_samples where slot < $1", before);
  await sql.query(
    `delete from usage_readings r where at < $1 and exists (select from usage_readings n
       where n.instance = r.instance and n.meter = r.meter and n.source = r.source and n.at > r.at)`,
    before,
  );
}
