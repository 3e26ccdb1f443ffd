import type { AdviceLint } from "./lint.ts";

/** Who may come at what: tables, views and functions of the schemas that the data API serves. */
export const exposureLints: readonly AdviceLint[] = [
  {
    id: "rls-disabled",
    level: "warn",
    title: "A table that API roles may use has no row-level security: the data API does not serve it",
    sql: `select r.object, 'row-level security is off' as detail,
        pg_catalog.format('alter table %s enable row level security;', r.object) as fix
      from relations r
      where r.kind in ('r', 'p') and r.in_api and not r.guarded and not r.named and exists (select from reached g where g.oid = r.oid)
        and not exists (select from policies p where p.oid = r.oid)`,
  },
  {
    id: "exposed-writable-without-rls",
    level: "error",
    title: "A table that is exposed without row-level security can be changed by everybody who may ask",
    sql: `select r.object, 'granted: ' || pg_catalog.lower(pg_catalog.string_agg(g.privilege, ', ' order by g.privilege)) as detail,
        pg_catalog.format('revoke insert, update, delete, truncate on %s from public, anon, authenticated;', r.object) as fix
      from relations r join reached g on g.oid = r.oid
      where r.kind in ('r', 'p') and r.in_api and not r.guarded and r.named
        and g.privilege in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
      group by r.object`,
  },
  {
    id: "definer-view",
    level: "error",
    title: "A view shows what its owner may see, past row-level security",
    sql: `select r.object, 'security_invoker is off' as detail,
        pg_catalog.format('alter view %s set (security_invoker = on);', r.object) as fix
      from relations r where r.kind = 'v' and r.in_api and not r.guarded and exists (select from reached g where g.oid = r.oid)`,
  },
  {
    id: "materialized-view-in-api",
    level: "warn",
    title: "A materialized view can be read through the API: it has no row-level security",
    sql: `select r.object, 'a request may select from it' as detail,
        pg_catalog.format('revoke select on %s from public, anon, authenticated;', r.object) as fix
      from relations r where r.kind = 'm' and r.in_api and exists (select from reached g where g.oid = r.oid)`,
  },
  {
    id: "foreign-table-in-api",
    level: "warn",
    title: "A foreign table can be used through the API: it has no row-level security",
    sql: `select r.object, 'a request may use it' as detail,
        pg_catalog.format('revoke all on %s from public, anon, authenticated;', r.object) as fix
      from relations r where r.kind = 'f' and r.in_api and exists (select from reached g where g.oid = r.oid)`,
  },
  {
    id: "sensitive-columns-exposed",
    level: "error",
    title: "A table without row-level security that requests may read has columns which look confidential",
    sql: `select r.object, 'columns: ' || pg_catalog.string_agg(a.attname::text, ', ' order by a.attnum) as detail,
        pg_catalog.format('alter table %s enable row level security;', r.object) as fix
      from relations r join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
      where r.kind in ('r', 'p') and r.in_api and not r.guarded
        and exists (select from reached g where g.oid = r.oid and g.privilege = 'SELECT')
        and a.attname ~* '(^|_)(passwords?|passwd|pwd|secrets?|api_?keys?|private_?keys?|access_tokens?|refresh_tokens?|ssn|social_security|iban|card_number|credit_card|cvv|tax_id|totp)($|_)'
      group by r.object`,
  },
  {
    id: "granted-to-public",
    level: "warn",
    title: "A table is granted to everybody who can log in, today and later",
    sql: `select r.object, 'granted to public: ' || pg_catalog.lower(pg_catalog.string_agg(g.privilege, ', ' order by g.privilege)) as detail,
        pg_catalog.format('revoke all on %s from public;', r.object) as fix
      from relations r join grants g on g.oid = r.oid where g.grantee = 'public' group by r.object`,
  },
  {
    id: "definer-function-in-api",
    level: "warn",
    title: "A function that requests may call runs with its owner's rights",
    sql: `select f.object, 'security definer' as detail,
        pg_catalog.format('revoke execute on %s %s from public, anon, authenticated;', case f.kind when 'p' then 'procedure' else 'function' end, f.object) as fix
      from functions f cross join settings s
      where f.definer and f.in_api and exists (
        select from pg_catalog.aclexplode(coalesce(f.acl, pg_catalog.acldefault('f', f.owner))) a
        left join pg_catalog.pg_roles g on g.oid = a.grantee
        where a.grantee = 0 or g.rolname::text = any (s.roles))`,
  },
  {
    id: "mutable-search-path",
    level: "warn",
    title: "A function finds names by the path of whoever calls it",
    sql: `select f.object, case when f.definer then 'security definer, and ' else '' end || 'no search_path of its own' as detail,
        pg_catalog.format('alter %s %s set search_path = '''';', case f.kind when 'p' then 'procedure' else 'function' end, f.object) as fix
      from functions f
      where not f.parsed and not exists (select from pg_catalog.unnest(f.config) c (line) where c.line like 'search_path=%')`,
  },
  {
    id: "foreign-key-to-hidden",
    level: "info",
    title: "A served table refers to one that is not served: it cannot be embedded",
    sql: `select r.object, k.name || ' refers to ' || t.object as detail,
        pg_catalog.format('alter table %s enable row level security;', t.object) as fix
      from foreign_keys k join relations r on r.oid = k.conrelid join relations t on t.oid = k.confrelid
      where r.in_api and (r.guarded or r.named) and t.in_api and not t.guarded and not t.named`,
  },
];
