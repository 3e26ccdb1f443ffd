import type { Reach, ReachPart } from "../store/index.ts";
import { type Role, roleScopes, type Scope } from "./roles.ts";

/** A role somewhere: `tenant` null is the platform, `project` null the whole tenant. */
export type Grant = { readonly role: Role; readonly tenant: string | null; readonly project: string | null };

/**
 * Who asks.
 *
 * 1. It may do what one of its grants covers; grants add up and never mix: the role of one tenant says nothing in another.
 * 2. The key of an account holds what the account holds at this moment, narrowed to a tenant, a project, a database, and to
 *    scopes: what the account loses the key loses.
 */
export type Principal = {
  /** A person's session, a service account's key, or a token that speaks for a name. */
  readonly kind: "user" | "service" | "token";
  /** Public id of the key or the session. */
  readonly id: string;
  readonly name: string;
  /** Who it speaks for: an e-mail address or a name. */
  readonly user: string;
  /** The account (users.id) behind it; absent for a token that only speaks for a name. */
  readonly account?: string;
  readonly grants: readonly Grant[];
  /** null: all that the grants hold. */
  readonly scopes: readonly Scope[] | null;
  /** The key of one database: `grants` is then exactly one, with a project. */
  readonly database: string | null;
  /** Of an account's key: what the account holds without it, and the role that the key names. Decides nothing; says why. */
  readonly key?: { readonly grants: readonly Grant[]; readonly role: Role | null };
};

/** What a request is about. null: the platform itself, the tenant itself, the project itself. */
export type Target = {
  readonly tenant: string | null;
  readonly project: string | null;
  readonly database?: string | null;
};

/** Whether some grant covers the target. Beyond the own tenants the answer to "no" is 404, never 403. */
export const reaches = (principal: Principal, target: Target): boolean =>
  insideDatabase(principal, target) && principal.grants.some((grant) => covers(grant, target));

/** Whether some grant that covers the target holds the scope; without a target: whether one does anywhere. */
export const holds = (principal: Principal, scope: Scope, target?: Target): boolean =>
  isOwnAccount(principal, scope) ||
  ((principal.scopes?.includes(scope) ?? true) &&
    (target === undefined || insideDatabase(principal, target)) &&
    principal.grants.some((grant) => gives(grant, scope) && (target === undefined || covers(grant, target))));

/** Whoever is signed in has an account to look after, also before any tenant has a role for it. */
const isOwnAccount = ({ kind }: Principal, scope: Scope): boolean =>
  kind === "user" && (scope === "self:read" || scope === "self:write");

export const can = (principal: Principal, scope: Scope, target: Target): boolean =>
  reaches(principal, target) && holds(principal, scope, target);

/** Whether the principal has any business in this tenant, so that it may be told "no" (403) instead of "what?" (404). */
export const isInside = (principal: Principal, tenant: string): boolean =>
  principal.grants.some((grant) => grant.tenant === null || grant.tenant === tenant);

/** Where it may do this, or (without a scope) anything at all: what a list filters by. */
export function reachOf(principal: Principal, scope?: Scope): Reach {
  if (scope !== undefined && principal.scopes !== null && !principal.scopes.includes(scope)) return [];
  const parts = principal.grants.filter((grant) => scope === undefined || gives(grant, scope));
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
export const rolesOf = ({ grants }: Pick<Principal, "grants">): string =>
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

export const covers = (grant: Grant, target: Target): boolean =>
  (grant.tenant === null || grant.tenant === target.tenant) &&
  (grant.project === null || grant.project === target.project);

export const gives = ({ role }: Grant, scope: Scope): boolean => roleScopes[role].has(scope);

const insideDatabase = ({ database }: Principal, target: Target): boolean =>
  database === null || database === (target.database ?? null);

/** The grants inside a part of the platform: what a key has of what its account holds. */
export const narrow = (grants: readonly Grant[], to: Target): readonly Grant[] =>
  grants.flatMap((grant) => {
    if (to.tenant === null) return [grant];
    if (grant.tenant !== null && grant.tenant !== to.tenant) return [];
    const whole = { ...grant, tenant: to.tenant };
    if (to.project === null) return [whole];
    return grant.project === null || grant.project === to.project ? [{ ...whole, project: to.project }] : [];
  });
