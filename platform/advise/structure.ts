import type { AdviceLint } from "./lint.ts";

/** Keys, indexes, constraints and types: what makes a schema slow, or makes it fail one day. */
export const structureLints: readonly AdviceLint[] = [
  {
    id: "unindexed-foreign-key",
    level: "info",
    title: "A foreign key has no index: deletes of what it refers to, and embeds, read the whole table",
    sql: `select r.object, k.name as detail,
        pg_catalog.format('create index concurrently on %s (%s);', r.object, (
          select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname::text), ', ' order by u.place)
          from pg_catalog.unnest(k.conkey) with ordinality u (number, place)
          join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number)) as fix
      from foreign_keys k join relations r on r.oid = k.conrelid
      where not exists (
        select from indexes i where i.indrelid = k.conrelid and i.valid and i.is_plain
          and pg_catalog.cardinality(k.conkey) <= i.key_count
          and (i.keys)[0:pg_catalog.cardinality(k.conkey) - 1] @> k.conkey)`,
  },
  {
    id: "no-primary-key",
    level: "info",
    title: "A table has no primary key: its rows cannot be told apart, put or replicated",
    sql: `select r.object, 'no primary key' as detail,
        pg_catalog.format('alter table %s add column id bigint generated always as identity primary key;', r.object) as fix
      from relations r join pg_catalog.pg_class c on c.oid = r.oid
      where r.kind in ('r', 'p') and not c.relispartition and not exists (
        select from pg_catalog.pg_constraint k where k.conrelid = r.oid and k.contype = 'p')`,
  },
  {
    id: "duplicate-index",
    level: "warn",
    title: "Two indexes are the same: each costs space and every write",
    sql: `select r.object, pg_catalog.string_agg(i.object, ', ' order by i.constrains desc, i.object) as detail,
        pg_catalog.format('drop index concurrently %s;', (pg_catalog.array_agg(i.object order by i.constrains, i.object desc))[1]) as fix
      from indexes i join relations r on r.oid = i.indrelid
      where i.valid and not i.is_part group by r.object, r.oid, i.shape having pg_catalog.count(*) > 1`,
  },
  {
    id: "unused-index",
    level: "info",
    needsHistory: true,
    title: "An index has never been used since the statistics began",
    sql: `select i.object, pg_catalog.pg_size_pretty(pg_catalog.pg_relation_size(i.oid)) || ', no scan of it' as detail,
        pg_catalog.format('drop index concurrently %s;', i.object) as fix
      from indexes i join relations r on r.oid = i.indrelid join pg_catalog.pg_stat_user_indexes u on u.indexrelid = i.oid
      where u.idx_scan = 0 and not i.is_unique and not i.constrains and not i.is_part
        and pg_catalog.pg_relation_size(i.oid) >= 131072`,
  },
  {
    id: "invalid-index",
    level: "warn",
    title: "An index was not built to its end: it is written to and never read",
    sql: `select i.object, 'on ' || r.object as detail, pg_catalog.format('reindex index concurrently %s;', i.object) as fix
      from indexes i join relations r on r.oid = i.indrelid where not i.valid and r.kind <> 'p'`,
  },
  {
    id: "unvalidated-constraint",
    level: "info",
    title: "A constraint holds for new rows only: the old ones were never looked at",
    sql: `select r.object, k.conname::text as detail,
        pg_catalog.format('alter table %s validate constraint %I;', r.object, k.conname) as fix
      from pg_catalog.pg_constraint k join relations r on r.oid = k.conrelid where not k.convalidated`,
  },
  {
    id: "disabled-trigger",
    level: "warn",
    title: "A trigger is switched off: what it was to hold is not held",
    sql: `select r.object, t.tgname::text as detail,
        pg_catalog.format('alter table %s enable trigger %I;', r.object, t.tgname) as fix
      from pg_catalog.pg_trigger t join relations r on r.oid = t.tgrelid where t.tgenabled = 'D' and not t.tgisinternal`,
  },
  {
    id: "sequence-exhaustion",
    level: "warn",
    title: "A column's numbers run out: three quarters of those that it can hold are used",
    sql: `select pg_catalog.format('%s.%I', r.object, a.attname) as object,
        pg_catalog.format('%s of %s', q.last_value, l.most) as detail,
        case d.deptype when 'a' then pg_catalog.format('alter sequence %I.%I as bigint; ', q.schemaname, q.sequencename) else '' end
          || pg_catalog.format('alter table %s alter column %I type bigint;', r.object, a.attname) as fix
      from pg_catalog.pg_sequences q
      join pg_catalog.pg_namespace n on n.nspname = q.schemaname
      join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = q.sequencename
      join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype in ('a', 'i')
      join relations r on r.oid = d.refobjid
      join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum = d.refobjsubid
      cross join lateral (select least(q.max_value, case a.atttypid
        when 'pg_catalog.int2'::pg_catalog.regtype then 32767 when 'pg_catalog.int4'::pg_catalog.regtype then 2147483647
        else 9223372036854775807 end) as most) l
      where not q.cycle and q.last_value > l.most * 0.75`,
  },
  {
    id: "unsupported-reg-types",
    level: "warn",
    title: "A column's type holds numbers of the catalog, which an upgrade to a newer PostgreSQL gives out anew",
    sql: `select pg_catalog.format('%s.%I', r.object, a.attname) as object, pg_catalog.format_type(a.atttypid, null) as detail,
        pg_catalog.format('alter table %s alter column %I type text;', r.object, a.attname) as fix
      from pg_catalog.pg_attribute a join relations r on r.oid = a.attrelid
      where r.kind in ('r', 'p', 'm') and a.attnum > 0 and not a.attisdropped
        and a.atttypid in (select t.oid from pg_catalog.pg_type t where t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
          and t.typname in ('regcollation', 'regconfig', 'regdictionary', 'regnamespace', 'regoper', 'regoperator', 'regproc', 'regprocedure'))`,
  },
  {
    id: "outdated-extension",
    level: "warn",
    title: "An extension is older than the one that comes with the server",
    sql: `select pg_catalog.quote_ident(e.extname::text) as object, pg_catalog.format('%s, and %s is there', e.extversion, a.default_version) as detail,
        pg_catalog.format('alter extension %I update;', e.extname) as fix
      from pg_catalog.pg_extension e join pg_catalog.pg_available_extensions a on a.name = e.extname
      where e.extversion <> a.default_version`,
  },
  {
    id: "table-bloat",
    level: "info",
    needsHistory: true,
    title: "A fifth of a table is dead rows: it is larger and slower than it need be",
    sql: `select r.object, pg_catalog.format('%s dead rows beside %s', u.n_dead_tup, u.n_live_tup) as detail,
        pg_catalog.format('vacuum (analyze) %s;', r.object) as fix
      from pg_catalog.pg_stat_user_tables u join relations r on r.oid = u.relid
      where u.n_dead_tup > 10000 and u.n_dead_tup > 0.2 * (u.n_live_tup + u.n_dead_tup)`,
  },
];
