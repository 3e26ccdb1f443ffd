import { z } from "zod";
import type { Principal } from "../../platform/identity/index.ts";
import {
  draftInvoice,
  type Invoice,
  meterNames,
  monthOf,
  monthSpan,
  toFocusCsv,
} from "../../platform/pricing/index.ts";
import {
  type FleetRow,
  listFleets,
  listUsage,
  type Reach,
  sumUsage,
  type UsageRecord,
} from "../../platform/store/index.ts";
import { noUsage, requestProblems } from "./errors.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "./page.ts";
import type { Portal } from "./portal.ts";
import { narrowTo } from "./reach.ts";
import { json, route } from "./route.ts";
import { money, name, named, timestamp } from "./schemas.ts";
import { time } from "./wire.ts";

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

const invoice = named(
  "Invoice",
  "A draft: rated with the price book in force, and it grows while its month is open.",
  z.strictObject({
    id: z.string(),
    kind: z.literal("draft"),
    tenant: z.string(),
    projects: z.array(z.string()).nullable().describe("null: the whole tenant; else the caller's projects alone."),
    period: z.strictObject({ month: z.string(), from: timestamp, to: timestamp, open: z.boolean() }),
    priceBook: z.string(),
    currency: z.string(),
    lines: z.array(
      z.strictObject({
        tenant: z.string(),
        project: z.string(),
        database: z.string(),
        meter: z.enum(meterNames),
        description: z.string(),
        quantity: z.string(),
        unit: z.string(),
        pricedQuantity: z.string().nullable(),
        pricedUnit: z.string().nullable(),
        unitMicros: z.int(),
        unitPrice: money,
        micros: z.int(),
        price: money,
        records: z.int().describe("Usage records behind this line."),
        commits: z.array(z.string()).describe("Commits whose declarations caused it."),
      }),
    ),
    totalMicros: z.int(),
    total: money,
    madeAt: timestamp,
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
    summary: "A tenant's draft invoice of a month, as far as it is the caller's to see",
    query: z.strictObject({ domain: name.optional().describe("Default: your tenant."), month }),
    replies: { 200: json("The draft", invoice) },
  }).handle(async ({ principal, query }, portal) => {
    const asked = billed(principal, query.domain);
    if (asked.tenants === "every" || asked.tenants.length > 1)
      throw requestProblems([{ path: "query.domain", message: "is required" }]);
    const [made] = await invoicesOf(portal, asked, query.month);
    if (made === undefined) throw noUsage("no fleet is in force, so there are no prices");
    return { status: 200, body: invoiceToWire(made) };
  }),

  route({
    method: "get",
    path: "/api/v1/usage/export",
    operationId: "usage.export",
    scope: "usage:read",
    target: "own",
    summary: "Invoice lines of a month for finance: FOCUS 1.x columns as CSV, or JSON",
    query: z.strictObject({
      format: z.enum(["focus-csv", "json"]).default("focus-csv"),
      domain: name.optional().describe("Default: every tenant inside your reach."),
      month,
    }),
    replies: {
      200: {
        description: "The export",
        content: {
          "application/json": z.strictObject({ month: z.string(), invoices: z.array(invoice) }),
          "text/csv": null,
        },
      },
    },
  }).handle(async ({ principal, query }, portal) => {
    const invoices = await invoicesOf(portal, billed(principal, query.domain), query.month);
    const named = query.month ?? monthOf(portal.clock.now());
    if (query.format === "json") return { status: 200, body: { month: named, invoices: invoices.map(invoiceToWire) } };
    return {
      status: 200,
      async write(response) {
        response.type("text/csv").attachment(`nebuladb-${named}.csv`).send(toFocusCsv(invoices));
      },
    };
  }),
];

type Billed = { readonly within: Reach; readonly tenants: readonly string[] | "every" };

/** Whose invoices these are, and how much of each: who has a role in some projects sees their lines alone. */
function billed(principal: Principal, domain: string | undefined): Billed {
  const within = narrowTo(principal, "usage:read", { domain });
  if (within === "everything") return { within, tenants: "every" };
  return { within, tenants: [...new Set(within.map(({ tenant }) => tenant))].sort() };
}

type PartInvoice = Invoice & { readonly projects: readonly string[] | null };

async function invoicesOf(
  portal: Portal,
  { within, tenants: asked }: Billed,
  month: string | undefined,
): Promise<readonly PartInvoice[]> {
  const nowMs = portal.clock.now();
  const span = monthSpan(month ?? monthOf(nowMs));
  const [fleets, usage] = await Promise.all([listFleets(portal.sql), sumUsage(portal.sql, { ...span, within })]);
  const tenants = asked === "every" ? [...new Set(usage.map((sum) => sum.tenant))].sort() : asked;
  return tenants.flatMap((tenant) => {
    const fleet = fleetOf(fleets, tenant);
    if (fleet === undefined) return [];
    const made = draftInvoice({ tenant, month: span.month, usage, book: fleet.fleet.priceBook, nowMs });
    return [{ ...made, projects: projectsOf(within, tenant) }];
  });
}

function projectsOf(within: Reach, tenant: string): readonly string[] | null {
  if (within === "everything") return null;
  const projects = within.flatMap((part) => (part.tenant === tenant ? [part.project] : []));
  return projects.includes(null) ? null : [...new Set(projects.flatMap((project) => project ?? []))].sort();
}

/** The prices of the repository that declares the tenant; a tenant that is gone pays those of the first. */
const fleetOf = (fleets: readonly FleetRow[], tenant: string): FleetRow | undefined =>
  fleets.find(({ tenants }) => tenants.some((each) => each.tenant === tenant)) ?? fleets[0];

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

const invoiceToWire = ({ projects, ...made }: PartInvoice) => ({
  ...made,
  projects: projects === null ? null : [...projects],
  lines: made.lines.map((line) => ({ ...line, commits: [...line.commits] })),
});
