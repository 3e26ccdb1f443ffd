import type { Secret } from "../core/index.ts";
import type { Sql } from "../sql/index.ts";
import { insertPrincipal, type PrincipalRow } from "../store/index.ts";
import { badGrant, roleTooHigh } from "./errors.ts";
import { fits, type Grant, mayGrant, type Principal, rolesOf, type Target } from "./principal.ts";
import { isRole, roleScopes, type Scope } from "./roles.ts";
import { makeToken, type TokenEnvironment } from "./token.ts";

/** A token that speaks for a name, with a role of its own: the installation's first, and what was made with one. */
export type NewGrant = Grant & {
  readonly name: string;
  readonly user: string;
  readonly database?: string | null;
  readonly scopes?: readonly Scope[] | null;
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
  if (maker !== null && !mayGrant(maker, grant, grant.scopes ?? null))
    throw roleTooHigh(`${rolesOf(maker)} may not make a ${grant.role} token with ${describeReach(grant)}`);
  const { id, text, hash } = makeToken(environment);
  const row = await insertPrincipal(sql, {
    id,
    name: grant.name,
    secretHash: hash,
    userName: grant.user,
    owner: null,
    role: grant.role,
    tenant: grant.tenant,
    project: grant.project,
    database: grant.database ?? null,
    scopes: grant.scopes ?? null,
    madeBy: maker?.user ?? null,
    expiresAt: grant.expiresAt,
  });
  return { text, row };
}

/** A row whose role this version does not know gives nobody any right. */
export function principalFromRow(row: PrincipalRow): Principal | undefined {
  const { role, scopes } = row;
  if (role === null || !isRole(role)) return undefined;
  return {
    kind: "token",
    id: row.id,
    name: row.name,
    user: row.userName,
    grants: [{ role, tenant: row.tenant, project: row.project }],
    scopes: scopes === null ? null : [...roleScopes[role]].filter((scope) => scopes.includes(scope)),
    database: row.database,
  };
}

const describeReach = ({ tenant, project }: Target): string =>
  tenant === null ? "no tenant" : project === null ? `the tenant ${tenant}` : `the project ${tenant}/${project}`;
