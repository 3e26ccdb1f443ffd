import type { Reach, ReachPart } from "../store/index.ts";
import { type Role, roleScopes, type Scope } from "./roles.ts";

/** A role somewhere: `tenant` null is the platform, `project` null the whole tenant. */
export type Grant = { readonly role: Role; readonly tenant: string | null; readonly project: string | null };

/**
 * Who asks.
 *
 * 1. It may do what one of its grants covers; grants add up and never mix: the role of one tenant says nothing in another.
 * 2. A key is narrower than its grants where it names scopes or a database, and never wider than who it belongs to (`owner`).
 */
export type Principal = {
  /** A person's session, a service account's key, or a token that speaks for a name. */
  readonly kind: "user" | "service" | "token";
  /** Public id of the key or the session. */
  readonly id: string;
  readonly name: string;
  /** Who it speaks for: an e-mail address or a name. */
  readonly user: string;
  readonly grants: readonly Grant[];
  /** null: all that the grants hold. */
  readonly scopes: readonly Scope[] | null;
  /** The key of one database: `grants` is then exactly one, with a project. */
  readonly database: string | null;
  /** What the account behind a key holds at this moment; absent where none stands behind it. */
  readonly owner?: readonly Grant[];
};

/** What a request is about. null: the platform itself, the tenant itself, the project itself. */
export type Target = {
  readonly tenant: string | null;
  readonly project: string | null;
  readonly database?: string | null;
};

/** Whether some grant covers the target. Beyond the own tenants the answer to "no" is 404, never 403. */
export const reaches = (principal: Principal, target: Target): boolean =>
  insideDatabase(principal, target) &&
  principal.grants.some((grant) => covers(grant, target)) &&
  (principal.owner?.some((grant) => covers(grant, target)) ?? true);

/** Whether some grant that covers the target holds the scope; without a target: whether one does anywhere. */
export const holds = (principal: Principal, scope: Scope, target?: Target): boolean =>
  (principal.scopes?.includes(scope) ?? true) &&
  (target === undefined
    ? partsOf(principal, scope).length > 0
    : insideDatabase(principal, target) &&
      principal.grants.some((grant) => covers(grant, target) && gives(grant, scope)) &&
      (principal.owner?.some((grant) => covers(grant, target) && gives(grant, scope)) ?? true));

export const can = (principal: Principal, scope: Scope, target: Target): boolean =>
  reaches(principal, target) && holds(principal, scope, target);

/** Whether the principal has any business in this tenant, so that it may be told "no" (403) instead of "what?" (404). */
export const isInside = (principal: Principal, tenant: string): boolean =>
  partsOf(principal).some((part) => part.tenant === null || part.tenant === tenant);

/** Where it may do this, or (without a scope) anything at all: what a list filters by. */
export function reachOf(principal: Principal, scope?: Scope): Reach {
  if (scope !== undefined && principal.scopes !== null && !principal.scopes.includes(scope)) return [];
  const parts = partsOf(principal, scope);
  if (parts.some(({ tenant }) => tenant === null)) return "everything";
  const seen = new Map<string, ReachPart>();
  for (const { tenant, project } of parts)
    if (tenant !== null) seen.set(`${tenant} ${project}`, { tenant, project, database: principal.database });
  return [...seen.values()];
}

/** Every scope that it holds somewhere. */
export const scopesOf = (principal: Principal): readonly Scope[] =>
  [...new Set(principal.grants.flatMap(({ role }) => [...roleScopes[role]]))]
    .filter((scope) => holds(principal, scope))
    .sort();

/** Where it is at home: the one tenant (and project) of all its grants, else the platform. */
export function homeOf({ grants }: Principal): { readonly tenant: string | null; readonly project: string | null } {
  const [first] = grants;
  if (first === undefined || grants.some(({ tenant }) => tenant !== first.tenant))
    return { tenant: null, project: null };
  return {
    tenant: first.tenant,
    project: grants.every(({ project }) => project === first.project) ? first.project : null,
  };
}

/** Names its roles, for a sentence. */
export const rolesOf = ({ grants }: Principal): string =>
  [...new Set(grants.map(({ role }) => role))].join(", ") || "no role";

/** Whether `maker` may hand out this grant, narrowed to `scopes`: nothing it could not do itself, nowhere it does not reach. */
export function mayGrant(
  maker: Principal,
  grant: Grant & { readonly database?: string | null },
  scopes: readonly Scope[] | null = null,
): boolean {
  if (!reaches(maker, grant)) return false;
  const given = [...roleScopes[grant.role]].filter((scope) => scopes?.includes(scope) ?? true);
  return given.every((scope) => holds(maker, scope, grant));
}

/** Whether role and reach fit together. A project-less `viewer` sees the whole tenant; a tenant-less one does not exist. */
export function fits(grant: Grant & { readonly database?: string | null }): boolean {
  if (grant.database != null && grant.project === null) return false;
  if (grant.role === "platform-admin") return grant.tenant === null && grant.project === null;
  if (grant.role === "domain-admin") return grant.tenant !== null && grant.project === null;
  return grant.tenant !== null;
}

const covers = (grant: Grant, target: Target): boolean =>
  (grant.tenant === null || grant.tenant === target.tenant) &&
  (grant.project === null || grant.project === target.project);

const gives = ({ role }: Grant, scope: Scope): boolean => roleScopes[role].has(scope);

const insideDatabase = ({ database }: Principal, target: Target): boolean =>
  database === null || database === (target.database ?? null);

/** The grants, each cut down to what the account behind the key still has. */
function partsOf(principal: Principal, scope?: Scope): readonly Omit<Grant, "role">[] {
  const having = (grants: readonly Grant[]) =>
    scope === undefined ? grants : grants.filter((grant) => gives(grant, scope));
  const own = having(principal.grants);
  if (principal.owner === undefined) return own;
  const behind = having(principal.owner);
  return own.flatMap((grant) => behind.flatMap((other) => common(grant, other)));
}

function common(one: Grant, other: Grant): readonly Omit<Grant, "role">[] {
  if (one.tenant === null) return [other];
  if (other.tenant === null) return [one];
  if (one.tenant !== other.tenant) return [];
  if (one.project === null) return [other];
  return other.project === null || other.project === one.project ? [one] : [];
}
