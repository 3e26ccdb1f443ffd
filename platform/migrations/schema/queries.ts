/**
 * The catalogue, a kind a query, in the order in which things can be made. Each answers one row `found`: a JSON list of objects. Asked with
 * an empty search path.
 */

/** Schemas of the tenant's own. */
const ours = `n.nspname not in ('pg_catalog', 'information_schema', 'nebula', 'nebula_api', 'nebula_changes') and n.nspname not like 'pg\\_toast%'
  and n.nspname not like 'pg\\_temp%'`;
const notOfExtension = (classId: string, oid: string) =>
  `not exists (select from pg_depend e where e.classid = '${classId}'::regclass and e.objid = ${oid} and e.deptype = 'e')`;
const owner = "(select datdba from pg_database where datname = current_database())";
const named = "quote_ident(n.nspname) || '.' || quote_ident";
const listed = (body: string) =>
  `select coalesce(json_agg(o.object order by o.rank, o.name), '[]') as found from (${body}) o`;
const whole = (kind: string, definition: string, drop: string) =>
  `json_build_object('kind', '${kind}', 'name', x.name, 'definition', ${definition}, 'drop', ${drop}) as object`;

const schemas =
  listed(`select 0 as rank, x.name, ${whole("schema", "'create schema ' || x.name", "'drop schema ' || x.name")}
  from (select quote_ident(n.nspname) as name from pg_namespace n
    where ${ours} and n.nspname <> 'public' and ${notOfExtension("pg_namespace", "n.oid")}) x`);

const types = listed(`select x.rank, x.name, ${whole("type", "x.definition", "x.drop")} from (
  select t.oid::bigint as rank, ${named}(t.typname) as name,
    'create type ' || ${named}(t.typname) || ' as enum (' || (select string_agg(quote_literal(enumlabel), ', ' order by enumsortorder)
      from pg_enum where enumtypid = t.oid) || ')' as definition, 'drop type ' || ${named}(t.typname) as drop
  from pg_type t join pg_namespace n on n.oid = t.typnamespace
  where t.typtype = 'e' and ${ours} and ${notOfExtension("pg_type", "t.oid")}
  union all
  select t.oid::bigint, ${named}(t.typname),
    'create domain ' || ${named}(t.typname) || ' as ' || format_type(t.typbasetype, t.typtypmod)
      || coalesce(' default ' || t.typdefault, '') || case when t.typnotnull then ' not null' else '' end
      || coalesce((select string_agg(' constraint ' || quote_ident(c.conname) || ' ' || pg_get_constraintdef(c.oid), '' order by c.conname)
        from pg_constraint c where c.contypid = t.oid and c.contype = 'c'), ''), 'drop domain ' || ${named}(t.typname)
  from pg_type t join pg_namespace n on n.oid = t.typnamespace
  where t.typtype = 'd' and ${ours} and ${notOfExtension("pg_type", "t.oid")}
  union all
  select t.oid::bigint, ${named}(t.typname), 'create type ' || ${named}(t.typname) || ' as (' || coalesce((select string_agg(
      quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
    from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped), '') || ')',
    'drop type ' || ${named}(t.typname)
  from pg_type t join pg_class c on c.oid = t.typrelid and c.relkind = 'c' join pg_namespace n on n.oid = t.typnamespace
  where t.typtype = 'c' and ${ours} and ${notOfExtension("pg_type", "t.oid")}) x`);

/** A sequence of an identity column is the column's. */
const sequences =
  listed(`select 0 as rank, x.name, ${whole("sequence", "x.definition", "'drop sequence ' || x.name")} from (
  select ${named}(c.relname) as name, 'create sequence ' || ${named}(c.relname) || ' as ' || format_type(s.seqtypid, null)
    || ' increment by ' || s.seqincrement || ' minvalue ' || s.seqmin || ' maxvalue ' || s.seqmax || ' start with ' || s.seqstart
    || ' cache ' || s.seqcache || case when s.seqcycle then ' cycle' else '' end as definition
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_sequence s on s.seqrelid = c.oid
  where ${ours} and ${notOfExtension("pg_class", "c.oid")}
    and not exists (select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype = 'i')) x`);

