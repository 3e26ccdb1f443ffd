import { z } from "zod";
import { forgetSqlHistory, listSqlHistory, type SqlRan } from "../../../platform/store/index.ts";
import { inDatabase, member } from "../databases/read.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "../page.ts";
import { json, route } from "../route.ts";
import { time } from "../wire.ts";
import { databaseParams, ran } from "./schemas.ts";

const toWire = ({ id, at, mode, status, code, sql, statements, rows, durationMs }: SqlRan) => ({
  ...{ id, at: time(at), mode, status, code, sql, statements, rows, durationMs },
});

export const sqlHistoryRoutes = [
  route({
    method: "get",
    path: `${member}/sql/history`,
    operationId: "sql.history",
    scope: "sql:read",
    target: inDatabase,
    summary: "What you ran in a database, newest first",
    description: "Your own only: the last thousand, for ninety days. Passwords are masked before a text is kept.",
    params: databaseParams,
    query: z.strictObject({ ...pageQuery, search: z.string().max(200).optional().describe("Part of the text.") }),
    replies: { 200: json("A page of it", pageOf(ran)) },
  }).handle(async ({ principal, params: { domain: tenant, project, database }, query }, { sql }) => {
    const beforeId = fromCursor("sql", query.cursor, z.int());
    const asked = { person: principal.user, tenant, project, database, search: query.search ?? null, beforeId };
    const rows = await listSqlHistory(sql, { ...asked, count: query.limit + 1 });
    return { status: 200, body: toPage("sql", rows, query.limit, ({ id }) => id, toWire) };
  }),

  route({
    method: "delete",
    path: `${member}/sql/history`,
    operationId: "sql.forget",
    scope: "sql:read",
    target: inDatabase,
    summary: "Forget what you ran in a database",
    params: databaseParams,
    query: z.strictObject({ id: z.coerce.number().int().optional().describe("One line only.") }),
    replies: { 200: json("How many lines", z.strictObject({ forgotten: z.int() })) },
  }).handle(async ({ principal, params: { domain: tenant, project, database }, query }, { sql }) => {
    const where = { person: principal.user, tenant, project, database, id: query.id ?? null };
    return { status: 200, body: { forgotten: await forgetSqlHistory(sql, where) } };
  }),
];
