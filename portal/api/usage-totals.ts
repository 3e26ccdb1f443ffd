import { z } from "zod";
import { meterNames, monthOf, monthSpan } from "../../platform/pricing/index.ts";
import { listTotals, type TotalsUnit, type UsageTotal } from "../../platform/store/index.ts";
import { requestProblems } from "./errors.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "./page.ts";
import { narrowTo } from "./reach.ts";
import { json, route } from "./route.ts";
import { name, named, timestamp } from "./schemas.ts";
import { time } from "./wire.ts";

const dayMs = 86_400_000;
const longestMs = 800 * dayMs;

const total = named(
  "UsageTotal",
  "What a database used of a meter in a day or a month (UTC), the open hour included.",
  z.strictObject({
    domain: z.string(),
    project: z.string(),
    database: z.string(),
    meter: z.string(),
    windowStart: timestamp,
    windowEnd: timestamp,
    quantity: z.string().describe("Decimal, in the meter's unit."),
    records: z.int().describe("Usage records behind it; what is still open counts as one."),
    commits: z.array(z.string()),
  }),
);

export const usageTotalRoutes = [
  route({
    method: "get",
    path: "/api/v1/usage/totals",
    operationId: "usage.totals",
    scope: "usage:read",
    target: "own",
    summary: "Usage by day or month, oldest first",
    query: z.strictObject({
      ...pageQuery,
      per: z.enum(["day", "month"]).default("day"),
      domain: name.optional(),
      project: name.optional(),
      database: name.optional(),
      meter: z.enum(meterNames).optional(),
      from: z.iso.datetime().optional().describe("Rounded down to the day or month. Default: start of the month."),
      to: z.iso.datetime().optional().describe("Rounded up. Default: now."),
    }),
    replies: { 200: json("A page of totals", pageOf(total)) },
  }).handle(async ({ principal, query }, { sql, clock }) => {
    const after = fromCursor("totals", query.cursor, position);
    const filter = {
      ...spanOf(query, clock.now()),
      within: narrowTo(principal, "usage:read", query),
      ...(query.database === undefined ? {} : { database: query.database }),
      ...(query.meter === undefined ? {} : { meter: query.meter }),
    };
    const page = { limit: query.limit + 1, ...(after === null ? {} : { after: fromPosition(after) }) };
    const rows = await listTotals(sql, filter, query.per, page);
    return { status: 200, body: toPage("totals", rows, query.limit, toPosition, totalToWire) };
  }),
];

type Asked = { readonly per: TotalsUnit; readonly from?: string | undefined; readonly to?: string | undefined };

/** Whole days or months, so that no total is of a part. */
function spanOf({ per, from, to }: Asked, nowMs: number) {
  const [begin, end] = [from === undefined ? nowMs : Date.parse(from), to === undefined ? nowMs : Date.parse(to)];
  const fromMs = per === "month" || from === undefined ? monthSpan(monthOf(begin)).fromMs : dayDown(begin);
  const toMs = per === "month" ? monthSpan(monthOf(end - 1)).toMs : dayDown(end - 1) + dayMs;
  if (toMs < fromMs) throw requestProblems([{ path: "query.to", message: "is before query.from" }]);
  if (toMs - fromMs > longestMs)
    throw requestProblems([{ path: "query.from", message: "is more than 800 days before query.to" }]);
  return { fromMs, toMs };
}

const dayDown = (ms: number): number => Math.floor(ms / dayMs) * dayMs;

const position = z.tuple([z.int(), z.string(), z.string(), z.string(), z.string()]);
const toPosition = (row: UsageTotal) => [row.windowStart.getTime(), row.tenant, row.project, row.database, row.meter];
const fromPosition = ([ms, tenant, project, database, meter]: z.output<typeof position>) => ({
  ...{ windowStart: new Date(ms), tenant, project, database, meter },
});

const totalToWire = ({ tenant, windowStart, windowEnd, commits, ...row }: UsageTotal) => ({
  domain: tenant,
  ...row,
  windowStart: time(windowStart),
  windowEnd: time(windowEnd),
  commits: [...commits],
});
