import { z } from "zod";
import { type Principal, reachOf } from "../../platform/identity/index.ts";
import { memberRoles, type TenantSpec } from "../../platform/spec/index.ts";
import { ensureCiRole, listFleets, statePassphrase } from "../../platform/store/index.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "./page.ts";
import type { Portal } from "./portal.ts";
import { absent } from "./reach.ts";
import { json, route } from "./route.ts";
import { name, named } from "./schemas.ts";

const tenantSchema = named(
  "Tenant",
  "Who owns projects and pays, as tenant.ts says.",
  z.strictObject({
    name: z.string(),
    displayName: z.string(),
    plan: z.string(),
    members: z.array(
      z.strictObject({
        user: z.string(),
        role: z.enum(memberRoles),
        projects: z.array(z.string()).nullable().describe("null: all."),
      }),
    ),
  }),
);

const ciCredentials = named(
  "CiCredentials",
  "What `pulumi up` needs as environment to deploy a tenant's projects, and nothing else.",
  z.strictObject({
    PULUMI_BACKEND_URL: z.string().describe("A login of its own in the ledger; reaches this tenant's stacks only."),
    PULUMI_CONFIG_PASSPHRASE: z.string(),
  }),
);

export const tenantRoutes = [
  route({
    method: "get",
    path: "/api/v1/tenants",
    operationId: "tenants.list",
    scope: "tenants:read",
    target: "own",
    summary: "Tenants inside your reach",
    query: z.strictObject(pageQuery),
    replies: { 200: json("A page of tenants", pageOf(tenantSchema)) },
  }).handle(async ({ principal, query }, portal) => {
    const after = fromCursor("tenants", query.cursor, z.string()) ?? "";
    const rows = (await tenantsOf(portal, principal)).filter(({ tenant }) => tenant > after);
    return { status: 200, body: toPage("tenants", rows, query.limit, (row) => row.tenant, tenantToWire) };
  }),

  route({
    method: "get",
    path: "/api/v1/tenants/{tenant}",
    operationId: "tenants.show",
    scope: "tenants:read",
    target: "own",
    summary: "One tenant",
    params: z.strictObject({ tenant: name }),
    replies: { 200: json("The tenant", tenantSchema) },
  }).handle(async ({ principal, params: { tenant } }, portal) => {
    const found = (await tenantsOf(portal, principal)).find((each) => each.tenant === tenant);
    if (found === undefined) throw absent();
    return { status: 200, body: tenantToWire(found) };
  }),

  route({
    method: "post",
    path: "/api/v1/tenants/{tenant}/ci-credentials",
    operationId: "tenants.ciCredentials",
    scope: "tenants:write",
    target: ({ tenant }) => ({ tenant, project: null }),
    summary: "Make credentials for `pulumi up` in a tenant's CI",
    description: "Made anew each time and shown once: the ones before stop working.",
    params: z.strictObject({ tenant: name }),
    secret: true,
    replies: { 201: json("The credentials, as environment variables", ciCredentials) },
  }).handle(async ({ principal, params: { tenant } }, portal) => {
    if (!(await tenantsOf(portal, principal)).some((each) => each.tenant === tenant)) throw absent();
    const { user, password } = await portal.sql.tx((tx) => ensureCiRole(tx, tenant));
    return {
      status: 201,
      body: {
        PULUMI_BACKEND_URL: stateUrl(portal, user, password.reveal()),
        PULUMI_CONFIG_PASSPHRASE: statePassphrase(portal.vault, tenant).reveal(),
      },
      headers: { "cache-control": "no-store" },
      trail: { tenant, resource: `tenant ${tenant}`, details: { login: user } },
    };
  }),
];

function stateUrl({ ledgerUrl }: Portal, user: string, password: string): string {
  const url = new URL(ledgerUrl.reveal());
  url.username = user;
  url.password = password;
  url.search = "?sslmode=disable";
  return url.href;
}

/** A principal of some projects sees their tenant, and of its members those of these projects. */
async function tenantsOf({ sql }: Portal, principal: Principal): Promise<readonly TenantSpec[]> {
  const reach = reachOf(principal, "tenants:read");
  const tenants = (await listFleets(sql))
    .flatMap((fleet) => fleet.tenants)
    .sort((a, b) => (a.tenant < b.tenant ? -1 : 1));
  if (reach === "everything") return tenants;
  return tenants.flatMap((spec) => {
    const parts = reach.filter(({ tenant }) => tenant === spec.tenant);
    if (parts.length === 0) return [];
    if (parts.some(({ project }) => project === null)) return [spec];
    const shared = (projects: readonly string[] | null) =>
      projects === null || parts.some(({ project }) => project !== null && projects.includes(project));
    return [{ ...spec, members: spec.members.filter(({ projects }) => shared(projects)) }];
  });
}

const tenantToWire = ({ tenant, displayName, plan, members }: TenantSpec) => ({
  name: tenant,
  displayName,
  plan,
  members: members.map(({ user, role, projects }) => ({
    user,
    role,
    projects: projects === null ? null : [...projects],
  })),
});
