import { z } from "zod";
import { openApi } from "./openapi.ts";
import { referencePage } from "./reference.ts";
import { type AnyRoute, json, route, text } from "./route.ts";
import { anyJson } from "./schemas.ts";

/** The routes that machines ask, and the description of all routes. `table` is the whole table, these included. */
export const healthRoutes = (table: () => readonly AnyRoute[]): AnyRoute[] => [
  route({
    method: "get",
    path: "/health",
    operationId: "health.live",
    scope: "public",
    target: "own",
    summary: "The process lives",
    replies: { 200: json("It does", z.strictObject({ status: z.literal("ok"), version: z.string() })) },
  }).handle(async (_call, { version }) => ({ status: 200, body: { status: "ok", version } })),

  route({
    method: "get",
    path: "/ready",
    operationId: "health.ready",
    scope: "public",
    target: "own",
    summary: "The process can do its work: the ledger answers",
    replies: {
      200: json("It can", z.strictObject({ status: z.literal("ready"), ledger: z.literal("ok") })),
    },
  }).handle(async (_call, { sql }) => {
    await sql.one("select 1 as alive");
    return { status: 200, body: { status: "ready", ledger: "ok" } };
  }),

  route({
    method: "get",
    path: "/metrics",
    operationId: "health.metrics",
    scope: "public",
    target: "own",
    summary: "Metrics of this process in Prometheus's text format",
    replies: { 200: text("Prometheus text", "text/plain") },
  }).handle(async (_call, { metrics }) => ({
    status: 200,
    async write(response) {
      const { contentType, body } = await metrics.render();
      response.type(contentType).send(body);
    },
  })),

  route({
    method: "get",
    path: "/openapi.json",
    operationId: "reference.document",
    scope: "public",
    target: "own",
    summary: "This API as an OpenAPI 3.1 document",
    replies: { 200: json("The document", anyJson) },
  }).handle(async (_call, { version }) => ({ status: 200, body: openApi(table(), version) })),

  route({
    method: "get",
    path: "/docs",
    operationId: "reference.page",
    scope: "public",
    target: "own",
    summary: "This API as a page to read",
    replies: { 200: text("The page", "text/html") },
  }).handle(async (_call, { version }) => ({
    status: 200,
    async write(response) {
      response.type("html").send(referencePage(openApi(table(), version)));
    },
  })),
];
