/**
 * What is inside an instance against what is wanted: pure. `planSync` compares and gives the statements; none when nothing is to
 * do. `sync.ts` observes and runs them.
 *
 * 1. The owner and every role are plain: no superuser, no CREATEDB, no CREATEROLE, no REPLICATION, no BYPASSRLS; nobody is given
 *    files, programs or another database.
 * 2. `read` and `write` are memberships of two group roles whose privileges follow the owner's objects by default privileges,
 *    also for tables made later.
 * 3. Only what was declared once is ever dropped; what a dropped role owned goes to the owner.
 */
import { quoteIdent, quoteLiteral } from "../sql/index.ts";

export type RoleFound = {
  readonly name: string;
  readonly login: boolean;
  /** Whether it has an attribute that invariant 1 forbids. */
  readonly mighty: boolean;
  readonly verifier: string | null;
  readonly groups: readonly string[];
};

/** As a look at the server gives them. */
export type RoleSeen = RoleFound & {
  /** What it has of what invariant 1 forbids, in words. */
  readonly attributes: readonly string[];
};

export type Found = {
  readonly owner: string;
  readonly publicMayConnect: boolean;
  readonly groupsFollowOwner: boolean;
  readonly roles: readonly RoleFound[];
  readonly extensions: readonly string[];
};

export type RoleWanted = {
  readonly name: string;
  readonly login: boolean;
  readonly access: "owner" | "read" | "write";
  /** A new verifier to set; null leaves the password as it is. */
  readonly newVerifier: string | null;
};

export type Wanted = {
  readonly database: string;
  readonly owner: string;
  /** The owner among them. */
  readonly roles: readonly RoleWanted[];
  readonly droppedRoles: readonly string[];
  readonly extensions: readonly string[];
  readonly droppedExtensions: readonly string[];
};

export type Step = { readonly what: string; readonly statements: readonly string[] };

const groups = { read: "nebula_read", write: "nebula_write" } as const;

export function planSync(found: Found, wanted: Wanted): readonly Step[] {
  return [
    ...wanted.roles.flatMap((role) => roleSteps(found, role)),
    ...ownerSteps(found, wanted),
    ...wanted.roles.flatMap((role) => memberSteps(found, role)),
    ...wanted.droppedRoles.flatMap((name) => dropRoleSteps(found, wanted, name)),
    ...wanted.droppedExtensions
      .filter((name) => found.extensions.includes(name) && !wanted.extensions.includes(name))
      .map((name) => step(`drop extension ${name}`, `drop extension ${quoteIdent(name)}`)),
    ...wanted.extensions
      .filter((name) => !found.extensions.includes(name))
      .map((name) =>
        step(`create extension ${name}`, `create extension ${quoteIdent(name)} with schema public cascade`),
      ),
  ];
}

const step = (what: string, ...statements: string[]): Step => ({ what, statements });

const plain = "nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit";
const unlimited = "connection limit -1 valid until 'infinity'";

/** The two groups as every instance has them; only somebody's hand takes one away or gives it powers. */
export function groupSteps({ roles }: Pick<Found, "roles">): readonly Step[] {
  return Object.values(groups).flatMap((name) => {
    const existing = roles.find((role) => role.name === name);
    if (existing === undefined) return [step(`create group ${name}`, `create role ${name} nologin ${plain}`)];
    const powers = existing.groups.filter(isPredefined);
    return [
      ...(existing.login || existing.mighty
        ? [step(`change group ${name}`, `alter role ${name} nologin ${plain} ${unlimited}`)]
        : []),
      ...powers.map((group) => step(`${name} may no longer ${group}`, `revoke ${group} from ${name}`)),
    ];
  });
}

/** Roles that Postgres itself brings: files, programs, other sessions. Nobody here is ever a member. */
export const isPredefined = (group: string): boolean => group.startsWith("pg_");