const functions = listed(`select x.rank, x.name, ${whole("function", "x.definition", "x.drop")} from (
  select p.oid::bigint as rank, ${named}(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')' as name,
    case when p.prokind = 'a' then 'aggregate' else pg_get_functiondef(p.oid) end as definition,
    'drop ' || case p.prokind when 'p' then 'procedure ' when 'a' then 'aggregate ' else 'function ' end
      || ${named}(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')' as drop
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where ${ours} and ${notOfExtension("pg_proc", "p.oid")}) x`);

const columns = `(select coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
    'notNull', a.attnotnull, 'default', pg_get_expr(d.adbin, d.adrelid),
    'identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end,
    'generated', case a.attgenerated when 's' then 'stored' when 'v' then 'virtual' end,
    'collation', (select quote_ident(cn.nspname) || '.' || quote_ident(co.collname) from pg_collation co
      join pg_namespace cn on cn.oid = co.collnamespace where co.oid = a.attcollation
        and co.oid <> (select typcollation from pg_type where oid = a.atttypid))) order by a.attnum), '[]')
  from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)`;

const tables = listed(`select c.oid::bigint as rank, ${named}(c.relname) as name, json_build_object('kind', 'table',
    'name', ${named}(c.relname), 'columns', ${columns}, 'unlogged', c.relpersistence = 'u',
    'rowSecurity', case when not c.relrowsecurity then 'off' when c.relforcerowsecurity then 'forced' else 'on' end,
    'partitionBy', case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end,
    'partitionOf', (select i.inhparent::regclass::text || ' ' || pg_get_expr(c.relpartbound, c.oid)
      from pg_inherits i where i.inhrelid = c.oid and c.relispartition)) as object
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${ours} and ${notOfExtension("pg_class", "c.oid")}`);

const part = (kind: string, name: string, definition: string) =>
  `json_build_object('kind', '${kind}', 'name', ${named}(c.relname) || '.' || quote_ident(${name}), 'table', ${named}(c.relname),
    'definition', ${definition}) as object`;
const ofTable = `join pg_namespace n on n.oid = c.relnamespace`;
const ownTable = `${ours} and ${notOfExtension("pg_class", "c.oid")}`;
const partName = (name: string) => `${named}(c.relname) || '.' || quote_ident(${name}) as name`;

/** Foreign keys last: they need the other table's key. What a partition has of its parent is its parent's. */
const constraints =
  listed(`select case k.contype when 'p' then 0 when 'u' then 1 when 'f' then 3 else 2 end as rank, ${partName("k.conname")},
    ${part("constraint", "k.conname", "pg_get_constraintdef(k.oid)")}
  from pg_constraint k join pg_class c on c.oid = k.conrelid ${ofTable}
  where k.contype not in ('n', 't') and k.conparentid = 0 and c.relkind in ('r', 'p') and ${ownTable}`);

const indexes = listed(`select i.indexrelid::bigint as rank, ${partName("x.relname")},
    ${part("index", "x.relname", "case when x.relkind = 'I' then replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') else pg_get_indexdef(i.indexrelid) end || case when i.indisvalid then '' else ' /* invalid */' end")}
  from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid ${ofTable}
  where not x.relispartition and ${ownTable}
    and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))`);

const views = listed(`select x.rank, x.name, json_build_object('kind', x.kind, 'name', x.name,
    'definition', 'create ' || x.kind || ' ' || x.name || x.options || ' as ' || rtrim(x.body, E'; \\n'), 'drop', 'drop ' || x.kind || ' ' || x.name)
    as object from (
  select c.oid::bigint as rank, ${named}(c.relname) as name,
    case c.relkind when 'v' then 'view' else 'materialized view' end as kind, pg_get_viewdef(c.oid) as body,
    coalesce(' with (' || (select string_agg(one, ', ' order by one) from unnest(c.reloptions) one) || ')', '') as options
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('v', 'm') and ${ownTable}) x`);

