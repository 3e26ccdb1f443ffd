import { type Secret, toTimestamp } from "../core/index.ts";
import type { Sql } from "../sql/index.ts";
import { insertPrincipal, type KeyLimit, type PrincipalRow, supersedePrincipal } from "../store/index.ts";
import type { Account } from "./directory.ts";
import { badGrant, keyNotRotatable, roleTooHigh } from "./errors.ts";
import { type Grant, mayGrant, narrow, type Principal, rolesOf } from "./principal.ts";
import { isRole, type Role, roleScopes, roles, type Scope, scopes } from "./roles.ts";
import { makeToken, type TokenEnvironment } from "./token.ts";
import { principalFromRow } from "./tokens.ts";

/**
 * API keys of accounts.
 *
 * 1. A key holds what its account holds at the moment of the request, inside the key's reach, role and scopes: what the
 *    account loses the key loses with it.
 * 2. A key never holds more than whoever makes it, then and later: a key that is made with a key is inside that key's reach,
 *    role, scopes and time. Nor does it name more than its account holds there at that moment: a name that means nothing yet
 *    would mean something after the next promotion.
 * 3. Of its account's keys a key sees, rotates and revokes itself and those that are no wider: the others are not there for it.
 * 4. The secret is shown once. Rotating makes a second key like the first, which lives on for the overlap.
 */
export type KeyPlace = {
  /** null: wherever the account reaches. */
  readonly tenant: string | null;
  readonly project: string | null;
  readonly database: string | null;
};

export type NewKey = KeyPlace & {
  readonly name: string;
  readonly account: Account;
  readonly role: Role | null;
  readonly scopes: readonly Scope[] | null;
  readonly expiresAt: Date | null;
};

export type IssuedKey = { readonly text: Secret; readonly row: PrincipalRow };

/**
 * `makerKey` is the row of the key that the maker asks with; undefined for a session.
 * @throws NEB664 when the reach does not fit or the account holds nothing there, NEB663 when it exceeds its maker.
 */
export async function issueKey(
  sql: Sql,
  maker: Principal,
  makerKey: PrincipalRow | undefined,
  asked: NewKey,
  environment: TokenEnvironment = "live",
): Promise<IssuedKey> {
  const key = makerKey === undefined || makerKey.owner !== asked.account.id ? asked : inside(asked, makerKey);
  if ((key.database !== null && key.project === null) || (key.project !== null && key.tenant === null))
    throw badGrant("a key of a database needs its project, and a key of a project its tenant");
  const held = narrow(key.account.grants, key);
  if (held.length === 0) throw badGrant(`${key.account.user} holds nothing there`);
  const allowed = scopesOfKey(key.role, key.scopes);
  demandHeld(asked, held, key);
  const beyond = held.find((grant) => !mayGrant(maker, { ...grant, database: key.database }, allowed));
  if (beyond !== undefined)
    throw roleTooHigh(`${rolesOf(maker)} may not make a key that holds ${beyond.role} in ${placeName(beyond)}`);
  return store(sql, key, maker.user, environment);
}

export type Rotation = {
  readonly row: PrincipalRow;
  /** Of the row's owner; undefined for a token of no account. */
  readonly account: Account | undefined;
  /** The row of the key that asks; undefined for a session. */
  readonly makerKey: PrincipalRow | undefined;
  readonly overlapSeconds: number;
  readonly expiresAt: Date | null;
};

/**
 * A key rotates itself; any other is rotated by who may make one like it.
 * @throws NEB674 when it was rotated, revoked or has expired, NEB663 when it holds more than who asks.
 */
export async function rotateKey(
  sql: Sql,
  by: Principal,
  { row, account, makerKey, overlapSeconds, expiresAt }: Rotation,
): Promise<IssuedKey & { readonly old: PrincipalRow }> {
  if (row.id !== by.id) demandWithin(by, row, account, makerKey);
  return sql.tx(async (tx) => {
    const { id, text, hash } = makeToken("live");
    const old = await supersedePrincipal(tx, row.id, id, overlapSeconds);
    if (old === undefined) throw keyNotRotatable(`the key ${row.id} was rotated, revoked or has expired`);
    const made = await insertPrincipal(tx, { ...row, id, secretHash: hash, madeBy: by.user, expiresAt });
    return { text, row: made, old };
  });
}

/** What a key of an account may do now; undefined when a name in its row is none of this version's. */
export function principalOfKey(row: PrincipalRow, account: Account): Principal | undefined {
  const role = row.role;
  if (role !== null && !isRole(role)) return undefined;
  const named = row.scopes?.filter((scope): scope is Scope => (scopes as readonly string[]).includes(scope)) ?? null;
  return {
    kind: account.kind === "service" ? "service" : "token",
    id: row.id,
    name: row.name,
    user: account.user,
    account: account.id,
    grants: narrow(account.grants, row),
    scopes: scopesOfKey(role, named),
    database: row.database,
    key: { grants: account.grants, role },
  };
}

function demandWithin(
  by: Principal,
  row: PrincipalRow,
  account: Account | undefined,
  makerKey: PrincipalRow | undefined,
): void {
  // What the account holds today is not what it may hold tomorrow: the places and scopes themselves are compared.
  if (makerKey !== undefined && row.owner !== null && row.owner === makerKey.owner && !isNarrower(row, makerKey))
    throw roleTooHigh(`the key ${row.id} may hold more than the one that you ask with`);
  const its = account === undefined ? principalFromRow(row) : principalOfKey(row, account);
  const isWithin = its?.grants.every((grant) => mayGrant(by, { ...grant, database: its.database }, its.scopes));
  if (isWithin !== true) throw roleTooHigh(`the key ${row.id} holds more than you do`);
}

