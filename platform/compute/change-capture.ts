/**
 * How changed rows are taken down for webhooks and realtime (docs/realtime.md): triggers on the declared tables write to an outbox in the
 * schema `nebula_changes`, in the transaction of the change. Makes schema, roles and triggers what is wanted; reads nothing of it.
 *
 * 1. Nothing that a tenant wrote runs as anybody who may do more than the tenant. Rows become JSON in a function of a role without any
 *    right (a tenant's cast to json runs there); only the trigger's own function may write to the outbox, and only an administrator may
 *    put that on a table. So nobody forges a change.
 * 2. What cannot be turned into JSON is taken down without its columns, and what is too long with its key; a change is never refused
 *    because of us.
 * 3. The outbox is bounded: beyond it changes are counted, and their receivers are told that so many are missing.
 * 4. A declared table has its trigger in the transaction that makes the table, and gets it back in the one that takes it away. Its name
 *    is reserved: a trigger of the tenant's that takes it is dropped.
 */
import { type ApiSpec, changeEvents } from "../spec/index.ts";
import { quoteIdent, quoteLiteral, type Sql } from "../sql/index.ts";
import { changesSchemaTaken } from "./errors.ts";

/** Logs in for the gateway, and owns what a trigger runs. */
export const changesLogin = "nebula_changes";
/** Turns rows into JSON. Has no right at all. */
const jsonRole = "nebula_json";

const longestRowBytes = 65_536;
const mostWaiting = 100_000;

export type CapturedTable = { readonly schema: string; readonly table: string; readonly events: readonly string[] };

/** Tables whose changes somebody waits for; of each what happens to its rows. */
export function capturedTables(api: ApiSpec | undefined): readonly CapturedTable[] {
  const events = new Map<string, Set<string>>();
  const want = (name: string, these: readonly string[]) =>
    events.set(name, new Set([...(events.get(name) ?? []), ...these]));
  for (const { table, events: these } of api?.webhooks ?? []) want(table, these);
  for (const table of api?.realtime ?? []) want(table, changeEvents);
  return [...events].sort().map(([name, these]) => {
    const dot = name.indexOf(".");
    return { schema: name.slice(0, dot), table: name.slice(dot + 1), events: [...these].sort() };
  });
}

/** Beside the roles, in their transaction. Nothing where nothing is declared and never was. */
export async function syncCapture(sql: Sql, api: ApiSpec | undefined, ownerRole: string): Promise<readonly string[]> {
  const tables = capturedTables(api);
  const { there, mine, version, wanted } = await sql.one<Seen>(looking, [changesLogin]);
  if (!there && tables.length === 0) return [];
  if (there && !mine) throw changesSchemaTaken("the schema nebula_changes was not made by NebulaDB");
  const text = JSON.stringify(tables);
  const made = there && version === currentVersion;
  if (made && wanted === text) return [];
  await sql.query("set local client_min_messages = warning");
  // a tenant that holds a lock on its table is not waited for: what is left is made by the next look
  await sql.query("set local lock_timeout = '10s'");
  if (!made) for (const one of statements(ownerRole)) await sql.query(one);
  await sql.query(`select nebula_changes.want(${quoteLiteral(text)}::jsonb)`);
  await sql.query(`comment on schema nebula_changes is ${quoteLiteral(`${currentVersion} ${text}`)}`);
  return [tables.length === 0 ? "take no changes down" : `take changes of ${tables.length} tables down`];
}

type Seen = {
  readonly there: boolean;
  readonly mine: boolean;
  readonly version: string | null;
  readonly wanted: string | null;
};

/** What was made last stands in the schema's comment, which only its owner writes. */
const looking = `select count(n.oid) > 0 as there, coalesce(bool_and(n.nspowner = current_user::regrole), false) as mine,
    max(split_part(d.text, ' ', 1)) as version, max(substr(d.text, strpos(d.text, ' ') + 1)) as wanted
  from pg_namespace n left join lateral (select obj_description(n.oid, 'pg_namespace')) d(text) on true
  where n.nspname = $1`;

/** Changes with `statements`. */
const currentVersion = "1";

const body = (text: string) => quoteLiteral(text.replace(/\n\s+/g, " ").trim());
const safely = "set search_path = pg_catalog, pg_temp";
/** However the session that changes a row writes its values, they are taken down the same way, and whole. */
const exactly =
  "set timezone = 'UTC' set datestyle = 'ISO' set intervalstyle = 'postgres' set extra_float_digits = 1 set bytea_output = 'hex'";
