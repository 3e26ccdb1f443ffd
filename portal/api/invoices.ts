import { z } from "zod";
import {
  closeMonth,
  explainLine,
  invoiceHtml,
  invoicePdf,
  listInvoices,
  monthClosed,
  noInvoice,
  nothingToBill,
  readInvoice,
  recordPayment,
  usageChanged,
  voidInvoice,
} from "../../platform/billing/index.ts";
import { listBillingProblems } from "../../platform/store/index.ts";
import { billed, wholeTenants } from "./billed.ts";
import { amount, inTenant, toMicros, words } from "./invoice-input.ts";
import { billingProblem, chain, chainToWire, invoice, invoiceToWire } from "./invoice-wire.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "./page.ts";
import type { Portal } from "./portal.ts";
import { json, route } from "./route.ts";
import { name } from "./schemas.ts";
import { time } from "./wire.ts";

const collection = "/api/v1/tenants/{tenant}/invoices";
const member = `${collection}/{invoice}`;
const number = z.string().regex(/^(INV|CN)-\d{6,12}$/, "is not the number of an invoice");
const month = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/, "must be a month as YYYY-MM");
const params = z.strictObject({ tenant: name, invoice: number });

export const invoiceRoutes = [
  route({
    method: "get",
    path: "/api/v1/invoices",
    operationId: "invoices.list",
    scope: "usage:read",
    target: "own",
    summary: "Issued invoices and credit notes, newest first",
    description:
      "Of the tenants that the caller sees as a whole. `usage/invoice` shows the draft of a month that is not closed.",
    query: z.strictObject({
      ...pageQuery,
      domain: name.optional(),
      month: month.optional(),
      status: z.enum(["open", "paid", "void"]).optional(),
      number: number.optional(),
    }),
    replies: { 200: json("A page of invoices", pageOf(invoice)) },
  }).handle(async ({ principal, query }, { sql }) => {
    const tenants = wholeTenants(billed(principal, query.domain));
    const after = fromCursor("invoices", query.cursor, z.tuple([z.iso.datetime(), z.string()]));
    const filter = {
      ...(tenants === null ? {} : { tenants }),
      ...(query.month === undefined ? {} : { month: query.month }),
      ...(query.status === undefined ? {} : { status: query.status }),
      ...(query.number === undefined ? {} : { number: query.number }),
    };
    const rows = await listInvoices(sql, filter, {
      limit: query.limit + 1,
      ...(after === null ? {} : { after: { issuedAt: new Date(after[0]), id: after[1] } }),
    });
    const toPosition = (row: (typeof rows)[number]) => [row.issuedAt.toISOString(), row.id];
    const body = toPage("invoices", rows, query.limit, toPosition, (row) => invoiceToWire({ ...row, projects: null }));
    return { status: 200, body };
  }),

  route({
    method: "get",
    path: "/api/v1/invoices/problems",
    operationId: "invoices.problems",
    scope: "usage:read",
    target: "own",
    summary: "Months that could not be closed, and why",
    replies: { 200: json("All of them", z.strictObject({ items: z.array(billingProblem) })) },
  }).handle(async ({ principal }, { sql }) => {
    const rows = await listBillingProblems(sql, wholeTenants(billed(principal, undefined)));
    return { status: 200, body: { items: rows.map((row) => ({ ...row, at: time(row.at) })) } };
  }),

  route({
    method: "get",
    path: member,
    operationId: "invoices.show",
    scope: "usage:read",
    target: inTenant,
    summary: "One invoice or credit note, as it was issued",
    params,
    replies: { 200: json("The invoice", invoice) },
  }).handle(async ({ params: of }, portal) => {
    const found = await find(portal, of);
    return {
      status: 200,
      body: invoiceToWire({ ...found, projects: null, usageChanged: await usageChanged(portal.sql, found) }),
    };
  }),

  route({
    method: "get",
    path: `${member}/document`,
    operationId: "invoices.document",
    scope: "usage:read",
    target: inTenant,
    summary: "An invoice to print, keep and send",
    params,
    query: z.strictObject({ format: z.enum(["html", "pdf"]).default("pdf") }),
    replies: { 200: { description: "The document", content: { "application/pdf": null, "text/html": null } } },
  }).handle(async ({ params: of, query }, portal) => {
    const found = await find(portal, of);
    const isPdf = query.format === "pdf";
    const content = isPdf ? await invoicePdf(found) : invoiceHtml(found);
    return {
      status: 200,
      async write(response) {
        response.attachment(`${found.number}.${query.format}`).type(isPdf ? "application/pdf" : "text/html");
        response.send(content);
      },
    };
  }),

  route({
    method: "get",
    path: `${member}/lines/{line}`,
    operationId: "invoices.explain",
    scope: "usage:read",
    target: inTenant,
    summary: "How a line came about: usage, samples, operations, commits, pull requests, authors",
    params: params.extend({ line: z.coerce.number().int().min(1).max(1_000_000) }),
    replies: { 200: json("The chain", chain) },
  }).handle(async ({ params: of }, portal) => ({
    status: 200,
    body: chainToWire(await explainLine(portal.sql, await find(portal, of), of.line)),
  })),

  route({
    method: "post",
    path: collection,
    operationId: "invoices.close",
    scope: "billing:write",
    target: inTenant,
    summary: "Close a month of a tenant now",
    description: "The reconciler does so by itself when a month's hours are final, three days after its end.",
    params: z.strictObject({ tenant: name }),
    body: z.strictObject({ month }),
    replies: { 201: json("Its invoice", invoice, { Location: "The invoice." }) },
  }).handle(async ({ params: { tenant }, body }, portal) => {
    const closed = await closeMonth(portal.sql, { tenant, month: body.month, nowMs: portal.clock.now() });
    if (closed.kind === "nothing") throw nothingToBill(`${tenant} used nothing in ${body.month} that has a price`);
    if (closed.kind === "already") throw monthClosed(`${body.month} of ${tenant} is ${closed.invoice.number}`);
    const made = closed.invoice;
    return {
      status: 201,
      body: invoiceToWire({ ...made, projects: null }),
      headers: { Location: `/api/v1/tenants/${tenant}/invoices/${made.number}` },
      trail: { tenant, resource: `invoice ${made.number}` },
    };
  }),

  route({
    method: "post",
    path: `${member}/void`,
    operationId: "invoices.void",
    scope: "billing:write",
    target: inTenant,
    summary: "Reverse an invoice by a credit note, and open its month again",
    description:
      "What was issued is never changed. One that was paid stays paid: what is due back stands on the credit note.",
    params,
    body: z.strictObject({ reason: words(300) }),
    replies: { 201: json("The credit note", invoice, { Location: "The credit note." }) },
  }).handle(async ({ params: of, body }, portal) => {
    const { id } = await find(portal, of);
    const asked = { invoice: id, reason: body.reason, nowMs: portal.clock.now() };
    const { creditNote } = await voidInvoice(portal.sql, asked);
    return {
      status: 201,
      body: invoiceToWire({ ...creditNote, projects: null }),
      headers: { Location: `/api/v1/tenants/${of.tenant}/invoices/${creditNote.number}` },
      trail: { tenant: of.tenant, resource: `invoice ${of.invoice}`, details: { creditNote: creditNote.number } },
    };
  }),

  route({
    method: "post",
    path: `${member}/payments`,
    operationId: "invoices.pay",
    scope: "billing:write",
    target: inTenant,
    summary: "Note that an invoice was paid",
    description: "Whole, by a payment that the platform did not take itself. The same reference again changes nothing.",
    params,
    body: z.strictObject({ reference: words(200), amount, currency: z.string().length(3) }),
    replies: { 200: json("The invoice", invoice) },
  }).handle(async ({ params: of, body }, portal) => {
    const { id } = await find(portal, of);
    const paid = await recordPayment(portal.sql, {
      ...{ invoice: id, reference: body.reference, currency: body.currency, via: "by hand" },
      ...{ micros: toMicros(body.amount), nowMs: portal.clock.now() },
    });
    return {
      status: 200,
      body: invoiceToWire({ ...paid, projects: null }),
      trail: { tenant: of.tenant, resource: `invoice ${of.invoice}`, details: { reference: body.reference } },
    };
  }),
];

/** Another tenant's number is as unknown here as any. */
async function find({ sql }: Portal, { tenant, invoice: of }: { readonly tenant: string; readonly invoice: string }) {
  const found = await readInvoice(sql, of);
  if (found === undefined || found.tenant !== tenant) throw noInvoice("there is no invoice by that number here");
  return found;
}