function roleSteps({ roles }: Found, { name, login, newVerifier }: RoleWanted): Step[] {
  const role = quoteIdent(name);
  const existing = roles.find((found) => found.name === name);
  const attributes = `${login ? "login" : "nologin"} ${plain}`;
  const steps: Step[] = [];
  if (existing === undefined) steps.push(step(`create role ${name}`, `create role ${role} ${attributes}`));
  else if (existing.login !== login || existing.mighty)
    steps.push(step(`change role ${name}`, `alter role ${role} ${attributes} ${unlimited}`));
  if (newVerifier !== null)
    steps.push(step(`set the password of ${name}`, `alter role ${role} password ${quoteLiteral(newVerifier)}`));
  return steps;
}

function ownerSteps(found: Found, { database, owner }: Wanted): Step[] {
  const steps: Step[] = [];
  if (found.owner !== owner)
    steps.push(
      // What another owner made inside stays his: it may be somebody's own work.
      step(`change owner to ${owner}`, `alter database ${quoteIdent(database)} owner to ${quoteIdent(owner)}`),
    );
  if (found.publicMayConnect)
    steps.push(step("close the database to others", `revoke all on database ${quoteIdent(database)} from public`));
  if (!found.groupsFollowOwner || found.owner !== owner)
    steps.push(step("grant the groups", ...groupStatements(owner, database)));
  return steps;
}

/** Privileges of the two groups on everything the owner has and will have. Repeating them changes nothing. */
export function groupStatements(owner: string, database: string): string[] {
  const { read, write } = groups;
  const by = `alter default privileges for role ${quoteIdent(owner)} grant`;
  return [
    `grant connect, temporary on database ${quoteIdent(database)} to ${read}, ${write}`,
    `grant usage on schema public to ${read}, ${write}`,
    `${by} usage on schemas to ${read}, ${write}`,
    `${by} select on tables to ${read}, ${write}`,
    `${by} insert, update, delete, truncate on tables to ${write}`,
    `${by} select on sequences to ${read}, ${write}`,
    `${by} usage, update on sequences to ${write}`,
    existingObjects(owner),
  ];
}

/** The same for what is there already: one block, because only the server knows the schemas. */
function existingObjects(owner: string): string {
  const { read, write } = groups;
  const ours = `${quoteLiteral(quoteIdent(owner))}::regrole, 'pg_database_owner'::regrole`;
  return `do ${quoteLiteral(`declare s name; begin
  for s in select nspname from pg_namespace where nspowner in (${ours}) loop
    execute format('grant usage on schema %I to ${read}, ${write}', s);
    execute format('grant select on all tables in schema %I to ${read}, ${write}', s);
    execute format('grant insert, update, delete, truncate on all tables in schema %I to ${write}', s);
    execute format('grant select on all sequences in schema %I to ${read}, ${write}', s);
    execute format('grant usage, update on all sequences in schema %I to ${write}', s);
  end loop; end`)}`;
}

function memberSteps({ roles }: Found, { name, access }: RoleWanted): Step[] {
  const has = roles.find((found) => found.name === name)?.groups ?? [];
  const wanted: readonly string[] = access === "owner" ? [] : [groups[access]];
  const role = quoteIdent(name);
  return [
    ...wanted
      .filter((group) => !has.includes(group))
      .map((group) => step(`${name} may ${access}`, `grant ${group} to ${role}`)),
    ...Object.values(groups)
      .filter((group) => has.includes(group) && !wanted.includes(group))
      .map((group) => step(`${name} may no longer ${group.slice("nebula_".length)}`, `revoke ${group} from ${role}`)),
    ...has.filter(isPredefined).map((group) => step(`${name} may no longer ${group}`, `revoke ${group} from ${role}`)),
  ];
}

function dropRoleSteps({ roles }: Found, { owner }: Wanted, name: string): Step[] {
  if (!roles.some((found) => found.name === name)) return [];
  const role = quoteIdent(name);
  return [
    step(
      `drop role ${name}`,
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = ${quoteLiteral(name)}`,
      `reassign owned by ${role} to ${quoteIdent(owner)}`,
      `drop owned by ${role}`,
      `drop role ${role}`,
    ),
  ];
}
