import { z } from "zod";
import { type Principal, reaches } from "../../platform/identity/index.ts";
import { memberRoles, type TenantSpec } from "../../platform/spec/index.ts";
import { listFleets } from "../../platform/store/index.ts";
import { notFound } from "./errors.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "./page.ts";
import type { Portal } from "./portal.ts";
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
    if (found === undefined) throw notFound(`there is no tenant ${tenant} here`);
    return { status: 200, body: tenantToWire(found) };
  }),
];

/** A principal of one project sees its tenant, and of the members those of its project. */
async function tenantsOf({ sql }: Portal, principal: Principal): Promise<readonly TenantSpec[]> {
  const { project } = principal;
  return (await listFleets(sql))
    .flatMap(({ tenants }) => tenants)
    .filter(({ tenant }) => reaches(principal, { tenant, project }))
    .map((tenant) => ({
      ...tenant,
      members: tenant.members.filter(({ projects }) => project === null || (projects?.includes(project) ?? true)),
    }))
    .sort((a, b) => (a.tenant < b.tenant ? -1 : 1));
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
