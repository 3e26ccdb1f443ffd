import type { AdviceLint } from "./lint.ts";

/** Row-level security: what policies say, and whether anybody listens. */
export const policyLints: readonly AdviceLint[] = [
  {
    id: "rls-without-policy",
    level: "info",
    title: "A table has row-level security and no policy: nobody but its owner sees a row",
    sql: `select r.object, 'no policy' as detail,
        pg_catalog.format('create policy own on %s using (owner = (select current_setting(''request.jwt.claims'', true)::json ->> ''sub''));', r.object) as fix
      from relations r where r.kind in ('r', 'p') and r.guarded and not exists (select from policies p where p.oid = r.oid)`,
  },
  {
    id: "policy-without-rls",
    level: "error",
    title: "A table has policies, and row-level security is off: they guard nothing",
    sql: `select r.object, 'policies: ' || pg_catalog.string_agg(p.name, ', ' order by p.name) as detail,
        pg_catalog.format('alter table %s enable row level security;', r.object) as fix
      from relations r join policies p on p.oid = r.oid where not r.guarded group by r.object`,
  },
  {
    id: "multiple-permissive-policies",
    level: "warn",
    title: "Several permissive policies hold for one role and command: each is tried for every row",
    sql: `select r.object,
        pg_catalog.format('%s of %s: %s', c.says, case e.role when 0 then 'public' else e.role::pg_catalog.regrole::text end,
          pg_catalog.string_agg(p.name, ', ' order by p.name)) as detail,
        '-- one policy whose conditions are joined by or' as fix
      from relations r join policies p on p.oid = r.oid cross join lateral pg_catalog.unnest(p.roles) e (role)
      join (values ('r', 'select'), ('a', 'insert'), ('w', 'update'), ('d', 'delete')) c (letter, says) on p.command in ('*', c.letter)
      where p.permissive and r.guarded group by r.object, c.says, e.role having pg_catalog.count(*) > 1`,
  },
  {
    id: "rls-initplan",
    level: "warn",
    title: "A policy asks for the claims anew for every row",
    sql: `select r.object, 'policy ' || p.name as detail,
        pg_catalog.format('-- in the policy %I: (select current_setting(...)) instead of current_setting(...)', p.name) as fix
      from relations r join policies p on p.oid = r.oid
      where pg_catalog.regexp_replace(coalesce(p.using, '') || ' ' || coalesce(p.checks, ''),
        'SELECT\\s+\\(*(current_setting|current_user|CURRENT_USER|SESSION_USER)', '', 'g') ~ 'current_setting\\('`,
  },
  {
    id: "rls-always-true",
    level: "warn",
    title: "A policy lets everybody whom it names change every row",
    sql: `select r.object, 'policy ' || p.name as detail, pg_catalog.format('drop policy %I on %s;', p.name, r.object) as fix
      from relations r join policies p on p.oid = r.oid
      where p.permissive and p.command <> 'r' and (p.using = 'true' and p.command <> 'a' or p.checks = 'true')`,
  },
  {
    id: "rls-user-metadata",
    level: "error",
    title: "A policy believes user_metadata, which users change themselves",
    sql: `select r.object, 'policy ' || p.name as detail,
        pg_catalog.format('-- in the policy %I: app_metadata, or a claim that only your login sets', p.name) as fix
      from relations r join policies p on p.oid = r.oid
      where coalesce(p.using, '') || coalesce(p.checks, '') like '%user_metadata%'`,
  },
  {
    id: "anonymous-writes",
    level: "warn",
    title: "Whoever has no credential may change a table",
    sql: `select r.object, 'anon may ' || pg_catalog.lower(pg_catalog.string_agg(distinct g.privilege, ', ')) as detail,
        pg_catalog.format('revoke insert, update, delete on %s from public, anon;', r.object) as fix
      from relations r join grants g on g.oid = r.oid cross join settings s
      where r.in_api and r.guarded and 'anon' = any (s.roles) and g.grantee in ('public', 'anon')
        and g.privilege in ('INSERT', 'UPDATE', 'DELETE')
        and exists (
          select from policies p where p.oid = r.oid and p.permissive and p.command <> 'r'
            and (0 = any (p.roles) or exists (select from pg_catalog.pg_roles a where a.oid = any (p.roles) and a.rolname = 'anon')))
      group by r.object`,
  },
];
