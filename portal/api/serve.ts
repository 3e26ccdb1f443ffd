import { randomUUID } from "node:crypto";
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import {
  asNebulaError,
  type Door,
  drainUnread,
  internalError,
  makeDoor,
  type NebulaError,
  toProblem,
} from "../../platform/core/index.ts";
import { problemPage, sendPage } from "./auth/pages.ts";
import { badJson, bodyTooLarge, noSuchRoute, urlTooLong, wrongMedia } from "./errors.ts";
import { crossOrigin, securityHeaders } from "./headers.ts";
import { readJson } from "./json-body.ts";
import { runRoute } from "./pipeline.ts";
import type { Portal } from "./portal.ts";
import type { AnyRoute } from "./route.ts";
import { sameOrigin } from "./same-origin.ts";

/** The route table as an Express application: what is common to all routes, then one handler an entry. */
export function serveRoutes(table: readonly AnyRoute[], portal: Portal): Express {
  const { reachable, limits } = portal;
  const app = express();
  app.disable("x-powered-by").set("etag", false).set("query parser", "simple");
  app.set("trust proxy", reachable.trustedProxies.length > 0 ? [...reachable.trustedProxies] : false);
  app.use(securityHeaders(reachable), stamp(portal), drainUnread);
  app.use(...crossOrigin(reachable), sameOrigin(reachable), ...readJson(limits.bodyBytes));
  const door = portal.tracer.on ? makeDoor(portal.tracer) : undefined;
  for (const entry of table) app[entry.method](toExpressPath(entry.path), inTrace(door, entry, handle(entry, portal)));
  // Whoever opens the address that `up` prints.
  app.get("/", (_request, response) => response.redirect(302, "/docs"));
  app.use((request: Request) => {
    throw noSuchRoute(`there is no ${request.method} ${request.path}`);
  });
  app.use((thrown: unknown, request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(thrown);
    sendProblem(response, translate(thrown));
    observeRequest(portal, request, response, "(none)");
  });
  return app;
}

/** A request's id and start: ours to make, so that nobody can forge another's line in the log. */
const stamp =
  ({ limits, draining }: Portal) =>
  (request: Request, response: Response, next: NextFunction): void => {
    response.locals.requestId = `req_${randomUUID()}`;
    response.locals.startedMs = performance.now();
    response.setHeader("x-request-id", response.locals.requestId);
    if (draining.aborted) response.setHeader("connection", "close");
    if (request.url.length > limits.urlBytes)
      throw urlTooLong(`the address has ${request.url.length} bytes; ${limits.urlBytes} are read`);
    next();
  };

type Handler = (request: Request, response: Response) => Promise<void>;

/** Those that watch are not watched. */
const inTrace = (door: Door | undefined, entry: AnyRoute, handle: Handler): Handler => {
  const { method, path } = { method: entry.method.toUpperCase(), path: entry.path };
  if (door === undefined || entry.limit === "watch") return handle;
  return (request, response) =>
    door(
      { name: `${method} ${path}`, kind: "server", facts: { "http.request.method": method, "http.route": path } },
      request.headers.traceparent,
      async (span) => {
        await handle(request, response);
        span.note({ "http.response.status_code": response.statusCode, "nebula.request": response.locals.requestId });
        if (response.statusCode >= 500) span.fail(String(response.statusCode));
      },
    );
};

const handle =
  (entry: AnyRoute, portal: Portal): Handler =>
  async (request, response) => {
    try {
      const answer = await runRoute(entry, request, response, portal);
      if (portal.draining.aborted) response.setHeader("connection", "close");
      if ("write" in answer) {
        response.status(answer.status);
        await answer.write(response);
        return;
      }
      send(request, response, answer);
    } catch (thrown) {
      const error = translate(thrown);
      if (error.code === internalError.definition.code) observeFault(portal, entry, error);
      if (response.headersSent) response.destroy();
      else if (entry.page && request.accepts(["json", "html"]) === "html") sendProblemPage(response, error);
      else sendProblem(response, error);
    } finally {
      observeRequest(portal, request, response, entry.path);
    }
  };

type Told = { readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> };

/** What the caller has already is not sent again. */
function send(request: Request, response: Response, { status, body, headers = {} }: Told): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  const seen = request.headers["if-none-match"];
  if (headers.etag !== undefined && isSafe(request) && seen !== undefined && matches(seen, headers.etag)) {
    response.statusCode = 304;
    return void response.end();
  }
  if (body === undefined) return void response.end();
  const text = JSON.stringify(body);
  response.setHeader("content-type", "application/json; charset=utf-8");
  response.setHeader("content-length", Buffer.byteLength(text));
  response.end(text);
}

const isSafe = ({ method }: Request): boolean => method === "GET" || method === "HEAD";
const matches = (seen: string, tag: string): boolean =>
  seen.trim() === "*" || seen.split(",").some((each) => each.trim().replace(/^W\//, "") === tag);

function sendProblemPage(response: Response, error: NebulaError): void {
  if (error.retry) response.setHeader("retry-after", String(error.fields.retryAfterSeconds ?? 1));
  sendPage(response.status(error.status), problemPage(error, response.locals.requestId));
}

export function sendProblem(response: Response, error: NebulaError): void {
  const { retryAfterSeconds } = error.fields;
  if (error.retry) response.setHeader("retry-after", String(retryAfterSeconds ?? 1));
  if (error.status === 401) response.setHeader("www-authenticate", 'Bearer realm="nebuladb"');
  response
    .status(error.status)
    .type("application/problem+json")
    .send(JSON.stringify(toProblem(error, response.locals.requestId)));
}

/** Express's own errors carry a `type`; everything else is ours or unknown. */
function translate(thrown: unknown): NebulaError {
  const { type, status } = (thrown ?? {}) as { type?: unknown; status?: unknown };
  if (type === "entity.too.large") return bodyTooLarge("the body is larger than this API takes", { cause: thrown });
  if (type === "encoding.unsupported" || type === "charset.unsupported")
    return wrongMedia("the body's encoding is not understood", { cause: thrown });
  if (typeof type === "string" && type.startsWith("entity."))
    return badJson("the body is not valid JSON", { cause: thrown });
  if (status === 400 && thrown instanceof URIError) return noSuchRoute("the path is not valid", { cause: thrown });
  return asNebulaError(thrown);
}

const toExpressPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ":$1");

function observeRequest(portal: Portal, request: Request, response: Response, route: string): void {
  const { requestId, startedMs, principal } = response.locals as {
    requestId: string;
    startedMs: number;
    principal?: string;
  };
  portal.observe({
    kind: "http.request",
    server: "portal",
    method: request.method,
    route,
    status: response.statusCode,
    durationMs: performance.now() - startedMs,
    requestId,
    ...(principal === undefined ? {} : { principal }),
  });
}

function observeFault(portal: Portal, entry: AnyRoute, error: NebulaError): void {
  const cause = error.cause instanceof Error ? error.cause : error;
  portal.observe({
    kind: "fault",
    where: entry.operationId,
    code: error.code,
    message: error.message,
    ...(cause.stack === undefined ? {} : { stack: cause.stack }),
  });
}
