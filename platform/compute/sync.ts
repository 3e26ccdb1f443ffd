import { NebulaError, type Secret } from "../core/index.ts";
import {
  authenticationRefused,
  connectionUrl,
  connectOnce,
  makeVerifier,
  quoteIdent,
  quoteLiteral,
  type Sql,
  sqlState,
  storageExhausted,
  verifies,
} from "../sql/index.ts";
import { adminRole } from "./conf.ts";
import { adminLoginRefused, diskFull, extensionInUse, extensionUnavailable } from "./errors.ts";
import { type Found, groupSteps, planSync, type RoleSeen, type RoleWanted, type Wanted } from "./sync-plan.ts";
import { unclaimed } from "./template.ts";
import type { InstanceWanted } from "./types.ts";

export type Door = {
  readonly socketDir: string;
  readonly port: number;
  readonly adminPassword: Secret;
  /** What a fresh copy of the template still has as the administrator's password; null once it was replaced. */
  readonly templatePassword: Secret | null;
};

const applicationName = "nebuladb";
/** What we do is done in an instance that is full as well. */
const options = "-c default_transaction_read_only=off";

/** Lends an administrator's connection. On a fresh copy the first one replaces the template's password. */
export async function asAdmin<T>(door: Door, database: string, body: (sql: Sql) => Promise<T>): Promise<T> {
  const attempt = (password: Secret, run: (sql: Sql) => Promise<T>) =>
    connectOnce(
      connectionUrl({ host: door.socketDir, port: door.port, user: adminRole, password, database, options }),
      run,
      {
        applicationName,
        statementTimeoutMs: 300_000,
      },
    );
  const replacing = async (sql: Sql) => {
    await sql.query(`alter role ${adminRole} password ${quoteLiteral(await makeVerifier(door.adminPassword))}`);
    return body(sql);
  };
  try {
    if (door.templatePassword === null) return await attempt(door.adminPassword, body);
    return await attempt(door.templatePassword, replacing).catch((thrown) => {
      if (!isRefused(thrown)) throw thrown;
      return attempt(door.adminPassword, body);
    });
  } catch (thrown) {
    if (!isRefused(thrown)) throw thrown;
    throw adminLoginRefused(`the administrator's login in ${door.socketDir} was refused`, { cause: thrown });
  }
}

const isRefused = (thrown: unknown) =>
  thrown instanceof NebulaError && thrown.code === authenticationRefused.definition.code;

/** Gives the fresh copy's database its name, or makes one; nothing when it is there. */
export async function claimDatabase(
  door: Door,
  { databaseName, ownerRole }: InstanceWanted,
): Promise<readonly string[]> {
  return asAdmin(door, "postgres", async (sql) => {
    const names = await sql.query<{ datname: string }>("select datname from pg_database where datname = any($1)", [
      [databaseName, unclaimed.database],
    ]);
    if (names.some(({ datname }) => datname === databaseName)) return [];
    const [database, owner] = [quoteIdent(databaseName), quoteIdent(ownerRole)];
    if (names.length > 0)
      await sql.tx(async (tx) => {
        await tx.query(`alter role ${unclaimed.owner} rename to ${owner}`);
        await tx.query(`alter database ${unclaimed.database} rename to ${database}`);
      });
    else await sql.query(`create database ${database} template template0`);
    return [`create database ${databaseName}`];
  });
}

export type Managed = { readonly roles: readonly string[]; readonly extensions: readonly string[] };

export type Synced = {
  /** What was done, in words. */
  readonly done: readonly string[];
  /** Versions of the extensions that are wanted. */
  readonly versions: Readonly<Record<string, string>>;
  /** What the server stores of the passwords of the roles that log in. */
  readonly verifiers: Readonly<Record<string, string>>;
};

/** Makes roles, passwords, privileges and extensions what is wanted. */
export async function syncDatabase(door: Door, wanted: InstanceWanted, before: Managed): Promise<Synced> {
  return asAdmin(door, wanted.databaseName, async (sql) => {
    const found = await observeDatabase(sql, wanted.ownerRole);
    const steps = [...groupSteps(found), ...planSync(found, await resolveWanted(found, wanted, before))];
    if (steps.length === 0) return syncedAs(found, wanted, []);
    await sql.tx(async (tx) => {
      for (const { what, statements } of steps)
        for (const text of statements)
          await tx.query(text).catch((thrown) => {
            throw translate(thrown, what);
          });
    });
    return syncedAs(
      await observeDatabase(sql, wanted.ownerRole),
      wanted,
      steps.map(({ what }) => what),
    );
  });
}

const syncedAs = ({ roles, versions }: Seen, wanted: InstanceWanted, done: readonly string[]): Synced => ({
  done,
  versions: pick(versions, wanted.extensions),
  verifiers: Object.fromEntries(
    [wanted.ownerRole, ...wanted.roles.filter(({ login }) => login).map(({ name }) => name)].flatMap((name) => {
      const verifier = roles.find((role) => role.name === name)?.verifier ?? null;
      return verifier === null ? [] : [[name, verifier]];
    }),
  ),
});

