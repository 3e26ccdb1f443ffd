import type { Sql } from "../../sql/index.ts";
import { asked, askedFor, placed, type UsageFilter, withinNames } from "./filter.ts";
import { readingHoldsMs, type Series } from "./readings.ts";

/**
 * Why there is no sample:
 * - unwatched: nobody looked. What was awake is taken from the database's own journal, or from the server that ran all the time; its size
 *   is that of the next look. It is in the records.
 * - unproved: a server ended and nobody saw when. It counts until it was seen last; the rest is in no record.
 * - too-late: longer ago than hours may still change. In no record.
 * - clock: the machine's clock was set ahead. No time passed for anybody.
 * - gone: from the last look until the database was removed. In no record.
 * - unreported: nothing came from outside for longer than a reading holds. In no record.
 */
export type GapReason = "unwatched" | "unproved" | "too-late" | "clock" | "gone" | "unreported";

export type UsageGap = {
  readonly instance: string;
  /** null: all that is sampled. */
  readonly meter: string | null;
  /** Whose counter it is. Default: nobody's. */
  readonly source?: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly reason: GapReason;
};

export type ListedGap = {
  readonly tenant: string;
  readonly project: string;
  readonly database: string;
  readonly meter: string | null;
  readonly from: Date;
  /** null: it goes on. */
  readonly to: Date | null;
  readonly reason: GapReason;
};

/** Notes gaps; one that is there already grows, and is never taken back. */
export async function putGaps(sql: Sql, gaps: readonly UsageGap[]): Promise<void> {
  if (gaps.length === 0) return;
  await sql.query(
    `insert into usage_gaps as held (instance, meter, source, gap_from, gap_to, reason)
     select instance, meter, source, gap_from, max(gap_to), reason
     from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[])
       as g (instance, meter, source, gap_from, gap_to, reason)
     group by 1, 2, 3, 4, 6 order by 1, 2, 3, 4, 6
     on conflict (instance, meter, source, gap_from, reason) do update set gap_to = excluded.gap_to where held.gap_to < excluded.gap_to`,
    [
      gaps.map(({ instance }) => instance),
      gaps.map(({ meter }) => meter ?? ""),
      gaps.map(({ source }) => source ?? ""),
      gaps.map(({ fromMs }) => new Date(fromMs)),
      gaps.map(({ toMs }) => new Date(toMs)),
      gaps.map(({ reason }) => reason),
    ],
  );
}

/** Puts the gaps of one series that readings leave in the place of those that they left before. */
export async function replaceGaps(
  tx: Sql,
  { instance, meter, source }: Series,
  before: readonly { readonly fromMs: number }[],
  after: readonly { readonly fromMs: number; readonly toMs: number }[],
): Promise<void> {
  if (before.length > 0)
    await tx.query(
      `delete from usage_gaps where instance = $1 and meter = $2 and source = $3 and reason = 'unreported'
         and gap_from = any($4::timestamptz[])`,
      [instance, meter, source, before.map(({ fromMs }) => new Date(fromMs))],
    );
  await putGaps(
    tx,
    after.map((gap) => ({ ...gap, instance, meter, source, reason: "unreported" as const })),
  );
}

/** When each of these databases was removed, of those that are. */
export async function removedAt(sql: Sql, instances: readonly string[]): Promise<ReadonlyMap<string, number>> {
  if (instances.length === 0) return new Map();
  const rows = await sql.query<{ id: string; at: Date }>(
    "select id, removed_at as at from instances where id = any($1) and phase = 'Removed' and removed_at is not null",
    [instances],
  );
  return new Map(rows.map(({ id, at }) => [id, at.getTime()]));
}

/** Without a sample for so long a database is in a gap that goes on. */
const silentMs = 5 * 60_000;

/**
 * Gaps that overlap a span, the newest first; those that go on at `nowMs` among them: of a database that costs something and whose newest
 * sample is old, or that was never looked at; of a meter that was reported once and is not any more.
 */
export const listGaps = (
  sql: Sql,
  filter: UsageFilter & { readonly nowMs: number },
  limit = 1000,
): Promise<readonly ListedGap[]> =>
  sql.query(listText, [
    ...askedFor(filter),
    new Date(filter.fromMs),
    new Date(filter.toMs),
    new Date(filter.nowMs),
    new Date(filter.nowMs - silentMs),
    limit,
    ...withinNames(filter),
    new Date(filter.nowMs - readingHoldsMs.level),
    new Date(filter.nowMs - readingHoldsMs.counter),
  ]);

/** Each series that was ever reported, found by its first reading: one look into the index a series, however many readings it has. */
const series = `
  series as (
    (select instance, meter, source from usage_readings where instance >= $13::text and instance < $14::text order by 1, 2, 3 limit 1)
    union all
    select next.* from series s, lateral (
      select instance, meter, source from usage_readings r
      where (r.instance, r.meter, r.source) > (s.instance, s.meter, s.source) and r.instance < $14::text order by 1, 2, 3 limit 1) next
  ), reported as (
    select ${placed.replaceAll("instance", "s.instance")}, s.meter collate "default" as meter, last.at, case last.kind when 'level' then $15::timestamptz else $16::timestamptz end as silent
    from series s join instances i on i.id = s.instance and i.phase in ('Ready', 'Paused', 'Retired'), lateral (
      select at, kind from usage_readings r where r.instance = s.instance and r.meter = s.meter and r.source = s.source
      order by at desc limit 1) last
  )`;

const listText = `
  with recursive ${series}
  select tenant, project, database, meter, gap_from as "from", gap_to as "to", reason
  from (
    select ${placed}, nullif(meter, '') as meter, gap_from, gap_to, reason from usage_gaps where gap_to > $8 and gap_from < $9
    union all
    select split_part(i.id, '.', 1), split_part(i.id, '.', 2), split_part(i.id, '.', 3), null, seen.until, null, 'unwatched'
    from instances i left join lateral (
      select s.measured_until as until from usage_samples s where s.instance = i.id order by s.slot desc limit 1) last on true,
      lateral (select coalesce(last.until, i.created_at) as until) seen
    where i.phase in ('Ready', 'Paused', 'Retired') and (last.until is not null or i.placement = 'local')
      and seen.until < $11 and seen.until < $9 and $10 > $8
    union all
    select tenant, project, database, meter, at, null, 'unreported' from reported where at < silent and at < $9 and $10 > $8
  ) gaps
  where ${asked} order by gap_from desc, tenant, project, database limit $12`;
