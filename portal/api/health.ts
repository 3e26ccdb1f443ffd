import { createHash } from "node:crypto";
import { z } from "zod";
import { asNebulaError } from "../../platform/core/index.ts";
import { notReady } from "./errors.ts";
import { pagePolicy } from "./headers.ts";
import { openApi } from "./openapi.ts";
import { referencePage } from "./reference.ts";
import { type AnyRoute, json, route, text } from "./route.ts";
import { anyJson } from "./schemas.ts";

/** The routes that machines ask, and the description of all routes. `table` is the whole table, these included. */
export const healthRoutes = (table: () => readonly AnyRoute[]): AnyRoute[] => {
  const described = once((version: string) => openApi(table(), version));
  const page = once((version: string) => toPage(referencePage(described(version))));
  return [...watched, ...reference(described, page)];
};

const watched = [
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
  }).handle(async (_call, { sql, draining }) => {
    if (draining.aborted) throw notReady("this process is stopping", { fields: { reasons: ["draining"] } });
    await sql.query("select 1").catch((cause: unknown) => {
      const { code, message } = asNebulaError(cause);
      throw notReady(`the ledger does not answer (${code})`, { cause: message, fields: { reasons: ["ledger"] } });
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
type Page = { readonly html: string; readonly policy: string };

/** The page's one style is named by its hash; no other may run, and no script at all. */
function toPage(html: string): Page {
  const style = /<style>([\s\S]*?)<\/style>/.exec(html)?.[1] ?? "";
  const hash = createHash("sha256").update(style).digest("base64");
  return { html, policy: pagePolicy(`'sha256-${hash}'`) };
}

/** The same table is the same document: it is made for the first who asks. */
function once<T>(make: (version: string) => T): (version: string) => T {
  const made = new Map<string, T>();
  return (version) => {
    const found = made.get(version) ?? make(version);
    made.set(version, found);
    return found;
  };
}