const pick = (versions: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> =>
  Object.fromEntries([...names].sort().flatMap((name) => (versions[name] ? [[name, versions[name]]] : [])));

export type Seen = Omit<Found, "roles"> & {
  readonly roles: readonly RoleSeen[];
  /** Installed version by extension. */
  readonly versions: Readonly<Record<string, string>>;
  readonly encoding: string;
  readonly locale: string;
};

/** One look at the tenant's database and the server's roles. */
export async function observeDatabase(sql: Sql, ownerRole: string): Promise<Seen> {
  const { found } = await sql.one<{ found: Omit<Seen, "roles"> & { roles: readonly Omit<RoleSeen, "mighty">[] } }>(
    `select json_build_object(
      'owner', (select rolname from pg_database d join pg_roles r on r.oid = d.datdba where datname = current_database()),
      'publicMayConnect', (select exists (
        select from pg_database d, aclexplode(coalesce(datacl, acldefault('d', datdba))) a
        where datname = current_database() and a.grantee = 0)),
      'groupsFollowOwner', (select bool_and(exists (
          select from pg_default_acl d join pg_roles r on r.oid = d.defaclrole, aclexplode(d.defaclacl) a
            join pg_roles g on g.oid = a.grantee
          where r.rolname = $1 and d.defaclnamespace = 0 and d.defaclobjtype = w.kind::"char"
            and g.rolname = w.grantee and a.privilege_type = w.privilege))
        from (values ('n', 'nebula_read', 'USAGE'), ('n', 'nebula_write', 'USAGE'), ('r', 'nebula_read', 'SELECT'),
          ('r', 'nebula_write', 'SELECT'), ('r', 'nebula_write', 'INSERT'), ('r', 'nebula_write', 'UPDATE'),
          ('r', 'nebula_write', 'DELETE'), ('r', 'nebula_write', 'TRUNCATE'), ('S', 'nebula_read', 'SELECT'),
          ('S', 'nebula_write', 'SELECT'), ('S', 'nebula_write', 'USAGE'), ('S', 'nebula_write', 'UPDATE')
        ) as w (kind, grantee, privilege))
        and (select count(distinct g.rolname) = 2 from pg_database d, aclexplode(d.datacl) a join pg_roles g on g.oid = a.grantee
          where d.datname = current_database() and g.rolname in ('nebula_read', 'nebula_write')
            and a.privilege_type = 'CONNECT'),
      'encoding', (select pg_encoding_to_char(encoding) from pg_database where datname = current_database()),
      'locale', (select coalesce(to_jsonb(d) ->> 'datlocale', datcollate) from pg_database d where datname = current_database()),
      'roles', (select coalesce(json_agg(json_build_object(
          'name', rolname, 'login', rolcanlogin, 'verifier', rolpassword,
          'attributes', array_remove(array[
            case when rolsuper then 'superuser' end, case when rolcreatedb then 'createdb' end,
            case when rolcreaterole then 'createrole' end, case when rolreplication then 'replication' end,
            case when rolbypassrls then 'bypassrls' end, case when not rolinherit then 'noinherit' end,
            case when rolconnlimit <> -1 then 'connection limit ' || rolconnlimit end,
            case when rolvaliduntil < 'infinity' then 'valid until ' || rolvaliduntil end], null),
          'groups', array(select g.rolname from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = a.oid)
        )), '[]') from pg_authid a where rolname not like 'pg\\_%'),
      'extensions', (select coalesce(json_agg(extname), '[]') from pg_extension),
      'versions', (select coalesce(json_object_agg(extname, extversion), '{}') from pg_extension)
    ) as found`,
    [ownerRole],
  );
  return { ...found, roles: found.roles.map((role) => ({ ...role, mighty: role.attributes.length > 0 })) };
}

async function resolveWanted(found: Found, wanted: InstanceWanted, before: Managed): Promise<Wanted> {
  const roles: RoleWanted[] = await Promise.all([
    toRole(found, { name: wanted.ownerRole, login: true, access: "owner", password: wanted.ownerPassword }),
    ...wanted.roles.map((role) => toRole(found, role)),
  ]);
  const names = roles.map(({ name }) => name);
  return {
    database: wanted.databaseName,
    owner: wanted.ownerRole,
    roles,
    droppedRoles: before.roles.filter((name) => !names.includes(name)),
    extensions: wanted.extensions,
    droppedExtensions: before.extensions.filter((name) => !wanted.extensions.includes(name)),
  };
}

type RoleAsked = Omit<RoleWanted, "newVerifier"> & { readonly password: Secret | null };

async function toRole(found: Found, { password, ...role }: RoleAsked): Promise<RoleWanted> {
  const stored = found.roles.find(({ name }) => name === role.name)?.verifier ?? null;
  const same = password === null || (await verifies(stored, password));
  return { ...role, newVerifier: same ? null : await makeVerifier(password) };
}

/** What a step of ours can run into for reasons that the declaration can change. */
function translate(thrown: unknown, what: string): unknown {
  const state = sqlState(thrown);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (state === "2BP01" && what.startsWith("drop extension"))
    return extensionInUse(`${what}: ${message}`, { cause: thrown });
  if (what.startsWith("create extension") && (state === "0A000" || state === "58P01" || state === "22023"))
    return extensionUnavailable(`${what}: ${message}`, { cause: thrown });
  if (thrown instanceof NebulaError && thrown.code === storageExhausted.definition.code)
    return diskFull(`${what}: ${message}`, { cause: thrown });
  return thrown;
}
