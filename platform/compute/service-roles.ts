/**
 * Roles inside an instance that are NebulaDB's own: those that the gateway logs in with, and those of the data API. Compares what is
 * there with what is wanted, like sync-plan.ts; pure but for `syncServiceRoles`.
 *
 * 1. A login of ours has no right of its own and inherits none: it becomes another role for one transaction, and only those it is a
 *    member of here. It is no superuser, and its password lies beside the instance (`service-key.ts`).
 * 2. `anon`, `authenticated` and `service_role` log in nowhere. They have what the owner grants them; `service_role` alone sees past
 *    row-level security and may write what the owner has.
 * 3. What is not wanted any more cannot log in; nothing is dropped, because tables may be granted to it.
 */
import type { Secret } from "../core/index.ts";
import { type ApiSpec, apiRoles } from "../spec/index.ts";
import { makeVerifier, quoteIdent, quoteLiteral, type Sql, verifies } from "../sql/index.ts";
import { capturedTables, changesLogin, syncCapture } from "./change-capture.ts";
import type { Place } from "./paths.ts";
import { dropServiceKey, keepApiSecrets, keptServiceKey } from "./service-key.ts";
import { asAdmin, type Door } from "./sync.ts";
import type { InstanceWanted } from "./types.ts";

/** Logs in for the data API. */
export const apiLogin = "nebula_api";

/** Log in for the SQL endpoint. A reader reads what the owner has; a writer has nothing, and becomes the owner. */
export const sqlLogins = { read: "nebula_sql_read", write: "nebula_sql_write" } as const;

export type ServiceLogin = {
  readonly name: string;
  /** Roles that it may become (`set role`); of `inherits` it has the rights all the time as well. */
  readonly becomes: readonly string[];
  readonly inherits: readonly string[];
};

export type ServicesWanted = {
  readonly logins: readonly ServiceLogin[];
  readonly api: ApiSpec | undefined;
};

/** What an instance should have. To add a login, add it here and to `serviceLogins`. */
export const servicesFor = ({ api, ownerRole }: Pick<InstanceWanted, "api" | "ownerRole">): ServicesWanted => ({
  logins: [
    { name: sqlLogins.read, becomes: [], inherits: ["nebula_read"] },
    { name: sqlLogins.write, becomes: [ownerRole], inherits: [] },
    ...(capturedTables(api).length === 0 ? [] : [{ name: changesLogin, becomes: [], inherits: [] }]),
    ...(api === undefined ? [] : [{ name: apiLogin, becomes: [...apiRoles, ...api.roles], inherits: [] }]),
  ],
  api,
});

/** Every login that a release of ours may have made. */
const serviceLogins: readonly string[] = [apiLogin, changesLogin, sqlLogins.read, sqlLogins.write];

export type RoleThere = {
  readonly name: string;
  readonly login: boolean;
  readonly bypassrls: boolean;
  readonly powers: boolean;
  readonly verifier: string | null;
  readonly connects: boolean;
  readonly members: readonly { readonly of: string; readonly inherit: boolean; readonly set: boolean }[];
};

export type ServicesThere = {
  readonly roles: readonly RoleThere[];
  /** Of the schemas that are served: those that are there, and which of the API's roles may enter them. */
  readonly schemas: readonly { readonly name: string; readonly entered: readonly string[] }[];
  readonly announces: boolean;
};

type Step = { readonly what: string; readonly text: string };

/** Makes them so; what was done, in words. */
export async function syncServiceRoles(door: Door, place: Place, wanted: InstanceWanted): Promise<readonly string[]> {
  // memberships without inheriting came with 16: what an earlier release left in an older version is served once it is upgraded
  if (Number(wanted.version) < 16) return [];
  const services = servicesFor(wanted);
  const keys = new Map<string, Secret>();
  for (const { name } of services.logins) keys.set(name, await keptServiceKey(place, name));
  const done = await asAdmin(door, wanted.databaseName, async (sql) => {
    const there = await observeServices(sql, services);
    const fresh = new Map<string, string>();
    for (const [name, key] of keys)
      if (!(await verifies(there.roles.find((role) => role.name === name)?.verifier ?? null, key)))
        fresh.set(name, await makeVerifier(key));
    const steps = planServices(there, services, { database: wanted.databaseName, fresh });
    if (steps.length > 0)
      await sql.tx(async (tx) => {
        for (const { text } of steps) await tx.query(text);
      });
    const captured = await sql.tx((tx) => syncCapture(tx, wanted.api, wanted.ownerRole));
    return [...steps.map(({ what }) => what), ...captured];
  });
  for (const name of serviceLogins) if (!keys.has(name)) await dropServiceKey(place, name);
  await keepApiSecrets(place, wanted.apiSecrets ?? new Map());
  return done;
}

