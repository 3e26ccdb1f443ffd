import type { Sql } from "../../sql/index.ts";
import { fileFrom } from "./filing.ts";
import { oneAtATime } from "./roll-up.ts";

/** What somebody measured elsewhere and sent, as it was sent. */
export type StoredEvent = {
  /** UUID of its source and its id there. */
  readonly id: string;
  readonly source: string;
  readonly event: string;
  readonly kind: "delta" | "level" | "counter" | "correction";
  readonly instance: string;
  readonly meter: string;
  /** A delta is of [sinceMs, atMs). */
  readonly sinceMs: number | null;
  readonly atMs: number;
  /** Decimal text. */
  readonly quantity: string;
  readonly epoch: string;
  readonly reason: string | null;
  readonly commit: string | null;
};

/** A part of what was used, in one hour. */
export type UsedPart = {
  readonly instance: string;
  readonly meter: string;
  readonly atMs: number;
  readonly commit: string | null;
  /** In whole millionths of a grain. */
  readonly micros: bigint;
  readonly grain: number;
};

/** Keeps events and returns the ids of those that were not there. One that is there stays as it is. */
export async function keepEvents(sql: Sql, events: readonly StoredEvent[]): Promise<ReadonlySet<string>> {
  const column = <T>(read: (event: StoredEvent) => T) => events.map(read);
  const rows = await sql.query<{ id: string }>(
    `insert into usage_events (id, source, event, kind, instance, meter, since, at, quantity, epoch, reason, commit)
     select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
       $8::timestamptz[], $9::numeric[], $10::text[], $11::text[], $12::text[])
     order by 1 on conflict (id) do nothing returning id`,
    [
      column(({ id }) => id),
      column(({ source }) => source),
      column(({ event }) => event),
      column(({ kind }) => kind),
      column(({ instance }) => instance),
      column(({ meter }) => meter),
      column(({ sinceMs }) => (sinceMs === null ? null : new Date(sinceMs))),
      column(({ atMs }) => new Date(atMs)),
      column(({ quantity }) => quantity),
      column(({ epoch }) => epoch),
      column(({ reason }) => reason),
      column(({ commit }) => commit),
    ],
  );
  return new Set(rows.map(({ id }) => id));
}

export type KnownEvent = Omit<StoredEvent, "source" | "event" | "commit">;

/** Events that are kept, by id. */
export async function readEvents(sql: Sql, ids: readonly string[]): Promise<ReadonlyMap<string, KnownEvent>> {
  const rows = await sql.query<KnownEvent>(
    `select id, kind, instance, meter, (extract(epoch from since) * 1000)::bigint as "sinceMs",
       (extract(epoch from at) * 1000)::bigint as "atMs", trim_scale(quantity)::text as quantity, epoch, reason
     from usage_events where id = any($1::uuid[])`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** Files parts; what was taken away again by a reading that came late is negative. */
export async function fileParts(sql: Sql, parts: readonly UsedPart[]): Promise<void> {
  if (parts.length === 0) return;
  await sql.query(
    `with used as (
       select instance, at, commit, meter, micros * 0.000001 as amount, grain
       from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::numeric[], $6::bigint[])
         as u (instance, at, commit, meter, micros, grain)
     ) ${fileFrom("used", "reported")}`,
    [
      parts.map(({ instance }) => instance),
      parts.map(({ atMs }) => new Date(atMs)),
      parts.map(({ commit }) => commit),
      parts.map(({ meter }) => meter),
      parts.map(({ micros }) => micros.toString()),
      parts.map(({ grain }) => grain),
    ],
  );
}

/** What an event must fit: whose databases these are. */
export type EventTarget = { readonly id: string; readonly placement: string; readonly commit: string | null };

/** Those of the named databases that are there, or were. */
export async function readEventTargets(
  sql: Sql,
  instances: readonly string[],
): Promise<ReadonlyMap<string, EventTarget>> {
  const rows = await sql.query<EventTarget>("select id, placement, commit from instances where id = any($1)", [
    [...new Set(instances)],
  ]);
  return new Map(rows.map((row) => [row.id, row]));
}

/**
 * Forgets events that came before that time; one of them would be too late now. By the ledger's clock as well: a reconciler whose clock
 * runs ahead does not make a portal take an event twice. Corrections stay.
 */
export const pruneEvents = (sql: Sql, beforeMs: number): Promise<unknown> =>
  sql.query(
    `delete from usage_events
     where arrived_at < least($1::timestamptz, clock_timestamp() - interval '4 days') and kind <> 'correction'`,
    [new Date(beforeMs)],
  );

export type Correction = {
  readonly instance: string;
  readonly meter: string;
  readonly hourMs: number;
  /** Signed, in whole millionths of the meter's unit. */
  readonly micros: bigint;
  readonly grain: number;
  /** Whose it is where the window has no record yet. */
  readonly commit: string | null;
  readonly reason: string;
};

/** `waits`: something of the window is not recorded yet. `overdrawn`: it would take away more than there is. Neither writes anything. */
export type Corrected = "written" | "waits" | "overdrawn";

/**
 * Writes a correction as the next record of its window, however long ago that was. It is of the commit that used the most there; what is
 * taken away comes from the largest first, one record each, so that no commit has used less than nothing.
 */
export const correctRecord = (sql: Sql, correction: Correction): Promise<Corrected> =>
  sql.tx(async (tx) => {
    await tx.query(oneAtATime);
    const { instance, meter, hourMs, micros, grain, commit, reason } = correction;
    const hour = new Date(hourMs);
    const waits = await tx.query(
      "select 1 from usage_pending where hour = $1 and instance = $2 and meter = $3 limit 1",
      [hour, instance, meter],
    );
    if (waits.length > 0) return "waits";
    const rows = await tx.query(correctText, [
      ...instance.split("."),
      ...[meter, hour, commit === null ? [] : [commit], micros.toString(), grain, reason],
    ]);
    return rows.length > 0 ? "written" : "overdrawn";
  });

const correctText = `
  with told as (
    select commits, max(revision) as revision, sum(quantity) as own from usage_records
    where window_start = $5 and tenant = $1 and project = $2 and database = $3 and meter = $4 group by commits
  ), wanted as (
    select $7::numeric * 0.000001 as quantity
  ), ranked as (
    select commits, own,
      coalesce(sum(own) over (order by own desc, commits rows between unbounded preceding and 1 preceding), 0) as before
    from (select commits, greatest(own, 0) as own from told) held
  ), pieces as (
    select coalesce((select commits from ranked order by own desc, commits limit 1), $6::text[]) as commits, quantity
    from wanted where quantity > 0
    union all
    select commits, -least(greatest(-quantity - before, 0), own) from ranked, wanted where quantity < 0
  )
  insert into usage_records (window_start, window_end, tenant, project, database, meter, commits, amount, quantity, source, revision, reason)
  select $5::timestamptz, $5::timestamptz + interval '1 hour', $1, $2, $3, $4, commits, quantity * $8, quantity, 'corrected',
    (select greatest(max(revision), 1) + 1 from told), $9
  from pieces
  where quantity <> 0 and (select coalesce(sum(own), 0) from told) + (select quantity from wanted) >= 0
  order by commits returning 1`;
