import { z } from "zod";
import {
  computeCost,
  indexMigration,
  listSavings,
  missingIndexes,
  noSaving,
  rules,
  type Saving,
} from "../../platform/savings/index.ts";
import { databaseId } from "../../platform/spec/index.ts";
import type { OptionsPatch } from "../edit/index.ts";
import { addMigration } from "./add-migration.ts";
import { askAdvice } from "./advice.ts";
import { billed, seesDatabase } from "./billed.ts";
import { inDatabase, member } from "./databases/read.ts";
import { databaseParams } from "./databases/schemas.ts";
import { findView } from "./databases/view.ts";
import { alreadyThere } from "./errors.ts";
import type { Portal } from "./portal.ts";
import { propose, readBase } from "./propose.ts";
import { demand } from "./reach.ts";
import { type Call, json, route } from "./route.ts";
import { change, money, name, named } from "./schemas.ts";
import { fewTenants } from "./spending.ts";
import { moneyToWire } from "./wire.ts";

const missingIndex = "missing-index";
const ids = [...rules.map(({ id }) => id), missingIndex];

const saving = named(
  "Saving",
  "Something that would cost less if it were declared otherwise.",
  z.strictObject({
    tenant: z.string(),
    project: z.string(),
    database: z.string(),
    rule: z.string(),
    title: z.string(),
    why: z.string(),
    saves: money.describe("In a month of 730 hours, by the tenant's own prices."),
    change: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe("Of the declaration's options; null: its declaration goes."),
  }),
);

export const savingRoutes = [
  route({
    method: "get",
    path: "/api/v1/savings",
    operationId: "spending.savings",
    scope: "usage:read",
    target: "own",
    summary: "What would cost less, and by how much; the largest first",
    description: "By what was recorded of the last 30 days. Nothing is woken or read for it.",
    query: z.strictObject({ domain: name.optional() }),
    replies: { 200: json("All of them", z.strictObject({ items: z.array(saving) })) },
  }).handle(async ({ principal, query }, portal) => {
    const asked = billed(principal, query.domain);
    const nowMs = portal.clock.now();
    const items: { readonly micros: number; readonly row: z.input<typeof saving> }[] = [];
    for (const tenant of await fewTenants(portal, asked.tenants)) {
      for (const one of await listSavings(portal.sql, { tenant, nowMs }))
        if (seesDatabase(asked, { ...one, tenant })) items.push({ micros: one.savesMicros, row: toWire(tenant, one) });
    }
    return { status: 200, body: { items: items.sort((a, b) => b.micros - a.micros).map(({ row }) => row) } };
  }),

  route({
    method: "get",
    path: `${member}/savings`,
    operationId: "databases.savings",
    scope: "sql:read",
    target: inDatabase,
    summary: "Indexes that a database misses, and what its compute costs a month",
    description:
      "Wakes the database and reads its catalog, never a row. How much an index saves nobody can know beforehand: without it the whole " +
      "table is read, and that is compute.",
    params: databaseParams,
    replies: {
      200: json(
        "What is missing",
        z.strictObject({
          computeCost: money
            .nullable()
            .describe("As the last 30 days went; null: nothing was recorded, or there are no prices."),
          missing: z.array(z.strictObject({ object: z.string(), constraint: z.string(), sql: z.string() })),
        }),
      ),
    },
  }).handle(async ({ principal, params }, portal) => {
    const missing = missingIndexes(await askAdvice(portal, principal, params));
    const cost = await computeCost(portal.sql, { ...params, tenant: params.domain, nowMs: portal.clock.now() });
    const computeCostToWire = cost === null ? null : moneyToWire(cost.micros, cost.currency);
    return { status: 200, body: { computeCost: computeCostToWire, missing: missing.map((one) => ({ ...one })) } };
  }),

  route({
    method: "post",
    path: `${member}/savings/{rule}`,
    operationId: "databases.save",
    scope: "databases:write",
    target: inDatabase,
    summary: "Open the pull request of a saving",
    description:
      "`missing-index` opens one with a migration that makes the indexes of `GET .../savings`; it wakes the database.",
    params: databaseParams.extend({ rule: z.enum(ids) }),
    body: z.strictObject({ autoMerge: z.boolean().default(false) }),
    replies: {
      202: json("A pull request is open; nothing has changed yet", change, { Location: "The operation to follow." }),
    },
  }).handle(async (call, portal) => {
    const { domain, project, database, rule } = call.params;
    if (rule === missingIndex) return proposeIndexes(call, portal);
    const found = (await listSavings(portal.sql, { tenant: domain, nowMs: portal.clock.now() })).find(
      (one) => one.rule === rule && one.project === project && one.database === database,
    );
    if (found === undefined) throw noSaving(`${rule} finds nothing at ${domain}/${project}/${database}`);
    const base = await readBase(portal, domain, project);
    const { changeDatabase, deleteBranch } = await import("../edit/index.ts");
    const place = { tenant: domain, project, name: database, wholeTenant: base.wholeTenant };
    const { changes } =
      found.change.kind === "delete"
        ? deleteBranch(base.files, place)
        : changeDatabase(base.files, place, found.change.options as OptionsPatch);
    if (changes.length === 0) throw alreadyThere(`${domain}/${project}/${database} says that already`);
    const saves = moneyToWire(found.savesMicros, found.currency);
    const answer = await propose(portal, call, base, {
      ...{ tenant: domain, project, database, changes, autoMerge: call.body.autoMerge },
      step: found.change.kind === "delete" ? "delete" : "change",
      title: `Save about ${saves.amount} ${saves.currency} a month on ${database} of ${domain}/${project}`,
      why: `${found.title} (${databaseId(domain, project, database)}). ${found.why}`,
    });
    return { status: 202, ...answer };
  }),
];

/** Indexes that foreign keys miss, as a migration. */
async function proposeIndexes(
  call: Call<z.output<typeof databaseParams>, unknown, { readonly autoMerge: boolean }>,
  portal: Portal,
) {
  const { domain, project, database } = call.params;
  demand(call.principal, "sql:read", inDatabase(call.params));
  const missing = missingIndexes(await askAdvice(portal, call.principal, call.params));
  if (missing.length === 0) throw noSaving(`no foreign key of ${domain}/${project}/${database} misses an index`);
  const view = await findView(portal, domain, project, database);
  const { autoMerge } = call.body;
  return addMigration(portal, call, view, { name: "missing_indexes", sql: indexMigration(missing), autoMerge });
}

const toWire = (
  tenant: string,
  { project, database, rule, title, why, savesMicros, currency, change: of }: Saving,
) => ({
  ...{ tenant, project, database, rule, title, why, saves: moneyToWire(savesMicros, currency) },
  change: of.kind === "change" ? { ...of.options } : null,
});