const observeServices = async (sql: Sql, { api }: ServicesWanted): Promise<ServicesThere> => {
  const { found } = await sql.one<{ found: ServicesThere }>(
    `select json_build_object(
      'roles', (select coalesce(json_agg(json_build_object(
          'name', rolname, 'login', rolcanlogin, 'bypassrls', rolbypassrls, 'verifier', rolpassword,
          'powers', rolsuper or rolcreatedb or rolcreaterole or rolreplication,
          'connects', has_database_privilege(a.oid, current_database(), 'connect'),
          'members', (select coalesce(json_agg(json_build_object('of', g.rolname, 'inherit', m.inherit_option, 'set', m.set_option)), '[]')
            from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = a.oid)
        )), '[]') from pg_authid a where rolname = any($1)),
      'schemas', (select coalesce(json_agg(json_build_object('name', nspname, 'entered', array(
          select r.rolname from pg_roles r where r.rolname = any($2) and has_schema_privilege(r.oid, n.oid, 'usage')))), '[]')
        from pg_namespace n where nspname = any($3)),
      'announces', (select count(*) = 2 from pg_event_trigger where evtname in ('nebula_api_ddl', 'nebula_api_drop') and evtenabled = 'O')
    ) as found`,
    [[...serviceLogins, ...apiRoles], [...apiRoles], [...(api?.schemas ?? [])]],
  );
  return found;
};

type Around = { readonly database: string; readonly fresh: ReadonlyMap<string, string> };

export function planServices(
  there: ServicesThere,
  { logins, api }: ServicesWanted,
  { database, fresh }: Around,
): readonly Step[] {
  return [
    ...(api === undefined ? [] : apiRoles.flatMap((name) => groupSteps(there, name))),
    ...logins.flatMap((login) => loginSteps(there, login, { database, fresh })),
    ...there.roles
      .filter(({ name, login }) => login && serviceLogins.includes(name) && !logins.some((one) => one.name === name))
      .map(({ name }) => ({ what: `close ${name}`, text: `alter role ${quoteIdent(name)} nologin password null` })),
    ...(api === undefined ? [] : [...schemaSteps(there), ...announceSteps(there)]),
  ];
}

const plain = "nosuperuser nocreatedb nocreaterole noreplication";

function groupSteps({ roles }: ServicesThere, name: (typeof apiRoles)[number]): Step[] {
  const bypasses = name === "service_role";
  const attributes = `nologin inherit ${plain} ${bypasses ? "bypassrls" : "nobypassrls"}`;
  const found = roles.find((role) => role.name === name);
  const steps: Step[] = [];
  if (found === undefined) steps.push({ what: `create role ${name}`, text: `create role ${name} ${attributes}` });
  else if (found.login || found.powers || found.bypassrls !== bypasses)
    steps.push({ what: `change role ${name}`, text: `alter role ${name} ${attributes}` });
  if (bypasses && !found?.members.some(({ of }) => of === "nebula_write"))
    steps.push({ what: `${name} may write`, text: `grant nebula_write to ${name}` });
  return steps;
}

function loginSteps({ roles }: ServicesThere, login: ServiceLogin, { database, fresh }: Around): Step[] {
  const { name, becomes, inherits } = login;
  const role = quoteIdent(name);
  const attributes = `login noinherit ${plain} nobypassrls`;
  const found = roles.find((one) => one.name === name);
  const verifier = fresh.get(name);
  const steps: Step[] = [];
  if (found === undefined) steps.push({ what: `create role ${name}`, text: `create role ${role} ${attributes}` });
  else if (!found.login || found.powers || found.bypassrls)
    steps.push({ what: `change role ${name}`, text: `alter role ${role} ${attributes}` });
  if (verifier !== undefined)
    steps.push({ what: `give ${name} its key`, text: `alter role ${role} password ${quoteLiteral(verifier)}` });
  if (found?.connects !== true)
    steps.push({ what: `${name} may connect`, text: `grant connect on database ${quoteIdent(database)} to ${role}` });
  const wanted = [...new Set([...becomes, ...inherits])];
  for (const of of wanted) {
    const inherit = inherits.includes(of);
    const has = found?.members.find((one) => one.of === of);
    if (has?.inherit !== inherit || !has.set)
      steps.push({
        what: `${name} may become ${of}`,
        text: `grant ${quoteIdent(of)} to ${role} with inherit ${inherit}, set true`,
      });
  }
  for (const { of } of found?.members ?? [])
    if (!wanted.includes(of))
      steps.push({ what: `${name} may no longer become ${of}`, text: `revoke ${quoteIdent(of)} from ${role}` });
  return steps;
}

const schemaSteps = ({ schemas }: ServicesThere): Step[] =>
  schemas
    .filter(({ entered }) => entered.length < apiRoles.length)
    .map(({ name }) => ({
      what: `the data API may enter ${name}`,
      text: `grant usage on schema ${quoteIdent(name)} to ${apiRoles.join(", ")}`,
    }));

/** Tells the data API that a schema has changed: `notify pgrst`, as PostgREST's users know it. Owned by our administrator. */
const announceSteps = ({ announces }: ServicesThere): Step[] =>
  announces
    ? []
    : [
        "create schema if not exists nebula_api",
        `create or replace function nebula_api.announce() returns event_trigger language plpgsql set search_path = '' as
         'begin perform pg_catalog.pg_notify(''pgrst'', ''reload schema''); end'`,
        "drop event trigger if exists nebula_api_ddl",
        "drop event trigger if exists nebula_api_drop",
        "create event trigger nebula_api_ddl on ddl_command_end execute function nebula_api.announce()",
        "create event trigger nebula_api_drop on sql_drop execute function nebula_api.announce()",
      ].map((text) => ({ what: "announce changes of the schema", text }));
