import { memberRoles } from "../spec/index.ts";

/** What a request may be about. Every route of the portal names exactly one. */
export const scopes = [
  "databases:read",
  "databases:write",
  "databases:run",
  "credentials:read",
  "credentials:owner",
  "data:read",
  "data:write",
  "data:admin",
  "files:read",
  "files:write",
  "sql:read",
  "sql:branch",
  "sql:write",
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
  "usage:write",
  "billing:write",
  "audit:read",
  "audit:export",
  "subjects:manage",
  "vault:read",
  "vault:rotate",
  "keys:own",
  "keys:read",
  "keys:write",
  "catalogue:read",
  "self:read",
  "self:write",
  "users:read",
  "users:invite",
  "users:write",
  "signing-keys:rotate",
] as const;
export type Scope = (typeof scopes)[number];

export const roles = ["platform-admin", ...memberRoles] as const;
export type Role = (typeof roles)[number];

const everyone = ["catalogue:read", "self:read", "self:write", "keys:own", "projects:read", "tenants:read"] as const;
const watching = [...everyone, "databases:read", "operations:read", "pulls:read"] as const;
/** Asks for changes and sees what there is, but neither puts anything in force nor touches what runs. */
const building = [
  ...watching,
  "databases:write",
  "credentials:read",
  "data:read",
  "files:read",
  "sql:read",
  "sql:branch",
  "usage:read",
] as const;
const running = [
  ...building,
  "databases:run",
  "credentials:owner",
  "sql:write",
  "data:write",
  "data:admin",
  "files:write",
  "pulls:merge",
  "operations:cancel",
  "audit:read",
  "keys:read",
  "keys:write",
] as const;

/** One line a scope: docs/roles.md is made of them. */
export const scopeMeanings: Readonly<Record<Scope, string>> = {
  "databases:read": "see databases, their status and metrics",
  "databases:write": "open pull requests that change databases; close pull requests",
  "databases:run": "pause, resume, rotate and whatever else acts at once on what runs",
  "credentials:read": "see passwords of roles that may only read",
  "credentials:owner": "see passwords of the owner and of roles that may write",
  "data:read": "ask databases through their data API, as `authenticated`, without changing anything",
  "data:write": "change rows through the data API, as `authenticated`; row-level security decides which",
  "data:admin": "use the data API as `service_role`, which sees past row-level security",
  "files:read": "list and read the objects of buckets, sign addresses that read",
  "files:write": "write and delete the objects of buckets, sign addresses that write",
  "sql:read": "run SQL that reads, in databases and branches",
  "sql:branch": "run SQL that writes in branches of databases",
  "sql:write": "run SQL that writes in databases, as their owner",
  "projects:read": "see projects and their quotas",
  "projects:write": "open pull requests that add projects",
  "tenants:read": "see the tenant's name, plan and members",
  "tenants:write": "change members, merge changes of tenant.ts, set secrets, make credentials for CI",
  "fleet:write": "merge changes of fleet/, connect and approve repositories",
  "operations:read": "see operations and follow them",
  "operations:cancel": "cancel operations",
  "pulls:read": "see pull requests and their reviews",
  "pulls:merge": "merge reviewed pull requests, or ask for that with auto-merge",
  "usage:read": "see usage, invoices, what explains them, and exports",
  "usage:write": "report and correct usage, as the platform's own meters do",
  "billing:write": "close and reverse months, grant credits, note payments",
  "audit:read": "read the audit",
  "audit:export": "verify and export the whole audit",
  "subjects:manage": "export and erase what is held about a person",
  "vault:read": "see which keys seal the secrets, never the keys",
  "vault:rotate": "rotate the keys that seal the secrets",
  "keys:own": "make and revoke keys of one's own",
  "keys:read": "see the keys of service accounts, and tokens",
  "keys:write": "make and revoke service accounts, their keys, and tokens",
  "catalogue:read": "see engines, versions, sizes and providers",
  "self:read": "see who one is",
  "self:write": "change one's own password, second factor and sessions",
  "users:read": "see everybody who has an account",
  "users:invite": "invite people by mail",
  "users:write": "disable accounts, remove lost second factors, make platform administrators",
  "signing-keys:rotate": "sign sessions with a new key",
};

/**
 * The whole of who may do what, as data. How far a role reaches (platform, tenant, project) is the principal's, not the
 * role's. `tenants:write` and `fleet:write` guard merges that touch `tenant.ts` and `fleet/`.
 */
export const roleScopes: Readonly<Record<Role, ReadonlySet<Scope>>> = {
  "platform-admin": new Set(scopes),
  "domain-admin": new Set([...running, "projects:write", "tenants:write", "users:invite"]),
  "project-admin": new Set(running),
  developer: new Set(building),
  viewer: new Set(watching),
  "billing-viewer": new Set([...everyone, "usage:read"]),
};

export const isRole = (text: string): text is Role => (roles as readonly string[]).includes(text);
