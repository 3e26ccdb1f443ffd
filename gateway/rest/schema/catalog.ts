/**
 * The catalogue's answers, as text. Five statements whatever the number of tables; names come out qualified because the search path is empty.
 */
import type { ServerError, Step, StepResult } from "../../../platform/sql/index.ts";
import { schemaUnreadable } from "../errors.ts";
import { arrayLiteral } from "../request/filter.ts";
import type { RestConnection } from "../types.ts";

/** Relations of the API's schemas, and those whose rows its functions return. */
const relations = `
select c.oid::text, n.nspname, c.relname, c.relkind::text, c.relrowsecurity::text, coalesce(array_to_string(c.reloptions, ','), ''),
  (case when c.relkind in ('r', 'p') then 28 when c.relkind in ('v', 'f') then pg_relation_is_updatable(c.oid, true) else 0 end)::text,
  obj_description(c.oid, 'pg_class'), a.columns::text
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
cross join lateral (
  select json_agg(json_build_array(
    a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), not (a.attnotnull or t.typnotnull), pg_get_expr(d.adbin, d.adrelid),
    a.attidentity, a.attgenerated, col_description(a.attrelid, a.attnum),
    case when t.typtype = 'e' then (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) end,
    case when t.typname in ('varchar', 'bpchar') and a.atttypmod > 4 then a.atttypmod - 4 end
  ) order by a.attnum) as columns
  from pg_attribute a
  join pg_type t on t.oid = a.atttypid
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
) a
where (n.nspname = any($1::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c'))
  or c.oid in (
    select t.typrelid from pg_proc p join pg_type t on t.oid = p.prorettype join pg_namespace pn on pn.oid = p.pronamespace
    where pn.nspname = any($1::text[]) and t.typrelid <> 0)`;

/** Keys of all tables: a view shows those of tables that the API does not name. A partition's are its parent's. */
const constraints = `
select k.conrelid::text, k.contype::text, k.conname, to_json(k.conkey)::text, k.confrelid::text, to_json(k.confkey)::text
from pg_constraint k
join pg_namespace n on n.oid = k.connamespace
where k.contype in ('p', 'u', 'f') and k.conrelid <> 0 and k.conparentid = 0
  and n.nspname not in ('pg_catalog', 'information_schema')
order by k.conname`;

const routines = `
select n.nspname, p.proname, p.provolatile::text, p.proretset::text, t.typtype::text, format_type(p.prorettype, null),
  t.typrelid::text, p.prorows::text, to_json(p.proargnames)::text, to_json(p.proargmodes)::text,
  (select json_agg(format_type(u.oid, null) order by u.place)
    from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality as u(oid, place))::text,
  p.pronargdefaults::text, (p.provariadic <> 0)::text, obj_description(p.oid, 'pg_proc'),
  (select f.typrelid from pg_type f where f.oid = p.proargtypes[0])::text, p.pronargs::text
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_type t on t.oid = p.prorettype
where n.nspname = any($1::text[]) and p.prokind = 'f' and t.typname not in ('trigger', 'event_trigger', 'internal', 'language_handler')
order by p.proname, p.pronargs, p.oid`;

/** What views are made of, as Postgres keeps it. */
const views = `
select r.ev_class::text, r.ev_action::text
from pg_rewrite r
join pg_class c on c.oid = r.ev_class
join pg_namespace n on n.oid = c.relnamespace
where r.ev_type = '1' and r.rulename = '_RETURN' and n.nspname not in ('pg_catalog', 'information_schema')`;

/** Types that a request may cast to: none that looks names up (reg...), no pseudo types. */
const types = `
select t.typname, format_type(t.oid, null)
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
where t.typtype in ('b', 'e', 'd', 'r', 'm') and t.typcategory not in ('A', 'P', 'Z') and t.typname not like 'reg%'
  and (n.nspname in ('pg_catalog', 'public', 'extensions') or n.nspname = any($1::text[]))
order by n.nspname = 'pg_catalog'`;

const comments = `
select n.nspname, obj_description(n.oid, 'pg_namespace') from pg_namespace n where n.nspname = any($1::text[])`;

export type Catalog = Readonly<
  Record<"relations" | "constraints" | "routines" | "views" | "types" | "comments", StepResult["rows"]>
>;

/** @throws NebulaError NEB750 with the server's words. */
export async function readCatalog(connection: RestConnection, schemas: readonly string[]): Promise<Catalog> {
  const wanted = [arrayLiteral(schemas)];
  const end = await connection.run([
    { text: "begin isolation level repeatable read read only" },
    { text: "select set_config('search_path', '', true), set_config('statement_timeout', '60s', true)" },
    { text: relations, values: wanted },
    { text: constraints },
    { text: routines, values: wanted },
    { text: views },
    { text: types, values: wanted },
    { text: comments, values: wanted },
    { text: "commit" },
  ] satisfies Step[]);
  if (end.kind === "refused") {
    await connection.run([{ text: "rollback" }]);
    throw unreadable(end.error);
  }
  const rowsAt = (at: number) => end.results[at]?.rows ?? [];
  return {
    ...{ relations: rowsAt(2), constraints: rowsAt(3), routines: rowsAt(4) },
    ...{ views: rowsAt(5), types: rowsAt(6), comments: rowsAt(7) },
  };
}

const unreadable = ({ code, message }: ServerError) =>
  schemaUnreadable(`the schema cannot be read: ${message} (SQLSTATE ${code})`);
