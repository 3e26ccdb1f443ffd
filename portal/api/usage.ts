import { z } from "zod";
import { exportRows, toFocusParquet } from "../../platform/billing/index.ts";
import { focusVersion, meterNames, monthOf, monthSpan, toFocusCsv } from "../../platform/pricing/index.ts";
import { listUsage, type UsageRecord } from "../../platform/store/index.ts";
import { billed, invoicesOf, invoiceThatCounts } from "./billed.ts";
import { requestProblems } from "./errors.ts";
import { invoice, invoiceToWire } from "./invoice-wire.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "./page.ts";
import { narrowTo } from "./reach.ts";
import { json, route } from "./route.ts";
import { name, named, timestamp } from "./schemas.ts";
import { time } from "./wire.ts";

export const exportFormats = ["focus-csv", "focus-json", "focus-parquet", "json"] as const;
const hourMs = 3_600_000;
const longestSpanMs = 400 * 24 * hourMs;
const month = z
  .string()
  .regex(/^\d{4}-(0[1-9]|1[0-2])$/, "must be a month as YYYY-MM")
  .optional()
  .describe("YYYY-MM in UTC. Default: the current month.");

const usageRecord = named(
  "UsageRecord",
  "What a database used of a meter in one hour, and whose declarations caused it.",
  z.strictObject({
    domain: z.string(),
    project: z.string(),
    database: z.string(),
    meter: z.string(),
    windowStart: timestamp,
    windowEnd: timestamp,
    quantity: z.string().describe("Decimal, in the meter's unit."),
    source: z.string(),
    revision: z.int().describe("0: the hour is open and the quantity grows."),
    commits: z.array(z.string()),
  }),
);

export const usageRoutes = [
  route({
    method: "get",
    path: "/api/v1/usage",
    operationId: "usage.list",
    scope: "usage:read",
    target: "own",
    summary: "Usage records, oldest first, the open hour included",
    query: z.strictObject({
      ...pageQuery,
      domain: name.optional(),
      project: name.optional(),
      database: name.optional(),
      meter: z.enum(meterNames).optional(),
      month: month.describe("YYYY-MM in UTC, instead of `from` and `to`."),
      from: z.iso.datetime().optional().describe("Rounded down to the hour. Default: start of the month."),
      to: z.iso.datetime().optional().describe("Rounded up to the hour. Default: now."),
    }),
    replies: { 200: json("A page of usage records", pageOf(usageRecord)) },
  }).handle(async ({ principal, query }, portal) => {
    const within = narrowTo(principal, "usage:read", query);
    const after = fromCursor("usage", query.cursor, position);
    const filter = {
      ...spanOf(query, portal.clock.now()),
      within,
      ...(query.database === undefined ? {} : { database: query.database }),
      ...(query.meter === undefined ? {} : { meter: query.meter }),
    };
    const page = { limit: query.limit + 1, ...(after === null ? {} : { after: fromPosition(after) }) };
    const rows = await listUsage(portal.sql, filter, page);
    return { status: 200, body: toPage("usage", rows, query.limit, toPosition, recordToWire) };
  }),

  route({
    method: "get",
    path: "/api/v1/usage/invoice",
    operationId: "usage.invoice",
    scope: "usage:read",
    target: "own",
    summary: "A tenant's invoice of a month, as far as it is the caller's to see",
    description: "The issued one where the month is closed; else a draft by the prices in force, which grows.",
    query: z.strictObject({ domain: name.optional().describe("Default: your tenant."), month }),
    replies: { 200: json("The invoice", invoice) },
  }).handle(async ({ principal, query }, portal) => {
    const asked = billed(principal, query.domain);
    if (asked.tenants === "every" || asked.tenants.length > 1)
      throw requestProblems([{ path: "query.domain", message: "is required" }]);
    return { status: 200, body: invoiceToWire(invoiceThatCounts(await invoicesOf(portal, asked, query.month))) };
  }),

  route({
    method: "get",
    path: "/api/v1/usage/export",
    operationId: "usage.export",
    scope: "usage:read",
    target: "own",
    summary: "Invoice lines of a month for finance, in the columns of FOCUS 1.2",
    description:
      "One row a line: of the invoices and credit notes that were issued for the month, else of the draft. Where a tenant is seen as a " +
      "whole, the sum of BilledCost of an InvoiceId is the invoice's total. `json` is the invoices themselves.",
    query: z.strictObject({
      format: z.enum(exportFormats).default("focus-csv"),
      domain: name.optional().describe("Default: every tenant inside your reach."),
      month,
    }),
    replies: {
      200: {
        description: "The export",
        content: {
          "application/json": z.strictObject({
            month: z.string(),
            invoices: z.array(invoice).optional().describe("With `format=json`."),
            focus: z.string().optional().describe("With `format=focus-json`: the version of FOCUS."),
            rows: z.array(z.record(z.string(), z.string().nullable())).optional().describe("With `format=focus-json`."),
          }),
          "text/csv": null,
          "application/vnd.apache.parquet": null,
        },
      },
    },
  }).handle(async ({ principal, query }, portal) => {
    const invoices = await invoicesOf(portal, billed(principal, query.domain), query.month);
    const named = query.month ?? monthOf(portal.clock.now());
    if (query.format === "json") return { status: 200, body: { month: named, invoices: invoices.map(invoiceToWire) } };
    const rows = exportRows(invoices);
    if (query.format === "focus-json") return { status: 200, body: { month: named, focus: focusVersion, rows } };
    const [media, content] =
      query.format === "focus-csv"
        ? ["text/csv", Buffer.from(toFocusCsv(rows))]
        : ["application/vnd.apache.parquet", Buffer.from(await toFocusParquet(rows))];
    const ending = query.format === "focus-csv" ? "csv" : "parquet";
    return {
      status: 200,
      async write(response) {
        response.attachment(`nebuladb-${named}.${ending}`).type(media).send(content);
      },
    };
  }),
];

type Span = {
  readonly month?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
};

function spanOf({ month: whole, from, to }: Span, nowMs: number) {
  if (whole !== undefined && (from ?? to) !== undefined)
    throw requestProblems([{ path: "query.month", message: "cannot stand beside query.from or query.to" }]);
  if (whole !== undefined) return monthSpan(whole);
  const fromMs = from === undefined ? monthSpan(monthOf(nowMs)).fromMs : Math.floor(Date.parse(from) / hourMs) * hourMs;
  const toMs = Math.ceil((to === undefined ? nowMs : Date.parse(to)) / hourMs) * hourMs;
  if (toMs < fromMs) throw requestProblems([{ path: "query.to", message: "is before query.from" }]);
  if (toMs - fromMs > longestSpanMs)
    throw requestProblems([{ path: "query.from", message: "is more than 400 days before query.to" }]);
  return { fromMs, toMs };
}

const position = z.tuple([z.int(), z.string(), z.string(), z.string(), z.string()]);
const toPosition = (row: UsageRecord) => [row.windowStart.getTime(), row.tenant, row.project, row.database, row.meter];
const fromPosition = ([ms, tenant, project, database, meter]: z.output<typeof position>) => ({
  windowStart: new Date(ms),
  tenant,
  project,
  database,
  meter,
});

const recordToWire = ({ tenant, windowStart, windowEnd, commits, ...row }: UsageRecord) => ({
  domain: tenant,
  ...row,
  windowStart: time(windowStart),
  windowEnd: time(windowEnd),
  commits: [...commits],
});
