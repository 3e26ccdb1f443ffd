import { z } from "zod";
import {
  getPaymentCustomer,
  getStanding,
  keepPaymentEvent,
  lastPaymentCheck,
  listPaymentInvoices,
  listPaymentProblems,
  type PaymentInvoice,
} from "../../platform/store/index.ts";
import { paymentsOff, verifyEvent } from "../../platform/stripe/index.ts";
import { wrongState } from "./errors.ts";
import { signedBytes } from "./json-body.ts";
import type { Payments, Portal } from "./portal.ts";
import { json, route } from "./route.ts";
import { anyJson, name, named, timestamp } from "./schemas.ts";
import { time, timeOrNull } from "./wire.ts";

const tenantPath = "/api/v1/tenants/{tenant}/payments";
const inTenant = ({ tenant }: { readonly tenant: string }) => ({ tenant, project: null });
const params = z.strictObject({ tenant: name });
const problem = z.strictObject({ code: z.string(), message: z.string(), at: timestamp });

const paymentInvoice = named(
  "PaymentInvoice",
  "An invoice with the payment service.",
  z.strictObject({
    invoice: z.string(),
    remote: z.string().nullable().describe("Its id there; null: it is on its way."),
    state: z.enum(["begun", "draft", "open", "paid", "void", "uncollectible"]),
    payUrl: z.string().nullable().describe("Where a person pays it."),
    failures: z.int(),
    lookedAt: timestamp.nullable(),
    problem: problem.nullable().describe("Why it stands still."),
  }),
);
const payments = named(
  "Payments",
  "How a tenant stands with what it owes.",
  z.strictObject({
    tenant: z.string(),
    service: z.boolean().describe("Whether this installation has a payment service."),
    customer: z.string().nullable(),
    standing: z.enum(["good", "overdue", "grace", "suspended"]),
    since: timestamp.nullable(),
    invoices: z.array(paymentInvoice),
  }),
);

export const paymentRoutes = [
  route({
    method: "post",
    path: "/api/v1/payments/stripe",
    operationId: "payments.event",
    scope: "public",
    target: "own",
    limit: "default",
    summary: "Where Stripe tells of payments",
    description:
      "Register this address there, and mount its signing secret. What it tells is kept, and acted on by asking back.",
    body: anyJson,
    replies: { 200: json("Taken, now or before", z.strictObject({ received: z.literal(true), known: z.boolean() })) },
  }).handle(async ({ request, note }, portal) => {
    const { webhook } = demandPayments(portal);
    if (webhook === null) throw paymentsOff("NEBULA_STRIPE_WEBHOOK_SECRET_FILE is not set");
    const now = portal.clock.now();
    const body = signedBytes(request) ?? Buffer.alloc(0);
    const event = await verifyEvent(body, request.get("stripe-signature"), webhook, now);
    note({ actor: "stripe" }); // from here on: anybody can send what is refused
    const isNew = await keepPaymentEvent(portal.sql, { ...event, now: new Date(now) });
    portal.observe({ kind: "webhook.received", event: "stripe", verdict: isNew ? "accepted" : "duplicate" });
    const trail = { actor: "stripe", resource: `event ${event.id}`, details: { type: event.type } };
    return { status: 200, body: { received: true, known: !isNew }, trail };
  }),

  route({
    method: "get",
    path: tenantPath,
    operationId: "payments.show",
    scope: "usage:read",
    target: inTenant,
    summary: "How a tenant stands with what it owes, and where it is paid",
    params,
    replies: { 200: json("Its payments", payments) },
  }).handle(async ({ params: { tenant } }, portal) => {
    const { sql } = portal;
    const [standing, customer, invoices] = await Promise.all([
      getStanding(sql, tenant),
      getPaymentCustomer(sql, tenant),
      listPaymentInvoices(sql, tenant),
    ]);
    return {
      status: 200,
      body: {
        ...{ tenant, service: portal.payments !== null, customer: customer?.customer ?? null },
        ...{ standing: standing?.state ?? "good", since: timeOrNull(standing?.since ?? null) },
        invoices: invoices.map(toWire),
      },
    };
  }),

  route({
    method: "post",
    path: `${tenantPath}/portal`,
    operationId: "payments.portal",
    scope: "tenants:write",
    target: inTenant,
    secret: true,
    summary: "A page at the payment service where the tenant sees to its cards and invoices",
    description: "The address is good for some minutes, for whoever has it.",
    params,
    replies: { 200: json("Where to go", z.strictObject({ url: z.string() })) },
  }).handle(async ({ params: { tenant } }, portal) => {
    const { stripe, returnUrl } = demandPayments(portal);
    const known = await getPaymentCustomer(portal.sql, tenant);
    if (known?.customer == null) throw wrongState(`${tenant} has no invoice there yet, and so no page`);
    return { status: 200, body: { url: await stripe.portalUrl(known.customer, returnUrl) }, trail: { tenant } };
  }),

  route({
    method: "get",
    path: "/api/v1/payments",
    operationId: "payments.check",
    scope: "billing:write",
    target: "own",
    summary: "Our invoices held against the payment service's, and what stands still",
    description: "They are compared once a day, to the unit.",
    replies: {
      200: json(
        "As last compared",
        z.strictObject({
          service: z.boolean(),
          comparedAt: timestamp.nullable(),
          compared: z.int(),
          differences: z.array(
            z.strictObject({
              invoice: z.string(),
              number: z.string().nullable(),
              what: z.string(),
              ours: z.string().nullable(),
              theirs: z.string().nullable(),
            }),
          ),
          problems: z.array(z.strictObject({ invoice: z.string(), number: z.string(), tenant: z.string(), problem })),
        }),
      ),
    },
  }).handle(async (_call, { sql, payments: service }) => {
    const [check, problems] = await Promise.all([lastPaymentCheck(sql), listPaymentProblems(sql)]);
    return {
      status: 200,
      body: {
        ...{ service: service !== null, comparedAt: timeOrNull(check?.at ?? null), compared: check?.checked ?? 0 },
        differences: (check?.differences ?? []).map((one) => ({ ...one })),
        problems: problems.flatMap(({ invoice, number, tenant, problem: of }) =>
          of === null ? [] : [{ invoice, number, tenant, problem: { ...of } }],
        ),
      },
    };
  }),
];

function demandPayments({ payments }: Portal): Payments {
  if (payments === null) throw paymentsOff("this installation takes no payments by itself");
  return payments;
}

const toWire = ({ invoice, remote, state, payUrl, failures, lookedAt, problem: of }: PaymentInvoice) => ({
  ...{ invoice, remote, state, payUrl, failures, lookedAt: lookedAt === null ? null : time(lookedAt) },
  problem: of === null ? null : { ...of },
});
