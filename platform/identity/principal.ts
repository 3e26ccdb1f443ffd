import { type Role, roleScopes, type Scope } from "./roles.ts";

/** Who asks. `tenant` null reaches the whole platform, `project` null the whole tenant. */
export type Principal = {
  /** Public id of the token. */
  readonly id: string;
  readonly name: string;
  readonly user: string;
  readonly role: Role;
  readonly tenant: string | null;
  readonly project: string | null;
};

/** What a request is about. null: the platform itself, or the tenant itself. */
export type Target = { readonly tenant: string | null; readonly project: string | null };

/** Whether the principal may know that the target exists at all; if not, the answer is 404, never 403. */
export const reaches = (principal: Principal, target: Target): boolean =>
  (principal.tenant === null || principal.tenant === target.tenant) &&
  (principal.project === null || principal.project === target.project);

export const holds = (principal: Principal, scope: Scope): boolean => roleScopes[principal.role].has(scope);

export const can = (principal: Principal, scope: Scope, target: Target): boolean =>
  reaches(principal, target) && holds(principal, scope);

/** Whether `maker` may hand out this grant: nothing it could not do itself, nowhere it does not reach. */
export function mayGrant(maker: Principal, grant: { role: Role } & Target): boolean {
  if (!reaches(maker, grant)) return false;
  return [...roleScopes[grant.role]].every((scope) => holds(maker, scope));
}

/** Whether role and reach fit together. A project-less `viewer` sees the whole tenant; a tenant-less one does not exist. */
export function fits(grant: { role: Role } & Target): boolean {
  if (grant.role === "platform-admin") return grant.tenant === null && grant.project === null;
  if (grant.role === "domain-admin") return grant.tenant !== null && grant.project === null;
  return grant.tenant !== null;
}
