import type { SchemaFacts } from "./types.ts";

/**
 * One row with one JSON value: `SchemaFacts` of the schemas in $1 (text[]). The catalog alone is read. What extensions made is left out, and
 * functions that no request can call.
 */
export const schemaFactsSql = `
with wanted as (select n.oid, n.nspname::text as name from pg_catalog.pg_namespace n where n.nspname = any ($1::text[])),
members as (select classid, objid from pg_catalog.pg_depend where deptype = 'e'),
relations as (
  select c.oid, w.name as schema, c.relname::text as name, c.relkind::text as kind, c.relispartition as is_part,
    pg_catalog.pg_relation_is_updatable(c.oid, true) as may
  from pg_catalog.pg_class c join wanted w on w.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
    and not exists (select from members m where m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and m.objid = c.oid)
),
columns as (
  select a.attrelid as oid, pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', a.attname, 'type', a.atttypid::int8,
      'isNullable', not a.attnotnull, 'hasDefault', a.atthasdef or a.attidentity <> '',
      'isGenerated', a.attgenerated <> '' or a.attidentity = 'a') order by a.attnum) as list
  from pg_catalog.pg_attribute a join relations r on r.oid = a.attrelid where a.attnum > 0 and not a.attisdropped group by a.attrelid
),
keys as (
  select k.conrelid as oid, pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', k.conname, 'schema', n.nspname, 'relation', t.relname,
      'columns', (select pg_catalog.jsonb_agg(a.attname order by u.place) from pg_catalog.unnest(k.conkey) with ordinality u (number, place)
        join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number),
      'referencedColumns', (select pg_catalog.jsonb_agg(a.attname order by u.place) from pg_catalog.unnest(k.confkey) with ordinality u (number, place)
        join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number),
      'isOneToOne', exists (select from pg_catalog.pg_constraint o where o.conrelid = k.conrelid and o.contype in ('p', 'u')
        and o.conkey <@ k.conkey and o.conkey @> k.conkey)) order by k.conname) as list
  from pg_catalog.pg_constraint k join relations r on r.oid = k.conrelid join pg_catalog.pg_class t on t.oid = k.confrelid
  join pg_catalog.pg_namespace n on n.oid = t.relnamespace where k.contype = 'f' and k.conparentid = 0 group by k.conrelid
),
functions as (
  select w.name as schema, p.proname::text as name, p.oid, p.prorettype as returns, p.proretset as is_set, p.pronargs, p.pronargdefaults,
    coalesce(p.proallargtypes, p.proargtypes::oid[]) as types, p.proargmodes::text[] as modes, p.proargnames as names
  from pg_catalog.pg_proc p join wanted w on w.oid = p.pronamespace
  where p.prokind = 'f' and p.prorettype not in ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.event_trigger'::pg_catalog.regtype)
    and not exists (select from members m where m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and m.objid = p.oid)
),
arguments as (
  select f.oid, u.place, u.type, coalesce(f.names[u.place], '') as name, coalesce(f.modes[u.place], 'i') as mode,
    pg_catalog.count(*) filter (where coalesce(f.modes[u.place], 'i') in ('i', 'b', 'v')) over (partition by f.oid order by u.place) as input
  from functions f cross join lateral pg_catalog.unnest(f.types) with ordinality u (type, place)
)
select pg_catalog.jsonb_build_object(
  'types', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('oid', t.oid::int8, 'schema', n.nspname, 'name', t.typname,
      'kind', t.typtype, 'element', case when t.typcategory = 'A' then t.typelem::int8 else 0 end, 'base', t.typbasetype::int8,
      'isNotNull', t.typnotnull, 'relation', t.typrelid::int8, 'labels', (select pg_catalog.jsonb_agg(e.enumlabel order by e.enumsortorder)
        from pg_catalog.pg_enum e where e.enumtypid = t.oid)) order by t.oid), '[]')
    from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
    where n.nspname !~ '^pg_toast' and (t.typrelid = 0 and n.nspname <> 'information_schema' or t.typrelid in (select oid from relations))),
  'relations', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('oid', r.oid::int8, 'schema', r.schema, 'name', r.name,
      'kind', r.kind, 'isInsertable', r.may & 8 <> 0, 'isUpdatable', r.may & 4 <> 0, 'columns', coalesce(c.list, '[]'),
      'keys', coalesce(k.list, '[]')) order by r.schema, r.name), '[]')
    from relations r left join columns c on c.oid = r.oid left join keys k on k.oid = r.oid where not r.is_part),
  'functions', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('schema', f.schema, 'name', f.name,
      'returns', f.returns::int8, 'isSet', f.is_set,
      'inputs', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', a.name, 'type', a.type::int8,
          'isOptional', a.input > f.pronargs - f.pronargdefaults) order by a.place), '[]')
        from arguments a where a.oid = f.oid and a.mode in ('i', 'b', 'v')),
      'outputs', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', a.name, 'type', a.type::int8) order by a.place), '[]')
        from arguments a where a.oid = f.oid and a.mode in ('o', 'b', 't'))) order by f.schema, f.name, f.oid), '[]')
    from functions f)) as facts`;

/** What `schemaFactsSql` answered, as text or as a value. */
export const readSchemaFacts = (answer: unknown): SchemaFacts =>
  (typeof answer === "string" ? JSON.parse(answer) : answer) as SchemaFacts;
