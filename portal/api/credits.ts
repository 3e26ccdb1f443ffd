import { z } from "zod";
import { fleetFor } from "../../platform/billing/index.ts";
import { minorUnitMicros, moneyText, monthOf, versionFor } from "../../platform/pricing/index.ts";
import { insertCredit, listCredits } from "../../platform/store/index.ts";
import { notFound, requestProblems } from "./errors.ts";
import { amount, inTenant, toMicros, words } from "./invoice-input.ts";
import { credit, creditToWire } from "./invoice-wire.ts";
import { json, route } from "./route.ts";
import { name } from "./schemas.ts";

export const creditRoutes = [
  route({
    method: "get",
    path: "/api/v1/tenants/{tenant}/credits",
    operationId: "invoices.credits",
    scope: "usage:read",
    target: inTenant,
    summary: "A tenant's credits, oldest first",
    params: z.strictObject({ tenant: name }),
    replies: { 200: json("All of them", z.strictObject({ items: z.array(credit) })) },
  }).handle(async ({ params: { tenant } }, { sql }) => ({
    status: 200,
    body: { items: (await listCredits(sql, [tenant])).map(creditToWire) },
  })),

  route({
    method: "post",
    path: "/api/v1/tenants/{tenant}/credits",
    operationId: "invoices.grant",
    scope: "billing:write",
    target: inTenant,
    summary: "Grant a tenant a credit",
    params: z.strictObject({ tenant: name }),
    body: z.strictObject({
      amount,
      reason: words(300).describe("Stands on the invoices that use it."),
      expiresAt: z.iso.datetime().optional(),
    }),
    replies: { 201: json("The credit", credit) },
  }).handle(async ({ principal, params: { tenant }, body }, portal) => {
    const nowMs = portal.clock.now();
    const amountMicros = toMicros(body.amount);
    const { tenants, fleet } = await fleetFor(portal.sql, tenant);
    if (!tenants.some((one) => one.tenant === tenant)) throw notFound(`there is no tenant ${tenant} here`);
    const { currency } = versionFor(fleet.priceBook, monthOf(nowMs));
    const unit = minorUnitMicros(currency);
    if (amountMicros === 0 || amountMicros % unit !== 0)
      throw requestProblems([
        { path: "amount", message: `must be more than nothing, in whole ${moneyText(unit)} ${currency}` },
      ]);
    const expiresAt = body.expiresAt === undefined ? null : new Date(body.expiresAt);
    if (expiresAt !== null && expiresAt.getTime() <= nowMs)
      throw requestProblems([{ path: "expiresAt", message: "must lie in the future" }]);
    const given = { tenant, currency, amountMicros, reason: body.reason, grantedBy: principal.user, expiresAt };
    const id = await insertCredit(portal.sql, { ...given, at: new Date(nowMs) });
    const row = { id, ...given, remainingMicros: amountMicros, grantedAt: new Date(nowMs) };
    return { status: 201, body: creditToWire(row), trail: { tenant, resource: `credit ${id}` } };
  }),
];
