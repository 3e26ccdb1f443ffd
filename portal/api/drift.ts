import { z } from "zod";
import {
  type DriftFinding,
  driftEffects,
  enqueueHeal,
  getDriftCheck,
  listDriftFindings,
  listOrphans,
  type OrphanRow,
} from "../../platform/store/index.ts";
import { inDatabase, inProject, member } from "./databases/read.ts";
import { databaseParams, projectParams } from "./databases/schemas.ts";
import { findView } from "./databases/view.ts";
import { nothingToHeal } from "./errors.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "./page.ts";
import type { Portal } from "./portal.ts";
import { findProject } from "./projects.ts";
import { narrowTo } from "./reach.ts";
import { json, route } from "./route.ts";
import { name, named, operation, timestamp } from "./schemas.ts";
import { operationToWire, splitStack, time, timeOrNull } from "./wire.ts";

const finding = named(
  "DriftFinding",
  "One thing about a database that is not as declared.",
  z.strictObject({
    id: z.int(),
    domain: z.string(),
    project: z.string(),
    database: z.string(),
    path: z.string().describe("As in the spec where it has a word for it: `compute.maxUnits`, `roles.app.access`."),
    declared: z.unknown(),
    observed: z.unknown(),
    effect: z.enum(driftEffects).describe("What healing does to who is connected; `by hand`: a person must decide."),
    openedAt: timestamp,
    seenAt: timestamp.describe("When a look last showed it."),
    closedAt: timestamp.nullable().describe("When a look no longer showed it."),
    healOperation: z.string().nullable().describe("The newest operation that was to heal it."),
  }),
);

const state = z.enum(["open", "closed", "all"]).default("open");

const databaseDrift = named(
  "DatabaseDrift",
  "How a database stands against its declaration, and when that was last looked at.",
  z.strictObject({
    inSync: z.boolean(),
    lookedAt: timestamp.nullable().describe("Its files, folder and address."),
    inspectedAt: timestamp.nullable().describe("Its server too: roles, extensions, settings, passwords."),
    problem: z.string().nullable().describe("Why the last look inside the server failed."),
    findings: z.array(finding),
  }),
);

const orphan = named(
  "Orphan",
  "Something on the machine that belongs to no database of this installation. Nothing touches it.",
  z.strictObject({
    kind: z.enum(["instance", "draft", "copy", "server"]),
    path: z.string(),
    instance: z.string().nullable().describe("What it says it is."),
    owner: z.string().nullable().describe("The tag of the installation that made it."),
    ours: z.boolean(),
    pid: z.int().nullable(),
    reason: z.string(),
    openedAt: timestamp,
    seenAt: timestamp,
  }),
);