/** Triggers of one moment run by their names' bytes, and one of the tenant's may change the row again: ours is before it. */
const triggerName = "!nebula_changes";

const statements = (ownerRole: string): readonly string[] => [
  "create schema if not exists nebula_changes",
  `do ${quoteLiteral(`begin
    if to_regrole('${jsonRole}') is null then create role ${jsonRole}; end if; end`)}`,
  `alter role ${jsonRole} nologin noinherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls`,
  ...tables,
  `create or replace function nebula_changes.row_json(r record) returns jsonb language plpgsql security definer ${safely} ${exactly} as ${body(
    "begin return to_jsonb(r); exception when others then return null; end",
  )}`,
  // of a row that is too long
  `create or replace function nebula_changes.row_key(relation oid, r jsonb) returns jsonb language sql stable strict ${safely} as ${body(
    `select jsonb_object_agg(a.attname, r -> a.attname::text) from pg_index i
       join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey::int2[]) where i.indrelid = relation and i.indisprimary`,
  )}`,
  `create or replace function nebula_changes.capture() returns trigger language plpgsql security definer ${safely} as ${body(
    `declare
       number bigint := nextval('nebula_changes.outbox_id');
       after jsonb;
       before jsonb;
       is_cut boolean;
     begin
       if number > (select drained from nebula_changes.progress) + ${mostWaiting} then
         perform nextval('nebula_changes.lost');
       else
         if tg_op <> 'DELETE' then after := nebula_changes.row_json(new); end if;
         if tg_op <> 'INSERT' then before := nebula_changes.row_json(old); end if;
         is_cut := greatest(pg_column_size(after), pg_column_size(before)) > ${longestRowBytes};
         if is_cut then
           after := nebula_changes.row_key(tg_relid, after);
           before := nebula_changes.row_key(tg_relid, before);
         end if;
         insert into nebula_changes.outbox (id, relid, relation, op, record, old, cut)
           values (number, tg_relid, tg_argv[0] || '.' || tg_argv[1], lower(tg_op), after, before, coalesce(is_cut, false));
       end if;
       perform pg_notify('nebula_changes', '');
       return null;
     end`,
  )}`,
  `alter function nebula_changes.row_json(record) owner to ${jsonRole}`,
  `alter function nebula_changes.capture() owner to ${changesLogin}`,
  ...attaching,
  "revoke all on schema nebula_changes from public",
  "revoke all on all functions in schema nebula_changes from public",
  `grant execute on function nebula_changes.row_json(record), nebula_changes.row_key(oid, jsonb) to ${changesLogin}`,
  `grant usage on schema nebula_changes to ${changesLogin}, ${jsonRole}`,
  `grant select, insert, update, delete on all tables in schema nebula_changes to ${changesLogin}`,
  `revoke insert, update, delete on nebula_changes.wanted from ${changesLogin}`,
  `grant select, usage on all sequences in schema nebula_changes to ${changesLogin}`,
  // its own rows are there; and a dump of the whole database reads every table
  `grant usage on schema nebula_changes to ${quoteIdent(ownerRole)}`,
  `grant select on all tables in schema nebula_changes to ${quoteIdent(ownerRole)}`,
  `grant select on all sequences in schema nebula_changes to ${quoteIdent(ownerRole)}`,
];

