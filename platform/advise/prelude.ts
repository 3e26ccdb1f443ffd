/**
 * What the lints ask: tables of facts over the catalog, as the beginning of one statement. Only the catalog is read, never a row of a
 * tenant's, and nothing of the tenant's is called. Parameters: $1 the API's schemas, $2 what is exposed without row-level security
 * (`schema.table`, `schema.*`), $3 the roles that requests may take.
 */
export const prelude = `
with settings as (select $1::text[] as schemas, $2::text[] as named, $3::text[] as roles),
members as (select classid, objid from pg_catalog.pg_depend where deptype = 'e'),
relations as (
  select c.oid, n.nspname::text as schema, c.relname::text as name, c.relkind::text as kind, c.relowner as owner,
    c.relacl as acl, n.nspname = any (s.schemas) as in_api,
    pg_catalog.format('%I.%I', n.nspname, c.relname) as object,
    pg_catalog.format('%s.%s', n.nspname, c.relname) = any (s.named)
      or pg_catalog.format('%s.*', n.nspname) = any (s.named) as named,
    case when c.relkind = 'v' then coalesce((
        select o.option_value::boolean from pg_catalog.pg_options_to_table(c.reloptions) o
        where o.option_name = 'security_invoker'), false)
      else c.relrowsecurity end as guarded
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace cross join settings s
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'nebula')
    and not exists (select from members m where m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and m.objid = c.oid)
),
grants as (
  select r.oid, coalesce(g.rolname::text, 'public') as grantee, a.privilege_type as privilege
  from relations r cross join lateral pg_catalog.aclexplode(r.acl) a left join pg_catalog.pg_roles g on g.oid = a.grantee
  where a.grantee <> r.owner
),
reached as (
  select distinct g.oid, g.privilege from grants g cross join settings s where g.grantee = 'public' or g.grantee = any (s.roles)
),
policies as (
  select p.polrelid as oid, p.polname::text as name, p.polcmd::text as command, p.polpermissive as permissive, p.polroles as roles,
    pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using, pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as checks
  from pg_catalog.pg_policy p
),
functions as (
  select p.oid, n.nspname::text as schema, p.prosecdef as definer, p.proconfig as config, p.prosqlbody is not null as parsed,
    n.nspname = any (s.schemas) as in_api, p.prokind::text as kind, p.proowner as owner, p.proacl as acl,
    pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) as object
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace cross join settings s
  where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'nebula') and p.prokind in ('f', 'p')
    and not exists (select from members m where m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and m.objid = p.oid)
),
foreign_keys as (
  select c.oid, c.conname::text as name, c.conrelid, c.confrelid, c.conkey, c.convalidated as validated
  from pg_catalog.pg_constraint c where c.contype = 'f' and c.conparentid = 0
),
indexes as (
  select i.indexrelid as oid, i.indrelid, i.indkey::int2[] as keys, i.indnkeyatts as key_count, i.indisunique as is_unique,
    i.indisprimary as is_primary, i.indisvalid as valid, i.indpred is null and i.indexprs is null as is_plain,
    pg_catalog.format('%I.%I', n.nspname, c.relname) as object,
    pg_catalog.format('%s %s %s %s %s %s %s %s', c.relam, i.indkey, i.indclass, i.indcollation, i.indoption, i.indisunique,
      pg_catalog.pg_get_expr(i.indexprs, i.indrelid), pg_catalog.pg_get_expr(i.indpred, i.indrelid)) as shape,
    exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')) as constrains,
    exists (select from pg_catalog.pg_inherits h where h.inhrelid = i.indexrelid) as is_part
  from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
)`;
