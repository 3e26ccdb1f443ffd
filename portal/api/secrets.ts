import { z } from "zod";
import { Secret } from "../../platform/core/index.ts";
import { notFound } from "./errors.ts";
import { json, nothing, route } from "./route.ts";
import { name, named, timestamp } from "./schemas.ts";
import { time } from "./wire.ts";

const tenantSecret = named(
  "TenantSecret",
  'A secret that declarations of a tenant refer to by `secret("name")`. Its value is never shown again.',
  z.strictObject({ name: z.string(), createdAt: timestamp.describe("When it got its present value.") }),
);

const collection = "/api/v1/tenants/{tenant}/secrets";
const inTenant = ({ tenant }: { readonly tenant: string }) => ({ tenant, project: null });

export const secretRoutes = [
  route({
    method: "get",
    path: collection,
    operationId: "secrets.list",
    scope: "tenants:write",
    target: inTenant,
    summary: "Names of a tenant's secrets",
    params: z.strictObject({ tenant: name }),
    replies: { 200: json("All of them, without values", z.strictObject({ items: z.array(tenantSecret) })) },
  }).handle(async ({ params: { tenant } }, { secrets }) => ({
    status: 200,
    body: {
      items: (await secrets.list(tenant)).map(({ name, createdAt }) => ({ name, createdAt: time(createdAt) })),
    },
  })),

  route({
    method: "post",
    path: collection,
    operationId: "secrets.put",
    scope: "tenants:write",
    target: inTenant,
    summary: "Set a secret",
    description: "A new value is in force with the next deployment of a project that refers to it.",
    params: z.strictObject({ tenant: name }),
    body: z.strictObject({ name, value: z.string().min(12).max(256).describe("12 to 256 characters.") }),
    secret: true,
    replies: { 200: json("It is kept, sealed", tenantSecret) },
  }).handle(async ({ params: { tenant }, body }, { secrets, clock }) => {
    await secrets.put(tenant, body.name, new Secret(body.value));
    return {
      status: 200,
      body: { name: body.name, createdAt: new Date(clock.now()).toISOString() },
      trail: { tenant, resource: `secret ${tenant}/${body.name}` },
    };
  }),

  route({
    method: "delete",
    path: `${collection}/{name}`,
    operationId: "secrets.delete",
    scope: "tenants:write",
    target: inTenant,
    summary: "Delete a secret",
    description:
      "A database that got its password from it keeps it; the next deployment that needs the secret is refused.",
    params: z.strictObject({ tenant: name, name }),
    replies: { 204: nothing("Deleted") },
  }).handle(async ({ params: { tenant, name: which } }, { secrets }) => {
    if (!(await secrets.delete(tenant, which))) throw notFound(`${tenant} has no secret ${which}`);
    return { status: 204, body: undefined, trail: { tenant, resource: `secret ${tenant}/${which}` } };
  }),
];
