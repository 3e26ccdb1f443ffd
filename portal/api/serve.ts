import { randomUUID } from "node:crypto";
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import helmet from "helmet";
import { asNebulaError, drainUnread, internalError, type NebulaError, toProblem } from "../../platform/core/index.ts";
import { badJson, bodyTooLarge, noSuchRoute, wrongMedia } from "./errors.ts";
import { type Limiters, makeLimiters, runRoute } from "./pipeline.ts";
import type { Portal } from "./portal.ts";
import type { AnyRoute } from "./route.ts";

/** The route table as an Express application: what is common to all routes, then one handler an entry. */
export function serveRoutes(table: readonly AnyRoute[], portal: Portal): Express {
  const app = express();
  app.disable("x-powered-by").set("etag", false).set("query parser", "simple");
  // Served over plain HTTP on loopback: a browser that upgrades would find nothing. TLS ends in front of it elsewhere.
  app.use(helmet({ contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } }));
  app.use(stamp);
  app.use(drainUnread);
  app.use(express.json({ limit: portal.limits.bodyBytes, strict: true }));
  const limiters = makeLimiters(portal);
  for (const entry of table) app[entry.method](toExpressPath(entry.path), handle(entry, portal, limiters));
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
function stamp(_request: Request, response: Response, next: NextFunction): void {
  response.locals.requestId = `req_${randomUUID()}`;
  response.locals.startedMs = performance.now();
  response.setHeader("x-request-id", response.locals.requestId);
  response.setHeader("cache-control", "no-store");
  next();
}

const handle =
  (entry: AnyRoute, portal: Portal, limiters: Limiters) => async (request: Request, response: Response) => {
    try {
      const answer = await runRoute(entry, request, response, portal, limiters);
      if ("write" in answer) {
        response.status(answer.status);
        await answer.write(response);
        return;
      }
      response.status(answer.status).set(answer.headers ?? {});
      if (answer.body === undefined) response.end();
      else response.json(answer.body);
    } catch (thrown) {
      const error = translate(thrown);
      if (error.code === internalError.definition.code) observeFault(portal, entry, error);
      if (response.headersSent) response.destroy();
      else sendProblem(response, error);
    } finally {
      observeRequest(portal, request, response, entry.path);
    }
  };

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
