/**
 * What lies in a database's schema `nebula_changes`: the outbox that triggers write, changes in their order, and deliveries. Every
 * operation is one script, and so one transaction.
 *
 * 1. A change leaves the outbox in the transaction that gives it its number and its deliveries: none is lost between, none comes twice.
 * 2. Numbers are given in the order in which changes were made, of those that are committed: what two transactions did to one row stands
 *    in its order, because the second waited for the first.
 * 3. Times are a statement's, never a row's: messages of one row that wait together are due together.
 * 4. What a copy of another database brought with it is told to nobody.
 */
import type { ScriptEnd, Step } from "../../platform/sql/index.ts";
import { changesUnreadable } from "./errors.ts";
import type { Change, DeliveryState, DeliveryView, Due, Listened, Webhook } from "./types.ts";

export type Runs = (steps: readonly Step[]) => Promise<ScriptEnd>;

type Row = readonly (string | null)[];

async function rowsOf(run: Runs, steps: readonly Step[]): Promise<readonly (readonly Row[])[]> {
  const end = await run(steps);
  if (end.kind === "refused") throw changesUnreadable(`${end.error.code}: ${end.error.message}`);
  return end.results.map(({ rows }) => rows);
}

const portion = 500;

/** Settles what is left of a copy, and of receivers that are not declared any more. */
export async function settle(run: Runs, { id, webhooks }: Listened): Promise<void> {
  const isCopy = "(select database is distinct from $1 and database is not null from nebula_changes.progress)";
  await rowsOf(run, [
    { text: "select 1 from nebula_changes.progress for update" },
    { text: `delete from nebula_changes.outbox where ${isCopy}`, values: [id] },
    {
      text: `update nebula_changes.deliveries set state = 'dropped', error = case when ${isCopy} then 'of the database that this is a copy of'
        else 'the webhook is not declared any more' end
        where state = 'waiting' and (${isCopy} or not webhook = any($2::text[]))`,
      values: [id, listed(webhooks.map((one) => one.id))],
    },
    { text: "update nebula_changes.progress set database = $1 where database is distinct from $1", values: [id] },
  ]);
}

/** Numbers what is committed, at most so many. How many; fewer than `portion`: that was all. */
export async function number(run: Runs, { webhooks }: Listened): Promise<{ moved: number; isAll: boolean }> {
  const receivers = JSON.stringify(webhooks.map(({ id, table, events }) => ({ id, relation: table, events })));
  const results = await rowsOf(run, [
    { text: "select 1 from nebula_changes.progress for update" },
    { text: gaps, values: [receivers] },
    { text: numbering, values: [receivers] },
  ]);
  const moved = Number(results[2]?.[0]?.[0] ?? 0);
  return { moved: moved + Number(results[1]?.[0]?.[0] ?? 0), isAll: moved < portion };
}

const receiving = "jsonb_to_recordset($1::jsonb) as w(id text, relation text, events text[])";
const freshId = "'msg_' || replace(gen_random_uuid()::text, '-', '')";

const gaps = `with seen as materialized (select l.last_value as lost, l.last_value - p.lost as missing
    from nebula_changes.lost l, nebula_changes.progress p where l.is_called and l.last_value > p.lost),
  more as (update nebula_changes.progress p set lost = seen.lost from seen returning seen.missing),
  told as (insert into nebula_changes.changes (seq, at, relation, op, record)
    select nextval('nebula_changes.seq'), statement_timestamp(), '*', 'gap', jsonb_build_object('lost', missing) from more returning seq),
  sent as (insert into nebula_changes.deliveries (webhook, seq, key, id) select w.id, t.seq, '', ${freshId} from told t, ${receiving})
  select count(*) from told`;

const numbering = `with taken as (delete from nebula_changes.outbox where id in
    (select id from nebula_changes.outbox order by id limit ${portion}) returning *),
  keyed as (select t.*, (select jsonb_object_agg(a.attname, coalesce(t.record, t.old) -> a.attname::text) from pg_index i
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey::int2[])
      where i.indrelid = t.relid and i.indisprimary and coalesce(t.record, t.old) is not null) as key from taken t),
  kept as (insert into nebula_changes.changes (seq, at, relation, op, key, record, old)
    select nextval('nebula_changes.seq'), at, relation, op, key, case when not cut then record end, case when not cut then old end
      from (select * from keyed order by id) k
    returning seq, relation, op, case when length(key::text) > 200 then md5(key::text) else coalesce(key::text, '') end as key),
  sent as (insert into nebula_changes.deliveries (webhook, seq, key, id, due_at)
    select w.id, k.seq, k.key, ${freshId}, greatest(statement_timestamp(), (select max(d.due_at) from nebula_changes.deliveries d
      where d.webhook = w.id and d.key = k.key and d.state = 'waiting'))
    from kept k join ${receiving} on w.relation = k.relation and k.op = any(w.events)),
  mark as materialized (select case when (select count(*) from taken) < ${portion} then (select last_value from nebula_changes.outbox_id)
    else (select max(id) from taken) end as drained),
  marked as (update nebula_changes.progress p set drained = mark.drained from mark where p.drained < mark.drained)
  select count(*) from kept`;