export const driftRoutes = [
  route({
    method: "get",
    path: "/api/v1/drift",
    operationId: "drift.list",
    scope: "databases:read",
    target: "own",
    summary: "Differences between databases and their declarations, newest first",
    query: z.strictObject({ ...pageQuery, domain: name.optional(), project: name.optional(), state }),
    replies: { 200: json("A page of findings", pageOf(finding)) },
  }).handle(async ({ principal, query }, { sql }) => {
    const rows = await listDriftFindings(sql, {
      within: narrowTo(principal, "databases:read", query),
      state: query.state,
      beforeId: fromCursor("drift", query.cursor, z.int()),
      limit: query.limit + 1,
    });
    return { status: 200, body: toPage("drift", rows, query.limit, (row) => row.id, toWire) };
  }),

  route({
    method: "get",
    path: "/api/v1/drift/orphans",
    operationId: "drift.orphans",
    scope: "fleet:write",
    target: "own",
    summary: "What lies on the machine and belongs to no database",
    description: "Found by its tag or its place, at every full pass. Reported only: nothing here is ever touched.",
    replies: { 200: json("All of them", z.strictObject({ items: z.array(orphan) })) },
  }).handle(async (_call, { sql }) => ({ status: 200, body: { items: (await listOrphans(sql)).map(orphanToWire) } })),

  route({
    method: "get",
    path: `${member}/drift`,
    operationId: "drift.show",
    scope: "databases:read",
    target: inDatabase,
    summary: "How one database stands against its declaration",
    params: databaseParams,
    query: z.strictObject({ state }),
    replies: { 200: json("Its drift", databaseDrift) },
  }).handle(async ({ params: { domain, project, database }, query }, portal) => {
    await findView(portal, domain, project, database);
    const instance = `${domain}.${project}.${database}`;
    const [check, findings] = await Promise.all([
      getDriftCheck(portal.sql, instance),
      listDriftFindings(portal.sql, { instance, state: query.state }),
    ]);
    return {
      status: 200,
      body: {
        inSync: findings.every(({ closedAt }) => closedAt !== null),
        lookedAt: timeOrNull(check?.lookedAt ?? null),
        inspectedAt: timeOrNull(check?.inspectedAt ?? null),
        problem: check?.problem ?? null,
        findings: findings.map(toWire),
      },
    };
  }),

  route({
    method: "post",
    path: `${member}/drift/heal`,
    operationId: "drift.heal",
    scope: "databases:run",
    target: inDatabase,
    summary: "Bring a database back to its declaration",
    description:
      "Queues a deployment of the text in force; it goes through the project's queue and lease as any other.",
    params: databaseParams,
    replies: { 202: json("Queued", operation, { Location: "The operation to follow." }) },
  }).handle(async ({ principal, params: { domain, project, database } }, portal) => {
    await findView(portal, domain, project, database);
    return queued(portal, { stack: `${domain}.${project}`, database, requestedBy: principal.user });
  }),

  route({
    method: "post",
    path: "/api/v1/projects/{domain}/{project}/drift/heal",
    operationId: "drift.healProject",
    scope: "databases:run",
    target: inProject,
    summary: "Bring every database of a project back to its declaration",
    params: projectParams,
    replies: { 202: json("Queued", operation, { Location: "The operation to follow." }) },
  }).handle(async ({ principal, params: { domain, project } }, portal) => {
    await findProject(portal, domain, project);
    return queued(portal, { stack: `${domain}.${project}`, database: null, requestedBy: principal.user });
  }),
];

type Asked = { readonly stack: string; readonly database: string | null; readonly requestedBy: string };

async function queued({ sql }: Portal, asked: Asked) {
  const row = await enqueueHeal(sql, { ...asked, quietSeconds: null });
  if (row === undefined) {
    const open = await listDriftFindings(sql, { stack: asked.stack });
    const about = open.filter(({ instance }) => asked.database === null || instance.endsWith(`.${asked.database}`));
    throw nothingToHeal(
      about.length === 0
        ? `${asked.stack.replace(".", "/")} is as declared`
        : about.every(({ effect }) => effect === "by hand")
          ? `what differs is for a person to decide: ${about.map(({ path }) => path).join(", ")}`
          : `${asked.stack.replace(".", "/")} is being deployed`,
    );
  }
  return {
    status: 202 as const,
    body: operationToWire(row),
    headers: { location: `/api/v1/operations/${row.id}` },
    trail: { operation: row.id },
  };
}

function toWire({ id, instance, path, declared, observed, effect, ...row }: DriftFinding) {
  const { tenant, project } = splitStack(row.stack);
  return {
    ...{ id, domain: tenant, project, database: instance.split(".").at(-1) ?? "", path, declared, observed, effect },
    openedAt: time(row.openedAt),
    seenAt: time(row.seenAt),
    closedAt: timeOrNull(row.closedAt),
    healOperation: row.healOperation,
  };
}

const orphanToWire = ({ openedAt, seenAt, ...row }: OrphanRow) => ({
  ...row,
  openedAt: time(openedAt),
  seenAt: time(seenAt),
});
