import { z } from "zod";
import { accountExists, can, mayGrant, type Principal, roleTooHigh } from "../../platform/identity/index.ts";
import { memberRoles } from "../../platform/spec/index.ts";
import {
  deleteServiceAccount,
  findServiceAccount,
  insertServiceAccount,
  listServiceAccounts,
  type ServiceAccount,
} from "../../platform/store/index.ts";
import { notFound, requestProblems } from "./errors.ts";
import type { Portal } from "./portal.ts";
import { demand } from "./reach.ts";
import { json, nothing, route } from "./route.ts";
import { name, named, timestamp } from "./schemas.ts";
import { time } from "./wire.ts";

const grant = z.strictObject({
  role: z.enum(memberRoles),
  project: name.nullable().default(null).describe("null: the whole tenant."),
});
const serviceAccount = named(
  "ServiceAccount",
  "An account of a tenant that is nobody: a pipeline, a job. Its keys are made and revoked like a person's.",
  z.strictObject({
    name: z.string(),
    grants: z.array(z.strictObject({ role: z.string(), project: z.string().nullable() })),
    createdBy: z.string(),
    createdAt: timestamp,
  }),
);

const collection = "/api/v1/tenants/{tenant}/service-accounts";

export const serviceAccountRoutes = [
  route({
    method: "get",
    path: collection,
    operationId: "serviceAccounts.list",
    scope: "keys:read",
    target: "own",
    summary: "A tenant's service accounts, as far as they are inside your reach",
    params: z.strictObject({ tenant: name }),
    replies: { 200: json("All of them", z.strictObject({ items: z.array(serviceAccount) })) },
  }).handle(async ({ principal, params: { tenant } }, { sql }) => {
    const all = await listServiceAccounts(sql, tenant);
    const items = all.filter((account) => isOver(principal, "keys:read", account));
    if (items.length === 0) demandSome(principal, "keys:read", tenant);
    return { status: 200, body: { items: items.map(toWire) } };
  }),

  route({
    method: "post",
    path: collection,
    operationId: "serviceAccounts.create",
    scope: "keys:write",
    target: "own",
    summary: "Make a service account",
    description: "It may hold nothing that you do not hold yourself. It belongs to the tenant, not to you.",
    params: z.strictObject({ tenant: name }),
    body: z.strictObject({ name, grants: z.array(grant).min(1).max(100) }),
    replies: { 201: json("Made", serviceAccount) },
  }).handle(async ({ principal, params: { tenant }, body }, portal) => {
    for (const { project } of body.grants) demand(principal, "keys:write", { tenant, project });
    demandGrants(principal, tenant, body.grants);
    if (!(await portal.directory.declares(tenant))) throw notFound(`there is no tenant ${tenant} here`);
    const made = await insertServiceAccount(portal.sql, { tenant, createdBy: principal.user, ...body });
    if (made === undefined) throw accountExists(`${tenant} has a service account ${body.name}`);
    return { status: 201, body: toWire(made), trail: trailOf(made, { grants: body.grants }) };
  }),

  route({
    method: "delete",
    path: `${collection}/{name}`,
    operationId: "serviceAccounts.delete",
    scope: "keys:write",
    target: "own",
    summary: "Delete a service account and all its keys",
    params: z.strictObject({ tenant: name, name }),
    replies: { 204: nothing("Deleted") },
  }).handle(async ({ principal, params }, portal) => {
    const found = await find(portal, principal, params);
    await deleteServiceAccount(portal.sql, found.id);
    return { status: 204, body: undefined, trail: trailOf(found) };
  }),
];

const isOver = (principal: Principal, scope: "keys:read" | "keys:write", { tenant, grants }: ServiceAccount): boolean =>
  grants.every(({ project }) => can(principal, scope, { tenant, project }));

/** Whoever is over nothing of a tenant is told so, or is told nothing. */
function demandSome(principal: Principal, scope: "keys:read" | "keys:write", tenant: string): void {
  const somewhere = principal.grants.some(
    ({ tenant: of, project }) => (of ?? tenant) === tenant && can(principal, scope, { tenant, project }),
  );
  if (!somewhere) demand(principal, scope, { tenant, project: null });
}

async function find({ sql }: Portal, principal: Principal, { tenant, name }: { tenant: string; name: string }) {
  demandSome(principal, "keys:write", tenant);
  const found = await findServiceAccount(sql, tenant, name);
  if (found === undefined) throw notFound(`${tenant} has no service account ${name}`);
  for (const { project } of found.grants) demand(principal, "keys:write", { tenant, project });
  return found;
}

function demandGrants(principal: Principal, tenant: string, grants: readonly z.output<typeof grant>[]): void {
  const odd = grants.findIndex(({ role, project }) => role === "domain-admin" && project !== null);
  if (odd >= 0) throw requestProblems([{ path: `grants.${odd}.project`, message: "a domain-admin has every project" }]);
  const beyond = grants.find(({ role, project }) => !mayGrant(principal, { role, tenant, project }));
  if (beyond !== undefined)
    throw roleTooHigh(`you do not hold all that a ${beyond.role} of ${beyond.project ?? tenant} does`);
}

const trailOf = ({ tenant, name, grants }: ServiceAccount, details: Readonly<Record<string, unknown>> = {}) => ({
  tenant,
  project: grants.length === 1 ? (grants[0]?.project ?? null) : null,
  resource: `service-account ${tenant}/${name}`,
  details,
});

const toWire = ({ name, grants, createdBy, createdAt }: ServiceAccount) => ({
  name,
  grants: grants.map(({ role, project }) => ({ role, project })),
  createdBy,
  createdAt: time(createdAt),
});