const triggers = listed(`select 0 as rank, ${partName("t.tgname")},
    ${part("trigger", "t.tgname", "pg_get_triggerdef(t.oid) || case t.tgenabled when 'O' then '' else ' /* ' || t.tgenabled::text || ' */' end")}
  from pg_trigger t join pg_class c on c.oid = t.tgrelid ${ofTable}
  where not t.tgisinternal and t.tgparentid = 0 and ${ownTable}
    and t.tgfoid is distinct from to_regprocedure('nebula_changes.capture()')`);

const roles = `(select string_agg(case r when 0 then 'public' when ${owner} then 'owner' else quote_ident(pg_get_userbyid(r)) end, ', '
  order by r) from unnest(p.polroles) r)`;
const policies = listed(`select 0 as rank, ${partName("p.polname")}, ${part(
  "policy",
  "p.polname",
  `'create policy ' || quote_ident(p.polname) || ' on ' || ${named}(c.relname)
    || case when p.polpermissive then '' else ' as restrictive' end
    || case p.polcmd when 'r' then ' for select' when 'a' then ' for insert' when 'w' then ' for update' when 'd' then ' for delete' else '' end
    || ' to ' || ${roles} || coalesce(' using (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
    || coalesce(' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')`,
)}
  from pg_policy p join pg_class c on c.oid = p.polrelid ${ofTable} where ${ownTable}`);

/** What others than the owner may do, and what the groups of a database do not have by default. */
const grants =
  listed(`select 0 as rank, x.name, ${whole("grant", "'grant ' || x.said || ' to ' || x.who", "'revoke ' || x.said || ' from ' || x.who")} from (
  select y.said || ' to ' || y.who as name, y.said, y.who from (
    select lower(string_agg(a.privilege_type, ', ' order by a.privilege_type)) || ' on '
        || case c.relkind when 'S' then 'sequence ' else 'table ' end || ${named}(c.relname) as said,
      case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end as who
    from pg_class c ${ofTable}, aclexplode(c.relacl) a
    where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and a.grantee <> c.relowner and ${ownTable}
      and a.grantee not in (select oid from pg_roles where rolname like 'nebula\\_%')
    group by c.relkind, n.nspname, c.relname, a.grantee
    union all
    select lower(string_agg(a.privilege_type, ', ' order by a.privilege_type)) || ' on schema ' || quote_ident(n.nspname),
      case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end
    from pg_namespace n, aclexplode(n.nspacl) a where ${ours} and n.nspname <> 'public' and a.grantee <> n.nspowner
      and a.grantee not in (select oid from pg_roles where rolname like 'nebula\\_%')
    group by n.nspname, a.grantee
    union all
    select 'execute on function ' || ${named}(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')',
      case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace, aclexplode(p.proacl) a
    where ${ours} and a.grantee <> p.proowner and ${notOfExtension("pg_proc", "p.oid")}) y) x`);

const comments =
  listed(`select 0 as rank, x.name, ${whole("comment", "'comment on ' || x.name || ' is ' || quote_literal(x.text)", "'comment on ' || x.name || ' is null'")} from (
  select case when d.objsubid = 0 then case c.relkind when 'v' then 'view ' when 'm' then 'materialized view ' when 'S' then 'sequence '
      when 'i' then 'index ' else 'table ' end || ${named}(c.relname)
    else 'column ' || ${named}(c.relname) || '.' || quote_ident(a.attname) end as name, d.description as text
  from pg_description d join pg_class c on c.oid = d.objoid and d.classoid = 'pg_class'::regclass ${ofTable}
    left join pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid and d.objsubid > 0
  where ${ownTable}) x`);

export const snapshotQueries: readonly string[] = [
  ...[schemas, types, sequences, functions, tables, constraints, indexes, views, triggers, policies, grants, comments],
];