const store = async (sql: Sql, key: NewKey, madeBy: string, environment: TokenEnvironment): Promise<IssuedKey> => {
  const { id, text, hash } = makeToken(environment);
  const { name, account, role, tenant, project, database, expiresAt } = key;
  const row = await insertPrincipal(sql, {
    id,
    name,
    secretHash: hash,
    userName: account.user,
    owner: account.id,
    role,
    tenant,
    project,
    database,
    scopes: key.scopes,
    madeBy,
    expiresAt,
  });
  return { text, row };
};

/** The key, cut to the one that it is made with. @throws NEB663 where it asks for another place. */
function inside(key: NewKey, maker: PrincipalRow): NewKey {
  const place = {
    tenant: within(key.tenant, maker.tenant),
    project: within(key.project, maker.project),
    database: within(key.database, maker.database),
  };
  const [mine, its] = [scopesOfKey(key.role, key.scopes), scopesOfKey(roleOf(maker), knownScopes(maker))];
  const excess = (mine ?? []).find((scope) => its !== null && !its.includes(scope));
  if (excess !== undefined) throw roleTooHigh(`a key made with a key names no more than that key holds: not ${excess}`);
  const cut = its === null ? mine : (mine ?? its).filter((scope) => its.includes(scope));
  const ends = [key.expiresAt, maker.expiresAt].flatMap((date) => (date === null ? [] : [date.getTime()]));
  const expiresAt = ends.length === 0 ? null : new Date(Math.min(...ends));
  return { ...key, ...place, scopes: cut, expiresAt };
}

function within(asked: string | null, limit: string | null): string | null {
  if (limit === null) return asked;
  if (asked !== null && asked !== limit) throw roleTooHigh("a key made with a key stays inside that key's reach");
  return limit;
}

function isNarrower(row: PrincipalRow, than: PrincipalRow): boolean {
  const places = [
    [row.tenant, than.tenant],
    [row.project, than.project],
    [row.database, than.database],
  ] as const;
  if (places.some(([one, limit]) => limit !== null && one !== limit)) return false;
  if (than.expiresAt !== null && (row.expiresAt === null || row.expiresAt > than.expiresAt)) return false;
  const limit = scopesOfKey(roleOf(than), knownScopes(than));
  const its = scopesOfKey(roleOf(row), knownScopes(row)) ?? scopes;
  return limit === null || its.every((scope) => limit.includes(scope));
}

/** `isNarrower` for many rows at once, as the ledger asks it; null where no account stands behind the key. */
export function limitOf(key: PrincipalRow | undefined): KeyLimit | null {
  if (key === undefined || key.owner === null) return null;
  const limit = scopesOfKey(roleOf(key), knownScopes(key));
  const beyond = (held: readonly Scope[]) => (limit === null ? [] : held.filter((scope) => !limit.includes(scope)));
  const { id, tenant, project, database, expiresAt } = key;
  const byRole = roles.map((role) => [role, beyond([...roleScopes[role]])] as const);
  return { id, tenant, project, database, expiresAt, beyond: { "": beyond(scopes), ...Object.fromEntries(byRole) } };
}

const roleOf = ({ role }: PrincipalRow): Role | null => (role !== null && isRole(role) ? role : null);
const knownScopes = (row: PrincipalRow): readonly Scope[] | null =>
  row.scopes === null ? null : scopes.filter((scope) => row.scopes?.includes(scope));

function scopesOfKey(role: Role | null, named: readonly Scope[] | null): readonly Scope[] | null {
  if (role === null) return named;
  return [...roleScopes[role]].filter((scope) => named?.includes(scope) ?? true);
}

/** @throws NEB663 when the role or a scope that is named is held by no grant of the place. */
function demandHeld({ role, scopes: named, account }: NewKey, held: readonly Grant[], place: KeyPlace): void {
  const holds = (scope: Scope) => held.some((grant) => roleScopes[grant.role].has(scope));
  const missing = [...(role === null ? [] : roleScopes[role]), ...(named ?? [])].find((scope) => !holds(scope));
  if (missing === undefined) return;
  const where = place.tenant === null ? "anywhere" : `in ${placeName(place)}`;
  const mine = [...new Set(held.map((grant) => grant.role))].join(" and ");
  throw roleTooHigh(
    role !== null && roleScopes[role].has(missing)
      ? `a ${role} holds ${missing}, and ${account.user} does not ${where}: ${mine} is all there is`
      : `${account.user} does not hold ${missing} ${where}: ${mine} is all there is`,
    {
      hint: "Name a role or scopes that you hold there, or none: then the key holds what its account does.",
      fields: { scope: missing },
    },
  );
}

const placeName = ({ tenant, project }: Pick<Grant, "tenant" | "project">): string =>
  tenant === null ? "the platform" : project === null ? tenant : `${tenant}/${project}`;

const timeOf = (date: Date | null) => (date === null ? null : toTimestamp(date.getTime()));

/** A key as the API shows it: everything but the secret. */
export const keyToWire = (row: PrincipalRow) => ({
  id: row.id,
  name: row.name,
  user: row.userName,
  role: roleOf(row),
  tenant: row.tenant,
  project: row.project,
  database: row.database,
  scopes: row.scopes === null ? null : [...row.scopes],
  madeBy: row.madeBy,
  successor: row.successor,
  createdAt: toTimestamp(row.createdAt.getTime()),
  expiresAt: timeOf(row.expiresAt),
  lastUsedAt: timeOf(row.lastUsedAt),
});
