import { z } from "zod";
import { toTimestamp } from "../../../platform/core/index.ts";
import { can, scopeMissing } from "../../../platform/identity/index.ts";
import { objectNames } from "../../../platform/spec/index.ts";
import {
  credentialContext,
  type Instance,
  listCredentials,
  listOperations,
  listSamples,
} from "../../../platform/store/index.ts";
import { endpointsOf } from "../endpoints.ts";
import { noCredentials, notFound, requestProblems } from "../errors.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "../page.ts";
import type { Portal } from "../portal.ts";
import { json, route } from "../route.ts";
import { operationToWire } from "../wire.ts";
import { credentials, database, databaseParams, databaseStatus, metrics, projectParams } from "./schemas.ts";
import { type DatabaseView, findView, listViews, statusToWire, tagOf, viewToWire } from "./view.ts";

export const collection = "/api/v1/domain/{domain}/project/{project}/databases";
export const member = `${collection}/{database}`;

type InProject = { readonly domain: string; readonly project: string };
export const inProject = ({ domain, project }: InProject) => ({ tenant: domain, project });
export const inDatabase = ({ domain, project, database }: InProject & { readonly database: string }) => ({
  tenant: domain,
  project,
  database,
});

/** Longest span of samples in one answer. */
const longestSpanMs = 24 * 3_600_000;

export const databaseReads = [
  route({
    method: "get",
    path: collection,
    operationId: "databases.list",
    scope: "databases:read",
    target: inProject,
    summary: "Databases of a project",
    params: projectParams,
    query: z.strictObject(pageQuery),
    replies: { 200: json("A page of databases", pageOf(database)) },
  }).handle(async ({ principal, params: { domain, project }, query }, portal) => {
    const after = fromCursor("databases", query.cursor, z.string()) ?? "";
    const views = (await listViews(portal, domain, project)).filter(({ name }) => name > after);
    const toWire = (view: DatabaseView) => viewToWire(view, principal);
    return { status: 200, body: toPage("databases", views, query.limit, (view) => view.name, toWire) };
  }),

  route({
    method: "get",
    path: member,
    operationId: "databases.show",
    scope: "databases:read",
    target: inDatabase,
    summary: "One database",
    params: databaseParams,
    replies: { 200: json("The database", database, { ETag: "Strong; send it in If-Match to change what you read." }) },
  }).handle(async ({ principal, params: { domain, project, database: name } }, portal) => {
    const view = await findView(portal, domain, project, name);
    const tag = tagOf(view);
    return { status: 200, body: viewToWire(view, principal), headers: tag === null ? {} : { etag: tag } };
  }),

  route({
    method: "get",
    path: `${member}/status`,
    operationId: "databases.status",
    scope: "databases:read",
    target: inDatabase,
    summary: "How a database is",
    params: databaseParams,
    replies: { 200: json("The status", databaseStatus) },
  }).handle(async ({ params: { domain, project, database: name } }, portal) => {
    const view = await findView(portal, domain, project, name);
    return {
      status: 200,
      body: { ...statusToWire(view), operation: await newestOperation(portal, view.project.stack, name) },
    };
  }),

  route({
    method: "get",
    path: `${member}/credentials`,
    operationId: "credentials.show",
    scope: "credentials:read",
    target: inDatabase,
    audited: true,
    summary: "What a client needs to connect",
    description: "Who does not hold credentials:owner sees only roles whose access is read.",
    params: databaseParams,
    query: z.strictObject({
      role: z.string().max(63).optional().describe("Default: the owner; for who may not see it, a role that reads."),
    }),
    replies: { 200: json("The credentials", credentials) },
  }).handle(async ({ principal, params: { domain, project, database: name }, query }, portal) => {
    const { instance, endpoint } = await findView(portal, domain, project, name);
    const names = objectNames(domain, project, name);
    const sealed = instance === null ? [] : await listCredentials(portal.sql, instance.id);
    if (instance === null || instance.host === null || sealed.length === 0)
      throw noCredentials(`the database ${domain}/${project}/${name} has not been made yet`);
    const open = can(principal, "credentials:owner", { tenant: domain, project, database: name })
      ? sealed
      : sealed.filter((each) => onlyReads(instance, each.role));
    const role = query.role ?? (open.length < sealed.length ? open[0]?.role : undefined) ?? names.ownerRole;
    const found = open.find((each) => each.role === role);
    if (found === undefined && sealed.some((each) => each.role === role))
      throw scopeMissing(`${role} may write, and its password needs credentials:owner`, {
        hint: 'Ask for a role that reads (`new Role("...", { access: "read" })`), or ask a project-admin.',
        fields: { scope: "credentials:owner" },
      });
    if (found === undefined)
      throw notFound(`there is no role ${role} with a password`, {
        hint: `Roles with a password: ${open.map((each) => each.role).join(", ")}.`,
      });
    const password = portal.vault.open(found.passwordSealed, credentialContext(instance.id, role)).reveal();
    if (endpoint === null || portal.gateway === null)
      throw noCredentials(`no gateway runs beside this portal, so nobody reaches ${instance.id}`, {
        hint: "Ask who runs the platform to start its gateway.",
      });
    const at = { ...endpoint, database: instance.id };
    return {
      status: 200,
      body: {
        ...at,
        user: role,
        password,
        url: `postgres://${role}:${encodeURIComponent(password)}@${at.host}:${at.port}/${at.database}`,
        endpoints: await endpointsOf(
          portal.gateway,
          { id: instance.id, replicated: instance.spec.replicas > 0 },
          { role, password },
        ),
        version: found.version,
        roles: open.map((each) => each.role),
      },
      headers: { "cache-control": "no-store" },
      trail: { details: { role } },
    };
  }),

  route({
    method: "get",
    path: `${member}/metrics`,
    operationId: "databases.metrics",
    limit: "metrics",
    scope: "databases:read",
    target: inDatabase,
    summary: "What a database used, slot by slot",
    params: databaseParams,
    query: z.strictObject({
      from: z.iso.datetime().optional().describe("Default: an hour ago. A day before now at most."),
    }),
    replies: { 200: json("The samples", metrics) },
  }).handle(async ({ params: { domain, project, database: name }, query }, portal) => {
    const view = await findView(portal, domain, project, name);
    const now = portal.clock.now();
    const fromMs = query.from === undefined ? now - 3_600_000 : Date.parse(query.from);
    if (now - fromMs > longestSpanMs)
      throw requestProblems([
        { path: "query.from", message: "is more than a day ago; /api/v1/usage goes further back" },
      ]);
    const samples = view.instance === null ? [] : await listSamples(portal.sql, view.instance.id, fromMs);
    return {
      status: 200,
      body: {
        samples: samples.map((sample) => ({
          at: toTimestamp(sample.slotMs),
          seconds: sample.slotSeconds,
          awakeSeconds: sample.awakeMs / 1000,
          computeUnits: sample.computeUnits,
          storageBytes: sample.storageBytes,
          connections: sample.connections,
        })),
      },
    };
  }),
];

/** As it was applied: what is declared and not deployed yet gives nothing. */
const onlyReads = ({ spec }: Instance, role: string): boolean =>
  spec.roles.some(({ name, access }) => name === role && access === "read");

async function newestOperation({ sql }: Portal, stack: string, database: string) {
  const recent = await listOperations(sql, { stack, limit: 20 });
  const found = recent.find((each) => each.database === null || each.database === database);
  return found === undefined ? null : operationToWire(found);
}
