import { z } from "zod";
import { proposeInTenant } from "./propose-in-tenant.ts";
import { json, route } from "./route.ts";
import { change, name } from "./schemas.ts";

const collection = "/api/v1/tenants/{tenant}/budgets";
const wholeTenant = ({ tenant }: { readonly tenant: string }) => ({ tenant, project: null });
const proposed = json("A pull request is open; nothing has changed yet", change, {
  Location: "The operation to follow.",
});
const monthly = z
  .string()
  .regex(/^\d{1,9}(\.\d{1,6})?$/, 'must be an amount such as "200"')
  .refine((text) => Number(text) > 0, "must be above zero")
  .describe("In the currency of the price book, before credits and tax.");
const project = name.nullable().default(null).describe("null: the whole tenant.");
const nameOf = (tenant: string, of: string | null): string => (of === null ? tenant : `${tenant}/${of}`);

/** What a month may cost stands in tenant.ts, shown by GET /api/v1/spending; a change is a pull request. */
export const budgetRoutes = [
  route({
    method: "post",
    path: collection,
    operationId: "spending.budget",
    scope: "tenants:write",
    target: wholeTenant,
    summary: "Open a pull request that gives a tenant or a project a budget, or changes the one it has",
    params: z.strictObject({ tenant: name }),
    body: z.strictObject({
      project,
      monthly,
      alerts: z
        .array(z.int().min(1).max(1_000))
        .min(1)
        .max(10)
        .optional()
        .describe("Percent. Left out: as it is, or 50, 80, 100."),
      atCap: z.enum(["tell", "suspend"]).optional().describe("Left out: as it is, or tell."),
      autoMerge: z.boolean().default(false),
    }),
    replies: { 202: proposed },
  }).handle(async (call, portal) => {
    const { tenant } = call.params;
    const { autoMerge, alerts, atCap, ...said } = call.body;
    const wanted = { ...said, ...(alerts === undefined ? {} : { alerts }), ...(atCap === undefined ? {} : { atCap }) };
    const { putBudget } = await import("../edit/index.ts");
    const where = nameOf(tenant, said.project);
    return proposeInTenant(portal, call, {
      edit: ({ files }) => putBudget(files, { tenant, ...wanted }),
      title: `Let a month of ${where} cost ${said.monthly}`,
      why: `Somebody is told on the way there${atCap === "suspend" ? ", and databases are paused when it is used up" : ""}.`,
      step: "change",
      autoMerge,
      details: { budget: wanted },
    });
  }),

  route({
    method: "delete",
    path: collection,
    operationId: "spending.unbudget",
    scope: "tenants:write",
    target: wholeTenant,
    summary: "Open a pull request that removes a budget",
    description: "With the merge nobody counts any more, and what it paused starts again.",
    params: z.strictObject({ tenant: name }),
    query: z.strictObject({ project: name.optional(), autoMerge: z.stringbool().default(false) }),
    replies: { 202: proposed },
  }).handle(async (call, portal) => {
    const { tenant } = call.params;
    const of = call.query.project ?? null;
    const { removeBudget } = await import("../edit/index.ts");
    return proposeInTenant(portal, call, {
      edit: ({ files }) => removeBudget(files, { tenant, project: of }),
      title: `Remove the budget of ${nameOf(tenant, of)}`,
      why: `A month of ${nameOf(tenant, of)} may cost what it costs.`,
      step: "delete",
      autoMerge: call.query.autoMerge,
      details: { project: of },
    });
  }),
];
