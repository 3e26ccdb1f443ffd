import type { Request } from "express";
import { z } from "zod";
import { asNebulaError, newId, reportFault } from "../../../platform/core/index.ts";
import { maskSecrets } from "../../../platform/grammar/index.ts";
import { can, type Principal, type SqlGrant, whyNot } from "../../../platform/identity/index.ts";
import { databaseId } from "../../../platform/spec/index.ts";
import { noteSql, type SqlNote } from "../../../platform/store/index.ts";
import { inDatabase, member } from "../databases/read.ts";
import { findView } from "../databases/view.ts";
import type { Portal } from "../portal.ts";
import { json, nothing, route } from "../route.ts";
import { askGateway } from "./gateway.ts";
import { answer, databaseParams, page, type RunBody, runBody, type SqlAnswer } from "./schemas.ts";

type Params = { readonly domain: string; readonly project: string; readonly database: string };

const mostKept = 20_000;
const cursorBody = z.strictObject({ cursor: z.string().regex(/^[rw][\w-]{20,100}$/) });

export const sqlRunRoutes = [
  route({
    method: "post",
    path: `${member}/sql`,
    operationId: "sql.run",
    scope: "sql:read",
    target: inDatabase,
    secret: true,
    summary: "Run SQL in a database",
    description:
      "It wakes when it sleeps. Writing takes sql:write; in a branch sql:branch is enough. Whoever goes away cancels what runs.",
    params: databaseParams,
    body: runBody,
    replies: { 200: json("What became of it", answer, { "cache-control": "Never kept." }) },
  }).handle(async ({ principal, params, body, request, note }, portal) => {
    const grant = await grantOf(portal, principal, params, body.mode);
    const text = maskSecrets(body.sql.slice(0, mostKept));
    note({ details: { mode: body.mode, ...(body.mode === "write" ? { sql: text.slice(0, 1000) } : {}) } });
    const beganMs = portal.clock.monotonicMs();
    const remember = (what: Pick<SqlNote, "status" | "code" | "statements" | "rows">) =>
      body.remember
        ? keep(portal, principal, params, {
            ...what,
            mode: body.mode,
            sql: text,
            durationMs: portal.clock.monotonicMs() - beganMs,
          })
        : undefined;
    try {
      const ended = await askGateway<SqlAnswer>(portal, grant, "run", toGateway(body), goneOf(request));
      const { status, problem, statements, results } = ended;
      const rows = results.reduce((sum, one) => sum + (one.rowCount ?? one.rows.length), 0);
      await remember({ status, code: problem?.sqlstate ?? null, statements, rows });
      const details = {
        mode: body.mode,
        statements,
        status,
        ...(body.mode === "write" ? { sql: text.slice(0, 1000) } : {}),
      };
      return { status: 200, body: ended, headers: { "cache-control": "no-store" }, trail: { details } };
    } catch (thrown) {
      await remember({ status: "refused", code: asNebulaError(thrown).code, statements: 0, rows: null });
      throw thrown;
    }
  }),

  route({
    method: "post",
    path: `${member}/sql/page`,
    operationId: "sql.page",
    scope: "sql:read",
    target: inDatabase,
    secret: true,
    summary: "The next rows of a cursor",
    params: databaseParams,
    body: cursorBody,
    replies: { 200: json("The page", page, { "cache-control": "Never kept." }) },
  }).handle(async ({ principal, params, body, request }, portal) => {
    const grant = await grantOf(portal, principal, params, levelOf(body.cursor));
    const read = await askGateway<z.output<typeof page>>(portal, grant, "page", body, goneOf(request));
    return { status: 200, body: read, headers: { "cache-control": "no-store" } };
  }),

  route({
    method: "post",
    path: `${member}/sql/end`,
    operationId: "sql.end",
    scope: "sql:read",
    target: inDatabase,
    summary: "Close a cursor before its last page",
    params: databaseParams,
    body: cursorBody,
    replies: { 204: nothing("Closed") },
  }).handle(async ({ principal, params, body }, portal) => {
    const grant = await grantOf(portal, principal, params, levelOf(body.cursor));
    await askGateway(portal, grant, "end", body);
    return { status: 204, body: undefined };
  }),

  route({
    method: "post",
    path: `${member}/sql/cancel`,
    operationId: "sql.cancel",
    scope: "sql:read",
    target: inDatabase,
    summary: "Cancel what you run",
    description: "Who asked for it has an answer within two seconds.",
    params: databaseParams,
    body: z.strictObject({ request: z.string().max(64) }),
    replies: { 200: json("Whether it ran", z.strictObject({ cancelled: z.boolean() })) },
  }).handle(async ({ principal, params, body }, portal) => {
    const grant = await grantOf(portal, principal, params, "read");
    return { status: 200, body: await askGateway<{ cancelled: boolean }>(portal, grant, "cancel", body) };
  }),
];

const levelOf = (cursor: string): SqlGrant["level"] => (cursor.startsWith("w") ? "write" : "read");

/** @throws NEB602 where there is no such database; NEB662 or NEB673 for who may not write in it. */
async function grantOf(
  portal: Portal,
  principal: Principal,
  params: Params,
  level: SqlGrant["level"],
): Promise<SqlGrant> {
  const { domain, project, database } = params;
  const { instance, wanted } = await findView(portal, domain, project, database);
  const target = inDatabase(params);
  // what is a branch, and is not about to become a database of its own
  const isBranch = instance?.spec.branch !== undefined && (wanted === null || wanted.branch !== undefined);
  const may =
    level === "read" || can(principal, "sql:write", target) || (isBranch && can(principal, "sql:branch", target));
  if (!may) throw whyNot(principal, "sql:write", target);
  return { user: principal.user, database: databaseId(domain, project, database), level };
}

function toGateway({ remember: _, request = newId("sql"), parameters, ...rest }: RunBody) {
  const toText = (value: RunBody["parameters"][number]) => (value === null ? null : String(value));
  return { ...rest, request, parameters: parameters.map(toText) };
}

/** A client that goes away before its answer has left does not want it any more. */
function goneOf({ res: response }: Request): AbortSignal {
  const gone = new AbortController();
  response?.once("close", () => {
    if (!response.writableFinished) gone.abort();
  });
  return gone.signal;
}

type Kept = Pick<SqlNote, "status" | "code" | "statements" | "rows" | "mode" | "sql" | "durationMs">;

/** A history that cannot be written keeps nobody from the answer. */
const keep = (
  { sql, observe }: Portal,
  { user: person }: Principal,
  { domain: tenant, project, database }: Params,
  what: Kept,
) =>
  noteSql(sql, { ...what, person, tenant, project, database }).catch((thrown) =>
    reportFault(observe, "sql.history", thrown),
  );
