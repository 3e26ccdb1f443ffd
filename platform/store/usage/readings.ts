import type { Sql } from "../../sql/index.ts";

/** How far apart two readings may be to say what was between them. */
export const readingHoldsMs = { level: 15 * 60_000, counter: 24 * 3_600_000 } as const;

/** A level or the state of a counter at a moment. */
export type Reading = {
  readonly instance: string;
  readonly meter: string;
  /** Who counted: counters of two are two. A level has '': it is the database's, whoever says it. */
  readonly source: string;
  readonly atMs: number;
  readonly kind: "level" | "counter";
  /** Whole millionths of what it counts. */
  readonly micros: bigint;
  /** Another one of a counter: it began anew. */
  readonly epoch: string;
  readonly commit: string | null;
  readonly event: string;
};

export type Series = { readonly instance: string; readonly meter: string; readonly source: string };

/**
 * Holds these series until the transaction ends: what a reading is worth depends on its neighbours, so one at a time changes them.
 * Locked in one order, so that nobody waits in a circle.
 */
export async function holdSeries(tx: Sql, series: readonly Series[]): Promise<void> {
  await tx.query(
    `select pg_advisory_xact_lock(key) from (
       select distinct hashtextextended(concat_ws(' ', 'nebuladb usage', instance, meter, source), 0) as key
       from unnest($1::text[], $2::text[], $3::text[]) as s (instance, meter, source) order by 1) keys`,
    [series.map(({ instance }) => instance), series.map(({ meter }) => meter), series.map(({ source }) => source)],
  );
}

export type SeriesSpan = Series & { readonly fromMs: number; readonly toMs: number };

/** Readings of each series from the last one before its span to the first one after it; in order within a series. */
export async function readReadings(tx: Sql, spans: readonly SeriesSpan[]): Promise<readonly Reading[]> {
  const rows = await tx.query<Omit<Reading, "atMs" | "micros"> & { at: Date; quantity: string }>(readText, [
    spans.map(({ instance }) => instance),
    spans.map(({ meter }) => meter),
    spans.map(({ source }) => source),
    spans.map(({ fromMs }) => new Date(fromMs)),
    spans.map(({ toMs }) => new Date(toMs)),
  ]);
  return rows.map(({ at, quantity, ...row }) => ({ ...row, atMs: at.getTime(), micros: BigInt(quantity) }));
}

const readText = `
  select r.instance, r.meter, r.source, r.at, r.kind, (r.quantity * 1000000)::numeric(40, 0)::text as quantity, r.epoch, r.commit, r.event
  from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[]) as s (instance, meter, source, since, until),
  lateral (
    select * from usage_readings u
    where u.instance = s.instance and u.meter = s.meter and u.source = s.source
      and u.at >= coalesce((select max(at) from usage_readings
        where instance = s.instance and meter = s.meter and source = s.source and at < s.since), s.since)
      and u.at <= coalesce((select min(at) from usage_readings
        where instance = s.instance and meter = s.meter and source = s.source and at > s.until), s.until)
  ) r
  order by r.instance, r.meter, r.source, r.at`;

/**
 * Writes readings. Of two that say something else of one moment the smaller counts, whichever came first: what they are worth does not
 * depend on the order in which they came.
 */
export async function putReadings(tx: Sql, readings: readonly Reading[]): Promise<void> {
  const column = <T>(read: (reading: Reading) => T) => readings.map(read);
  await tx.query(
    `insert into usage_readings as held (instance, meter, source, at, kind, quantity, epoch, commit, event)
     select distinct on (instance, meter, source, at) instance, meter, source, at, kind, micros * 0.000001, epoch, commit, event
     from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::numeric[], $7::text[], $8::text[], $9::uuid[])
       as r (instance, meter, source, at, kind, micros, epoch, commit, event)
     order by instance, meter, source, at, micros, event
     on conflict (instance, meter, source, at) do update
       set quantity = excluded.quantity, epoch = excluded.epoch, commit = excluded.commit, event = excluded.event
       where (excluded.quantity, excluded.event) < (held.quantity, held.event)`,
    [
      column(({ instance }) => instance),
      column(({ meter }) => meter),
      column(({ source }) => source),
      column(({ atMs }) => new Date(atMs)),
      column(({ kind }) => kind),
      column(({ micros }) => micros.toString()),
      column(({ epoch }) => epoch),
      column(({ commit }) => commit),
      column(({ event }) => event),
    ],
  );
}
