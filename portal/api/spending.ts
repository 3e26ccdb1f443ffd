import { z } from "zod";
import { tell } from "../../platform/notify/index.ts";
import { noHold, readSpending, type Spending } from "../../platform/spending/index.ts";
import {
  type HoldRow,
  liftHold,
  listAnomalies,
  listBudgetAlerts,
  listFleets,
  listHolds,
} from "../../platform/store/index.ts";
import { type Billed, billed, wholeTenants } from "./billed.ts";
import { requestProblems } from "./errors.ts";
import { inTenant, words } from "./invoice-input.ts";
import type { Portal } from "./portal.ts";
import { json, route } from "./route.ts";
import { money, name, named, timestamp } from "./schemas.ts";
import { moneyToWire, time, timeOrNull } from "./wire.ts";

const amounts = { spent: money, forecast: money.nullable().describe("null: too early in the month to say.") };
const budget = named(
  "Budget",
  "What a month may cost, how it stands, and what was told of it.",
  z.strictObject({
    project: z.string().nullable().describe("null: the whole tenant."),
    budget: money,
    ...amounts,
    percent: z.int().describe("Of the budget, rounded down."),
    state: z.enum(["ok", "watch", "over"]),
    atCap: z.enum(["tell", "suspend"]),
    alerts: z.array(z.int()),
    told: z.array(z.strictObject({ what: z.enum(["spent", "forecast"]), percent: z.int(), at: timestamp })),
  }),
);
const spending = named(
  "Spending",
  "A tenant's open month in money, before credits and tax.",
  z.strictObject({
    tenant: z.string(),
    month: z.string(),
    total: z.strictObject(amounts).nullable().describe("null: the caller sees some projects alone."),
    projects: z.array(z.strictObject({ project: z.string(), ...amounts })),
    budgets: z.array(budget),
  }),
);
const anomaly = named(
  "Anomaly",
  "A day of a project that cost far more than its days do.",
  z.strictObject({
    tenant: z.string(),
    project: z.string(),
    day: z.string(),
    cost: money,
    usual: money,
    at: timestamp,
  }),
);
const hold = named(
  "Hold",
  "Why databases are paused although nobody asked for it.",
  z.strictObject({
    id: z.string(),
    tenant: z.string(),
    project: z.string().nullable().describe("null: all of the tenant's."),
    reason: z.enum(["budget", "unpaid"]),
    since: timestamp,
    liftedAt: timestamp.nullable(),
    liftedWhy: z.string().nullable(),
  }),
);

const domain = name.optional().describe("One tenant only.");

export const spendingRoutes = [
  route({
    method: "get",
    path: "/api/v1/spending",
    operationId: "spending.show",
    scope: "usage:read",
    target: "own",
    summary: "What the month costs so far and will cost, and how it stands with its budgets",
    description:
      "Rated by the function that rates the invoice. The forecast goes on as the last seven days went, for what still runs.",
    query: z.strictObject({ domain }),
    replies: { 200: json("By tenant", z.strictObject({ items: z.array(spending) })) },
  }).handle(async ({ principal, query }, portal) => {
    const asked = billed(principal, query.domain);
    const nowMs = portal.clock.now();
    const items = [];
    for (const tenant of await fewTenants(portal, asked.tenants)) {
      const read = await readSpending(portal.sql, { tenant, nowMs });
      const told = await listBudgetAlerts(portal.sql, tenant, read.month);
      items.push(spendingToWire(read, told, projectsOf(asked, tenant)));
    }
    return { status: 200, body: { items } };
  }),

  route({
    method: "get",
    path: "/api/v1/anomalies",
    operationId: "spending.anomalies",
    scope: "usage:read",
    target: "own",
    summary: "Days that cost far more than usual, newest first",
    query: z.strictObject({ domain, days: z.coerce.number().int().min(1).max(400).default(30) }),
    replies: { 200: json("The last thousand", z.strictObject({ items: z.array(anomaly) })) },
  }).handle(async ({ principal, query }, portal) => {
    const asked = billed(principal, query.domain);
    const since = new Date(portal.clock.now() - query.days * 86_400_000);
    const found = await listAnomalies(portal.sql, { within: asked.within, since });
    const items = found.map(({ micros, usualMicros, currency, at, ...row }) => ({
      ...{ ...row, cost: moneyToWire(micros, currency), usual: moneyToWire(usualMicros, currency), at: time(at) },
    }));
    return { status: 200, body: { items } };
  }),

  route({
    method: "get",
    path: "/api/v1/tenants/{tenant}/holds",
    operationId: "spending.holds",
    scope: "usage:read",
    target: inTenant,
    summary: "Why databases of a tenant are or were paused because of money, newest first",
    params: z.strictObject({ tenant: name }),
    replies: { 200: json("The last hundred", z.strictObject({ items: z.array(hold) })) },
  }).handle(async ({ params: { tenant } }, { sql }) => ({
    status: 200,
    body: { items: (await listHolds(sql, tenant)).map(holdToWire) },
  })),

  route({
    method: "post",
    path: "/api/v1/tenants/{tenant}/holds/lift",
    operationId: "spending.lift",
    scope: "billing:write",
    target: inTenant,
    atomic: true,
    summary: "Lift a hold: what it paused starts again",
    description: "It is not put on again by itself for the same budget of the same month, or the same invoice.",
    params: z.strictObject({ tenant: name }),
    body: z.strictObject({ hold: z.string().min(1).max(300), reason: words(200) }),
    replies: { 200: json("The hold", hold) },
  }).handle(async ({ params: { tenant }, body, principal }, portal) => {
    const at = new Date(portal.clock.now());
    const lifted = await portal.sql.tx(async (tx) => {
      const [found] = (await listHolds(tx, tenant, 1_000)).filter(({ id }) => id === body.hold);
      const row =
        found === undefined ? undefined : await liftHold(tx, found.id, { at, why: body.reason, by: principal.user });
      if (row === undefined) throw noHold(`${tenant} has no hold ${body.hold} in force`);
      const { id, project, reason } = row;
      await tell(tx, { kind: "hold.lifted", about: id, tenant, project, at, data: { reason, why: body.reason } });
      return row;
    });
    return { status: 200, body: holdToWire(lifted), trail: { tenant, resource: `hold ${lifted.id}` } };
  }),
];

