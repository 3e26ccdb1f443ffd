import { z } from "zod";
import { notReady } from "./errors.ts";
import { openApi } from "./openapi.ts";
import { type Page, toPage } from "./page-policy.ts";
import { referencePage } from "./reference.ts";
import { type AnyRoute, json, route, text } from "./route.ts";
import { anyJson, named, timestamp } from "./schemas.ts";

/** The routes that machines ask, and the description of all routes. `table` is the whole table, these included. */
export const healthRoutes = (table: () => readonly AnyRoute[]): AnyRoute[] => {
  const described = once((version: string) => openApi(table(), version));
  const page = once((version: string) => toPage(referencePage(described(version))));
  return [...watched, ...reference(described, page)];
};

const healthState = z.enum(["ok", "degraded", "down"]);

const report = named(
  "Health",
  "How a process is. Every process of the platform says it in this shape, at /livez and /readyz.",
  z.strictObject({
    process: z.string(),
    version: z.string(),
    status: healthState.describe("degraded: it serves, and something that it can do without is not well."),
    ready: z.boolean(),
    checks: z.array(
      z.strictObject({
        name: z.string(),
        needed: z.boolean().describe("Without it the process is not ready."),
        state: healthState,
        code: z.string().nullable(),
        reason: z.string().nullable(),
        since: timestamp,
      }),
    ),
  }),
);

const watched = [
  route({
    method: "get",
    path: "/livez",
    operationId: "health.livez",
    scope: "public",
    target: "own",
    limit: "watch",
    summary: "The process lives, whatever else does not",
    replies: {
      200: json("It does", z.strictObject({ status: z.literal("ok"), process: z.string(), version: z.string() })),
    },
  }).handle(async (_call, { health }) => ({ status: 200, body: health.live() })),

  route({
    method: "get",
    path: "/readyz",
    operationId: "health.readyz",
    scope: "public",
    target: "own",
    limit: "watch",
    summary: "Whether the process can do its work, and what is not well",
    replies: { 200: json("It can", report), 503: json("It cannot", report) },
  }).handle(async (_call, { health }) => {
    const found = await health.report();
    const body = { ...found, checks: [...found.checks] };
    return found.ready ? { status: 200, body } : { status: 503, body };
  }),

  route({
    method: "get",
    path: "/health",
    operationId: "health.live",
    scope: "public",
    target: "own",
    limit: "watch",
    summary: "The process lives",
    description:
      "`gitHosts` is degraded while a Git host does not let a repository be followed; `nebula repo show` says why.",
    replies: {
      200: json(
        "It does",
        z.strictObject({ status: z.literal("ok"), version: z.string(), gitHosts: z.enum(["ok", "degraded"]) }),
      ),
    },
  }).handle(async (_call, { version, gitHealth }) => ({
    status: 200,
    body: { status: "ok", version, gitHosts: gitHealth() },
  })),

  route({
    method: "get",
    path: "/ready",
    operationId: "health.ready",
    scope: "public",
    target: "own",
    limit: "watch",
    summary: "The process can do its work: the ledger answers and nobody asked it to stop",
    replies: {
      200: json("It can", z.strictObject({ status: z.literal("ready"), ledger: z.literal("ok") })),
    },
  }).handle(async (_call, { health, draining }) => {
    if (draining.aborted) throw notReady("this process is stopping", { fields: { reasons: ["draining"] } });
    const missing = (await health.report()).checks.filter(({ state }) => state === "down");
    if (missing.length > 0)
      throw notReady(missing.map(({ name, code }) => `the ${name} does not answer (${code})`).join("; "), {
        fields: { reasons: missing.map(({ name }) => name) },
      });
    return { status: 200, body: { status: "ready", ledger: "ok" } };
  }),

  route({
    method: "get",
    path: "/metrics",
    operationId: "health.metrics",
    scope: "public",
    target: "own",
    limit: "watch",
    summary: "Metrics of this process in Prometheus's text format",
    replies: { 200: text("Prometheus text", "text/plain") },
  }).handle(async (_call, { metrics }) => ({
    status: 200,
    async write(response) {
      const { contentType, body } = await metrics.render();
      response.type(contentType).send(body);
    },
  })),
];

const reference = (described: (version: string) => Json, page: (version: string) => Page): AnyRoute[] => [
  route({
    method: "get",
    path: "/openapi.json",
    operationId: "reference.document",
    scope: "public",
    target: "own",
    summary: "This API as an OpenAPI 3.1 document",
    replies: { 200: json("The document", anyJson) },
  }).handle(async (_call, { version }) => ({ status: 200, body: described(version) })),

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
      const { html, policy } = page(version);
      response.setHeader("content-security-policy", policy);
      response.type("html").send(html);
    },
  })),
];

type Json = ReturnType<typeof openApi>;

/** The same table is the same document: it is made for the first who asks. */
function once<T>(make: (version: string) => T): (version: string) => T {
  const made = new Map<string, T>();
  return (version) => {
    const found = made.get(version) ?? make(version);
    made.set(version, found);
    return found;
  };
}