const tables = [
  "create sequence if not exists nebula_changes.outbox_id",
  "create sequence if not exists nebula_changes.lost",
  "create sequence if not exists nebula_changes.seq",
  `create table if not exists nebula_changes.outbox (
     id bigint primary key, at timestamptz not null default clock_timestamp(), relid oid not null, relation text not null,
     op text not null, record jsonb, old jsonb, cut boolean not null)
     with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)`,
  `create table if not exists nebula_changes.progress (
     one boolean primary key default true check (one), drained bigint not null default 0, lost bigint not null default 0,
     database text)`,
  "insert into nebula_changes.progress default values on conflict do nothing",
  `create table if not exists nebula_changes.changes (
     seq bigint primary key, at timestamptz not null, relation text not null, op text not null, key jsonb, record jsonb, old jsonb)`,
  `create table if not exists nebula_changes.deliveries (
     webhook text not null, seq bigint not null, key text not null, id text not null, state text not null default 'waiting',
     attempts int not null default 0, due_at timestamptz not null default clock_timestamp(), tried_at timestamptz, status int, error text,
     primary key (webhook, seq))`,
  "create index if not exists deliveries_due on nebula_changes.deliveries (due_at, seq) where state = 'waiting'",
  "create index if not exists deliveries_key on nebula_changes.deliveries (webhook, key) where state = 'waiting'",
  "create index if not exists deliveries_seq on nebula_changes.deliveries (seq)",
  `create table if not exists nebula_changes.wanted (
     schema_name name, table_name name, events text[] not null, primary key (schema_name, table_name))`,
  // of a partitioned table its leaves: a trigger on the whole would be cloned by whoever makes a partition, who may not use our function
  `create or replace view nebula_changes.targets as
     select w.schema_name, w.table_name, w.events, l.oid as relid from nebula_changes.wanted w
       join pg_catalog.pg_namespace n on n.nspname = w.schema_name
       join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = w.table_name and c.relkind in ('r', 'p')
       join pg_catalog.pg_class l on l.relkind = 'r' and l.relpersistence <> 't'
         and (l.oid = c.oid or l.oid in (select t.relid from pg_catalog.pg_partition_tree(c.oid) t where t.isleaf))`,
];

/**
 * Runs as our administrator, also in the transaction of a tenant who changes a table: it calls nothing but what `pg_catalog` has, on names
 * that the catalogue has, and puts a trigger of ours there or takes one away. Its own `alter table` comes back to it, and finds nothing
 * to do.
 */
const attaching = [
  `create or replace function nebula_changes.attach() returns void language plpgsql security definer ${safely} as ${body(
    `declare one record;
     begin
       for one in
         select n.nspname, c.relname, t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
         where (t.tgname = '${triggerName}' or t.tgfoid = 'nebula_changes.capture()'::regprocedure) and t.tgparentid = 0
           and not exists (select from nebula_changes.targets w where w.relid = c.oid
             and t.tgname = '${triggerName}' and t.tgfoid = 'nebula_changes.capture()'::regprocedure and t.tgenabled = 'O'
             and t.tgargs = convert_to(w.schema_name, 'UTF8') || decode('00', 'hex') || convert_to(w.table_name, 'UTF8') || decode('00', 'hex')
             and t.tgtype = 1 + case when 'insert' = any(w.events) then 4 else 0 end + case when 'delete' = any(w.events) then 8 else 0 end
               + case when 'update' = any(w.events) then 16 else 0 end)
       loop
         execute format('drop trigger if exists %I on %I.%I', one.tgname, one.nspname, one.relname);
       end loop;
       for one in
         select w.*, n.nspname, c.relname, array_to_string(w.events, ' or ') as moments from nebula_changes.targets w
           join pg_class c on c.oid = w.relid join pg_namespace n on n.oid = c.relnamespace
         where not exists (select from pg_trigger t where t.tgrelid = w.relid and t.tgname = '${triggerName}')
       loop
         execute format('create or replace trigger %I after %s on %I.%I for each row execute function nebula_changes.capture(%L, %L)',
           '${triggerName}', one.moments, one.nspname, one.relname, one.schema_name, one.table_name);
       end loop;
     end`,
  )}`,
  `create or replace function nebula_changes.want(said jsonb) returns void language plpgsql ${safely} as ${body(
    `begin
       delete from nebula_changes.wanted;
       insert into nebula_changes.wanted
         select one ->> 'schema', one ->> 'table', array(select jsonb_array_elements_text(one -> 'events')) from jsonb_array_elements(said) one;
       perform nebula_changes.attach();
     end`,
  )}`,
  `create or replace function nebula_changes.on_ddl() returns event_trigger language plpgsql security definer ${safely} as ${body(
    "begin perform nebula_changes.attach(); end",
  )}`,
  "drop event trigger if exists nebula_changes_ddl",
  "drop event trigger if exists nebula_changes_drop",
  `create event trigger nebula_changes_ddl on ddl_command_end
     when tag in ('CREATE SCHEMA', 'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE TRIGGER', 'ALTER TABLE', 'ALTER SCHEMA',
       'ALTER TRIGGER')
     execute function nebula_changes.on_ddl()`,
  `create event trigger nebula_changes_drop on sql_drop when tag in ('DROP TRIGGER') execute function nebula_changes.on_ddl()`,
];
