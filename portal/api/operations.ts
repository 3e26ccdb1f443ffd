import { z } from "zod";
import type { Principal, Scope } from "../../platform/identity/index.ts";
import {
  cancelOperation,
  getOperation,
  isEnded,
  isProposed,
  listEvents,
  listOperations,
  type Operation,
  type OperationEvent,
  operationStates,
  operationTypes,
} from "../../platform/store/index.ts";
import { wrongState } from "./errors.ts";
import { followOperation } from "./events.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "./page.ts";
import type { Portal } from "./portal.ts";
import { absent, demand, narrowTo, ownTenants } from "./reach.ts";
import { json, route } from "./route.ts";
import { anyJson, name, named, operation, timestamp } from "./schemas.ts";
import { operationToWire, splitStack, time } from "./wire.ts";

const params = z.strictObject({ id: z.string().regex(/^op_[0-9a-z]{26}$/, "is not an operation's id") });

const operationEvent = named(
  "OperationEvent",
  "One line of an operation's progress.",
  z.strictObject({
    id: z.int(),
    at: timestamp,
    level: z.enum(["info", "warn", "error"]),
    phase: z.string(),
    message: z.string(),
    data: anyJson,
  }),
);

export const operationRoutes = [
  route({
    method: "get",
    path: "/api/v1/operations",
    operationId: "operations.list",
    scope: "operations:read",
    target: "own",
    summary: "Operations, newest first",
    query: z.strictObject({
      ...pageQuery,
      domain: name.optional(),
      project: name.optional().describe("Needs `domain`."),
      database: name.optional(),
      type: z.enum(operationTypes).optional(),
      state: z.enum(operationStates).optional(),
      pull: z.coerce.number().int().positive().optional(),
    }),
    replies: { 200: json("A page of operations", pageOf(operation)) },
  }).handle(async ({ principal, query }, { sql }) => {
    const rows = await listOperations(sql, {
      within: narrowTo(principal, "operations:read", query),
      database: query.database ?? null,
      type: query.type ?? null,
      state: query.state ?? null,
      pullNumber: query.pull ?? null,
      beforeId: fromCursor("operations", query.cursor, z.string()),
      limit: query.limit + 1,
    });
    return { status: 200, body: toPage("operations", rows, query.limit, (row) => row.id, operationToWire) };
  }),

  route({
    method: "get",
    path: "/api/v1/operations/{id}",
    operationId: "operations.show",
    scope: "operations:read",
    target: "found",
    summary: "One operation",
    params,
    replies: { 200: json("The operation", operation) },
  }).handle(async ({ principal, params: { id } }, portal) => ({
    status: 200,
    body: operationToWire(await find(portal, principal, "operations:read", id)),
  })),

  route({
    method: "get",
    path: "/api/v1/operations/{id}/events",
    operationId: "operations.events",
    scope: "operations:read",
    target: "found",
    summary: "An operation's progress, as it happens",
    description:
      "With `Accept: text/event-stream`: server-sent events `event` (data: OperationEvent) from the beginning, or after " +
      "`Last-Event-ID`; at the end one event `end` (data: Operation), and the stream closes. A comment comes every 15 seconds " +
      "without news; a portal that stops sends `retry: 1000` first. Otherwise a page of events.",
    params,
    query: z.strictObject(pageQuery),
    replies: {
      200: {
        description: "The events",
        content: { "application/json": pageOf(operationEvent), "text/event-stream": null },
      },
    },
  }).handle(async ({ principal, params: { id }, query, request, isStillAllowed }, portal) => {
    const row = await find(portal, principal, "operations:read", id);
    if (request.accepts(["application/json", "text/event-stream"]) === "text/event-stream") {
      const afterId = Number(request.get("last-event-id") ?? 0);
      const isAllowed = () => isStillAllowed(targetOf(row));
      const { user } = principal;
      return {
        status: 200,
        write: (response) => followOperation(portal, { response, user, isAllowed }, row, afterId, eventToWire),
      };
    }
    const after = fromCursor("events", query.cursor, z.int()) ?? 0;
    const events = await listEvents(portal.sql, id, after, query.limit + 1);
    return { status: 200, body: toPage("events", events, query.limit, (event) => event.id, eventToWire) };
  }),

  route({
    method: "post",
    path: "/api/v1/operations/{id}/cancel",
    operationId: "operations.cancel",
    scope: "operations:cancel",
    target: "found",
    atomic: true,
    summary: "Cancel an operation",
    description: "At once while it is queued; one in progress is asked to stop at its next safe point.",
    params,
    replies: { 202: json("The operation", operation, { Location: "The operation." }) },
  }).handle(async ({ principal, params: { id } }, portal) => {
    const row = await find(portal, principal, "operations:cancel", id);
    if (isProposed(row))
      throw wrongState(`operation ${id} follows pull request ${row.pullNumber ?? ""}`, {
        hint: "Close the pull request instead: POST /api/v1/pulls/{number}/close.",
      });
    const cancelled = isEnded(row) ? undefined : await cancelOperation(portal.sql, id, principal.user);
    if (cancelled === undefined) throw wrongState(`operation ${id} has ended`);
    return {
      status: 202,
      body: operationToWire(cancelled),
      headers: { location: `/api/v1/operations/${id}` },
      trail: { operation: id, ...splitStack(cancelled.stack) },
    };
  }),
];

async function find({ sql }: Portal, principal: Principal, scope: Scope, id: string): Promise<Operation> {
  const row = await getOperation(sql, id, ownTenants(principal));
  if (row === undefined) throw absent();
  demand(principal, scope, targetOf(row));
  return row;
}

const targetOf = ({ stack, database }: Operation) => ({ ...splitStack(stack), database });

const eventToWire = ({ id, at, level, phase, message, data }: OperationEvent) => ({
  id,
  at: time(at),
  level,
  phase,
  message,
  data: { ...data },
});