/** Tenants by name; those that a fleet in force declares where all are asked for. */
export async function tenantsOf({ sql }: Portal, asked: readonly string[] | "every"): Promise<readonly string[]> {
  const fleets = await listFleets(sql);
  const declared = fleets.flatMap(({ tenants }) => tenants.map(({ tenant }) => tenant)).sort();
  return asked === "every" ? declared : asked.filter((tenant) => declared.includes(tenant));
}

/** Each of them is rated for the answer. */
const mostRated = 100;

/** The same, where each costs something to look at. @throws NEB601 for more than one request should ask for. */
export async function fewTenants(portal: Portal, asked: readonly string[] | "every"): Promise<readonly string[]> {
  const tenants = await tenantsOf(portal, asked);
  if (tenants.length <= mostRated) return tenants;
  throw requestProblems([{ path: "query.domain", message: `is required: there are ${tenants.length} tenants` }]);
}

/** Projects that are seen whole; null: the whole tenant. What is of a project is not shown to the key of one of its databases. */
function projectsOf(asked: Billed, tenant: string): readonly string[] | null {
  const { within } = asked;
  const whole = wholeTenants(asked);
  if (within === "everything" || whole === null || whole.includes(tenant)) return null;
  const own = within.filter((part) => part.tenant === tenant && part.database === null);
  return [...new Set(own.flatMap(({ project }) => project ?? []))];
}

type Told = Awaited<ReturnType<typeof listBudgetAlerts>>;

function spendingToWire(read: Spending, told: Told, projects: readonly string[] | null) {
  const { tenant, month, currency } = read;
  const shown = (project: string | null) => projects === null || (project !== null && projects.includes(project));
  const money = (of: { readonly spentMicros: number; readonly forecastMicros: number | null }) => ({
    spent: moneyToWire(of.spentMicros, currency),
    forecast: of.forecastMicros === null ? null : moneyToWire(of.forecastMicros, currency),
  });
  return {
    ...{ tenant, month, total: projects === null ? money(read) : null },
    projects: read.projects.flatMap((one) => (shown(one.project) ? [{ project: one.project, ...money(one) }] : [])),
    budgets: read.budgets.flatMap(({ budget: of, percent, state, ...one }) =>
      shown(of.project)
        ? [
            {
              ...{
                project: of.project,
                budget: moneyToWire(of.monthlyMicros, currency),
                ...money(one),
                percent,
                state,
              },
              ...{ atCap: of.atCap, alerts: [...of.alerts] },
              told: told
                .filter((alert) => alert.project === (of.project ?? "") && alert.budgetMicros === of.monthlyMicros)
                .map((alert) => ({ what: alert.what, percent: alert.percent, at: time(alert.at) })),
            },
          ]
        : [],
    ),
  };
}

const holdToWire = ({ id, tenant, project, reason, since, liftedAt, liftedWhy }: HoldRow) => ({
  ...{ id, tenant, project, reason, since: time(since), liftedAt: timeOrNull(liftedAt), liftedWhy },
});