const moment = (expression: string) => `to_char(${expression} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** What is due, oldest first, but for receivers that are left alone. */
export async function due(run: Runs, resting: readonly string[], most: number): Promise<readonly Due[]> {
  const [rows = []] = await rowsOf(run, [
    {
      text: `select d.webhook, d.seq, d.key, d.id, d.attempts, round(extract(epoch from statement_timestamp() - c.at) * 1000),
          jsonb_build_object('type', case c.op when 'gap' then 'gap' else c.relation || '.' || c.op end, 'timestamp', ${moment("c.at")},
            'data', jsonb_build_object('table', case c.op when 'gap' then '*' else c.relation end, 'event', c.op, 'number', c.seq, 'key', c.key, 'record', c.record, 'old', c.old))
        from nebula_changes.deliveries d join nebula_changes.changes c using (seq)
        where d.state = 'waiting' and d.due_at <= statement_timestamp() and not d.webhook = any($1::text[])
        order by d.seq limit $2::int`,
      values: [listed(resting), String(most)],
      name: "changes_due",
    },
  ]);
  return rows.map(([webhook, seq, key, messageId, attempts, ageMs, body]) => ({
    ...{ webhook: webhook ?? "", seq: seq ?? "", key: key ?? "", messageId: messageId ?? "", body: body ?? "" },
    ...{ attempts: Number(attempts), ageMs: Number(ageMs) },
  }));
}

/** In how many milliseconds the next message of each receiver is due. */
export async function nextDue(run: Runs): Promise<ReadonlyMap<string, number>> {
  const [rows = []] = await rowsOf(run, [
    {
      text: `select webhook, greatest(0, extract(epoch from min(due_at) - statement_timestamp()) * 1000)
        from nebula_changes.deliveries where state = 'waiting' group by webhook`,
    },
  ]);
  return new Map(rows.map(([webhook, ms]) => [webhook ?? "", Number(ms)]));
}

export type Tried = Pick<Due, "webhook" | "seq" | "key"> & {
  readonly status: number;
  readonly error: string | null;
  readonly next: "delivered" | "dead" | { readonly afterMs: number };
};

/** Later messages of a key wait with the one that failed. */
export async function note(run: Runs, { webhook, seq, key, status, error, next }: Tried): Promise<void> {
  const state = typeof next === "string" ? next : "waiting";
  const steps: Step[] = [
    {
      text: `update nebula_changes.deliveries set state = $3, attempts = attempts + 1, tried_at = statement_timestamp(), status = $4::int,
        error = $5 where webhook = $1 and seq = $2::bigint`,
      values: [webhook, seq, state, status === 0 ? null : String(status), error],
      name: "changes_note",
    },
  ];
  if (typeof next !== "string")
    steps.push({
      text: `update nebula_changes.deliveries set due_at = statement_timestamp() + $3::float8 * interval '1 ms'
        where webhook = $1 and key = $2 and state = 'waiting'`,
      values: [webhook, key, String(next.afterMs)],
    });
  await rowsOf(run, steps);
}

/** Gives up on what is older than a day, of receivers that are left alone: they are not asked about each of their messages first. */
export async function expire(run: Runs, resting: readonly string[]): Promise<void> {
  if (resting.length === 0) return;
  await rowsOf(run, [
    {
      text: `update nebula_changes.deliveries d set state = 'dead', error = coalesce(d.error, 'the receiver took nothing for a day')
        from nebula_changes.changes c where c.seq = d.seq and d.state = 'waiting' and d.webhook = any($1::text[])
          and c.at < statement_timestamp() - interval '1 day'`,
      values: [listed(resting)],
    },
  ]);
}

/**
 * Lets go of what nobody waits for any more after three days, and of what is beyond the last `most` even when somebody waits,
 * who gets a gap with the number instead. The newest stays: it says how far numbers are.
 */
export async function prune(run: Runs, most: number): Promise<void> {
  await rowsOf(run, [
    { text: "select 1 from nebula_changes.progress for update" },
    {
      text: `with newest as (select max(seq) as seq from nebula_changes.changes),
        gone as (delete from nebula_changes.changes c using newest where c.seq < newest.seq and (c.seq < newest.seq - $1::bigint
          or c.at < statement_timestamp() - interval '3 days'
            and not exists (select from nebula_changes.deliveries d where d.seq = c.seq and d.state = 'waiting')) returning c.seq),
        untold as (delete from nebula_changes.deliveries d using gone where d.seq = gone.seq returning d.webhook, d.state),
        missing as (select webhook, count(*) as lost from untold where state = 'waiting' group by webhook),
        told as (insert into nebula_changes.changes (seq, at, relation, op, record)
          select nextval('nebula_changes.seq'), statement_timestamp(), webhook, 'gap', jsonb_build_object('lost', lost) from missing
          returning seq, relation)
        insert into nebula_changes.deliveries (webhook, seq, key, id) select relation, seq, '', ${freshId} from told`,
      values: [String(most)],
    },
  ]);
}

/** The last number that was given. */
export async function lastNumber(run: Runs): Promise<string> {
  const [rows = []] = await rowsOf(run, [{ text: "select coalesce(max(seq), 0) from nebula_changes.changes" }]);
  return rows[0]?.[0] ?? "0";
}

export type Page = {
  /** False: some after that number were let go of, or it is none of this database's. */
  readonly isKept: boolean;
  readonly changes: readonly Change[];
  /** What to go on from; beyond the last change here where others are another table's. */
  readonly upTo: string;
};

/** Of one table, after a number; a gap in what was taken down (`*`) is everybody's, one in what a receiver was to be told is its own. */
export async function changesAfter(run: Runs, relation: string, after: string, most: number): Promise<Page> {
  const [bounds = [], rows = []] = await rowsOf(run, [
    { text: "select min(seq), max(seq) from nebula_changes.changes" },
    {
      text: `select seq, op, key, (select jsonb_object_agg(k, v #>> '{}') from jsonb_each(key) as e(k, v)), record ->> 'lost'
        from nebula_changes.changes where seq > $2::bigint and relation in ($1, '*') order by seq limit $3::int`,
      values: [relation, after, String(most)],
      name: "changes_after",
    },
  ]);
  const changes = rows.map(
    ([seq, op, text, values, lost]): Change => ({
      ...{ seq: seq ?? "", op: op as Change["op"] },
      key: text == null ? null : { text, values: parsed(values) as Readonly<Record<string, string>> },
      lost: op === "gap" ? Number(lost) : 0,
    }),
  );
  const [min, max] = [BigInt(bounds[0]?.[0] ?? 1), BigInt(bounds[0]?.[1] ?? 0)];
  const [from, last] = [BigInt(after), BigInt(changes.at(-1)?.seq ?? 0)];
  const isAll = changes.length < most && max > last;
  return { isKept: from <= max && from + 1n >= min, changes, upTo: String(isAll ? max : last) };
}

export async function countStates(run: Runs): Promise<ReadonlyMap<string, Readonly<Record<string, number>>>> {
  const [rows = []] = await rowsOf(run, [
    { text: "select webhook, state, count(*) from nebula_changes.deliveries group by 1, 2" },
  ]);
  const all = new Map<string, Record<string, number>>();
  for (const [webhook, state, count] of rows) {
    const one = all.get(webhook ?? "") ?? {};
    one[state ?? ""] = Number(count);
    all.set(webhook ?? "", one);
  }
  return all;
}

export type DeliveryFilter = {
  readonly webhook: string | null;
  readonly state: DeliveryState | null;
  /** Only older ones. */
  readonly before: string | null;
  readonly limit: number;
};

/** Newest first. */
export async function deliveries(run: Runs, filter: DeliveryFilter): Promise<readonly DeliveryView[]> {
  const [rows = []] = await rowsOf(run, [
    {
      text: `select d.webhook, d.seq, d.id, case c.op when 'gap' then 'gap' else c.relation || '.' || c.op end, c.key, ${moment("c.at")}, d.state, d.attempts,
          case d.state when 'waiting' then ${moment("d.due_at")} end, d.status, d.error
        from nebula_changes.deliveries d join nebula_changes.changes c using (seq)
        where ($1::text is null or d.webhook = $1) and ($2::text is null or d.state = $2) and ($3::bigint is null or d.seq < $3::bigint)
        order by d.seq desc, d.webhook limit $4::int`,
      values: [filter.webhook, filter.state, filter.before, String(filter.limit)],
    },
  ]);
  return rows.map(([webhook, seq, messageId, event, key, at, state, attempts, dueAt, status, error]) => ({
    ...{ webhook: webhook ?? "", seq: seq ?? "", messageId: messageId ?? "", event: event ?? "", key: parsed(key) },
    ...{ at: at ?? "", state: state as DeliveryState, attempts: Number(attempts), dueAt: dueAt ?? null },
    ...{ status: status == null ? null : Number(status), error: error ?? null },
  }));
}

/** Sends again what is dead, or the given ones whatever became of them, under the ids that they had. How many. */
export async function replay(run: Runs, webhook: Webhook["id"], numbers: readonly string[] | null): Promise<number> {
  const [rows = []] = await rowsOf(run, [
    {
      text: `with again as (update nebula_changes.deliveries set state = 'waiting', attempts = 0, due_at = statement_timestamp(), error = null
          where webhook = $1 and ($2::bigint[] is null and state = 'dead' or seq = any($2::bigint[])) and state <> 'waiting' returning 1)
        select count(*) from again`,
      values: [webhook, numbers === null ? null : listed(numbers)],
    },
  ]);
  return Number(rows[0]?.[0] ?? 0);
}

const listed = (texts: readonly string[]): string =>
  `{${texts.map((text) => `"${text.replace(/["\\]/g, "\\$&")}"`).join(",")}}`;

const parsed = (text: string | null | undefined): Record<string, unknown> | null =>
  text == null ? null : (JSON.parse(text) as Record<string, unknown>);
