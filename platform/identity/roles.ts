import { memberRoles } from "../spec/index.ts";

/** What a request may be about. Every route of the portal names exactly one. */
export const scopes = [
  "databases:read",
  "databases:write",
  "databases:run",
  "credentials:read",
  "projects:read",
  "projects:write",
  "tenants:read",
  "tenants:write",
  "fleet:write",
  "operations:read",
  "operations:cancel",
  "pulls:read",
  "pulls:merge",
  "usage:read",
  "audit:read",
  "tokens:read",
  "tokens:write",
  "catalogue:read",
  "self:read",
] as const;
export type Scope = (typeof scopes)[number];

export const roles = ["platform-admin", ...memberRoles] as const;
export type Role = (typeof roles)[number];

const everyone = ["catalogue:read", "self:read", "projects:read", "tenants:read"] as const;
const watching = [...everyone, "databases:read", "operations:read", "pulls:read"] as const;
const building = [
  ...watching,
  "databases:write",
  "databases:run",
  "credentials:read",
  "pulls:merge",
  "usage:read",
] as const;
const running = [...building, "operations:cancel", "audit:read", "tokens:read", "tokens:write"] as const;

/**
 * The whole of who may do what, as data. How far a role reaches (platform, tenant, project) is the principal's, not the
 * role's. `tenants:write` and `fleet:write` guard merges that touch `tenant.ts` and `fleet/`.
 */
export const roleScopes: Readonly<Record<Role, ReadonlySet<Scope>>> = {
  "platform-admin": new Set(scopes),
  "domain-admin": new Set([...running, "projects:write", "tenants:write"]),
  "project-admin": new Set(running),
  developer: new Set(building),
  viewer: new Set(watching),
  "billing-viewer": new Set([...everyone, "usage:read"]),
};

export const isRole = (text: string): text is Role => (roles as readonly string[]).includes(text);
