import { type Secret, toTimestamp } from "../core/index.ts";
import type { Sql } from "../sql/index.ts";
import { findPrincipal, insertPrincipal, type PrincipalRow, touchPrincipal } from "../store/index.ts";
import { badGrant, roleTooHigh } from "./errors.ts";
import { fits, type Grant, mayGrant, type Principal, rolesOf, type Target } from "./principal.ts";
import { isRole } from "./roles.ts";
import { makeToken, parseToken, sameHash, type TokenEnvironment } from "./token.ts";

export type NewGrant = Grant & {
  readonly name: string;
  readonly user: string;
  readonly expiresAt: Date | null;
};

export type IssuedToken = { readonly text: Secret; readonly row: PrincipalRow };

/**
 * Makes a token and stores its hash. `maker` is null only for the installation's first administrator.
 * @throws NEB664 when role and reach do not fit, NEB663 when the grant exceeds its maker.
 */
export async function issueToken(
  sql: Sql,
  maker: Principal | null,
  grant: NewGrant,
  environment: TokenEnvironment = "live",
): Promise<IssuedToken> {
  if (!fits(grant)) throw badGrant(`a ${grant.role} token cannot have ${describeReach(grant)}`);
  if (maker !== null && !mayGrant(maker, grant))
    throw roleTooHigh(`${rolesOf(maker)} may not make a ${grant.role} token with ${describeReach(grant)}`);
  const { id, text, hash } = makeToken(environment);
  const row = await insertPrincipal(sql, {
    id,
    name: grant.name,
    secretHash: hash,
    userName: grant.user,
    role: grant.role,
    tenant: grant.tenant,
    project: grant.project,
    expiresAt: grant.expiresAt,
  });
  return { text, row };
}

/** The principal a token speaks for; undefined when it is no token, unknown, wrong, revoked or expired. */
export async function verifyToken(sql: Sql, text: string, nowMs = Date.now()): Promise<Principal | undefined> {
  const parsed = parseToken(text);
  if (parsed === undefined) return undefined;
  const row = await findPrincipal(sql, parsed.id);
  if (row === undefined || !sameHash(row.secretHash, parsed.hash)) return undefined;
  if (row.revokedAt !== null) return undefined;
  if (row.expiresAt !== null && row.expiresAt.getTime() <= nowMs) return undefined;
  const principal = principalFromRow(row);
  if (principal !== undefined && isStale(row, nowMs)) await touchPrincipal(sql, row.id);
  return principal;
}

/** A row whose role this version does not know gives nobody any right. */
export function principalFromRow(row: PrincipalRow): Principal | undefined {
  if (!isRole(row.role)) return undefined;
  return {
    kind: "token",
    id: row.id,
    name: row.name,
    user: row.userName,
    grants: [{ role: row.role, tenant: row.tenant, project: row.project }],
    scopes: null,
    database: null,
  };
}

/** A token as the API shows it: everything but the secret. */
export const tokenToWire = (row: PrincipalRow) => ({
  id: row.id,
  name: row.name,
  user: row.userName,
  role: row.role,
  tenant: row.tenant,
  project: row.project,
  createdAt: toTimestamp(row.createdAt.getTime()),
  expiresAt: row.expiresAt === null ? null : toTimestamp(row.expiresAt.getTime()),
  lastUsedAt: row.lastUsedAt === null ? null : toTimestamp(row.lastUsedAt.getTime()),
});

const isStale = (row: PrincipalRow, nowMs: number): boolean =>
  row.lastUsedAt === null || nowMs - row.lastUsedAt.getTime() > 60_000;

const describeReach = ({ tenant, project }: Target): string =>
  tenant === null ? "no tenant" : project === null ? `the tenant ${tenant}` : `the project ${tenant}/${project}`;
