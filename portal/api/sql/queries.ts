import { z } from "zod";
import { can, type Principal, whyNot } from "../../../platform/identity/index.ts";
import {
  changeSqlQuery,
  deleteSqlQuery,
  findSqlQuery,
  insertSqlQuery,
  listSqlQueries,
  type SqlQuery,
} from "../../../platform/store/index.ts";
import { inProject } from "../databases/read.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "../page.ts";
import type { Portal } from "../portal.ts";
import { absent } from "../reach.ts";
import { json, nothing, route } from "../route.ts";
import { name } from "../schemas.ts";
import { time } from "../wire.ts";
import { newQuery, queryChange, query as querySchema } from "./schemas.ts";

const collection = "/api/v1/projects/{domain}/{project}/queries";
const inside = z.strictObject({ domain: name, project: name });
const one = z.strictObject({ domain: name, project: name, query: z.string().max(40) });
type One = z.output<typeof one>;

const toWire =
  (principal: Principal) =>
  ({ id, name: called, sql, database, shared, owner, createdAt, updatedAt }: SqlQuery) => ({
    ...{ id, name: called, sql, database, shared, owner, own: owner === principal.user },
    ...{ createdAt: time(createdAt), updatedAt: time(updatedAt) },
  });

export const sqlQueryRoutes = [
  route({
    method: "get",
    path: collection,
    operationId: "sql.queries",
    scope: "sql:read",
    target: inProject,
    summary: "Queries that you keep in a project, and those that others share there",
    params: inside,
    query: z.strictObject(pageQuery),
    replies: { 200: json("A page of them", pageOf(querySchema)) },
  }).handle(async ({ principal, params: { domain: tenant, project }, query }, { sql }) => {
    const afterName = fromCursor("queries", query.cursor, z.string());
    const rows = await listSqlQueries(sql, {
      tenant,
      project,
      person: principal.user,
      afterName,
      count: query.limit + 1,
    });
    return {
      status: 200,
      body: toPage("queries", rows, query.limit, (row) => `${row.name} ${row.id}`, toWire(principal)),
    };
  }),

  route({
    method: "post",
    path: collection,
    operationId: "sql.saveQuery",
    scope: "sql:read",
    target: inProject,
    atomic: true,
    summary: "Keep a query",
    params: inside,
    body: newQuery,
    replies: { 201: json("Kept", querySchema) },
  }).handle(async ({ principal, params: { domain: tenant, project }, body }, { sql }) => {
    const kept = await insertSqlQuery(sql, { ...body, tenant, project, owner: principal.user });
    return { status: 201, body: toWire(principal)(kept), trail: { details: { query: kept.id, shared: kept.shared } } };
  }),

  route({
    method: "patch",
    path: `${collection}/{query}`,
    operationId: "sql.changeQuery",
    scope: "sql:read",
    target: inProject,
    atomic: true,
    summary: "Change a query of yours",
    params: one,
    body: queryChange,
    replies: { 200: json("Changed", querySchema) },
  }).handle(async ({ principal, params, body }, portal) => {
    const found = await find(portal, principal, params);
    if (found.owner !== principal.user) throw absent(); // others run it, and change a copy
    const changed = await changeSqlQuery(portal.sql, principal.user, found.id, body);
    if (changed === undefined) throw absent();
    return { status: 200, body: toWire(principal)(changed), trail: { details: { query: found.id } } };
  }),

  route({
    method: "delete",
    path: `${collection}/{query}`,
    operationId: "sql.deleteQuery",
    scope: "sql:read",
    target: inProject,
    atomic: true,
    summary: "Delete a query of yours, or, with sql:write, a shared one",
    params: one,
    replies: { 204: nothing("Deleted") },
  }).handle(async ({ principal, params }, portal) => {
    const found = await find(portal, principal, params);
    if (found.owner !== principal.user && !can(principal, "sql:write", inProject(params)))
      throw whyNot(principal, "sql:write", inProject(params));
    await deleteSqlQuery(portal.sql, found.id);
    return { status: 204, body: undefined, trail: { details: { query: found.id } } };
  }),
];

/** @throws NEB602 for one that is not there, or is somebody's own. */
async function find(
  { sql }: Portal,
  { user }: Principal,
  { domain: tenant, project, query: id }: One,
): Promise<SqlQuery> {
  const found = await findSqlQuery(sql, { tenant, project }, user, id);
  if (found === undefined) throw absent();
  return found;
}
