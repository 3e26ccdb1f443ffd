import { createHash, randomBytes } from "node:crypto";
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import { asNebulaError } from "../../../platform/core/index.ts";
import { sqlState } from "../../../platform/sql/index.ts";
import type { Context } from "../context.ts";
import { authenticate, credentialOf } from "./authenticate.ts";
import { anonymous, type Caller } from "./caller.ts";
import { linkHeader } from "./page.ts";
import { type Budget, makeRateLimit, type RateLimit } from "./rate-limit.ts";
import { notFound, Refusal } from "./refusal.ts";
import type { Answer, Call, Route } from "./route.ts";

/**
 * GitHub's manners around every handler: request id, rate limit, media type, ETag, Link, error bodies. Unknown faults are
 * reported and answered with nothing but 500.
 */
export function makeRestApp(context: Context, routes: readonly Route[]): Express {
  const app = express();
  const rateLimit = makeRateLimit(context.clock, context.limits.requestsPerHour);
  app.disable("x-powered-by").disable("etag").set("query parser", false);
  app.use(express.raw({ type: () => true, limit: context.limits.bodyBytes }));
  for (const { method, path, handle } of routes) {
    const register = method.toLowerCase() as "get" | "post" | "put" | "patch" | "delete";
    app[register](path, (request, response) => serve(context, rateLimit, { method, path, handle }, request, response));
  }
  const fallback: Route = { method: "GET", path: "*", handle: () => Promise.reject(notFound()) };
  app.use((request, response) => serve(context, rateLimit, fallback, request, response));
  app.use((thrown: Error & { status?: number }, _request: Request, response: Response, _next: NextFunction) => {
    const refusal =
      thrown.status === 413 ? new Refusal(413, "The request body is too large.") : new Refusal(400, "Bad Request");
    response.status(refusal.status).json(refusal.toBody());
  });
  return app;
}

async function serve(
  context: Context,
  rateLimit: RateLimit,
  route: Route,
  request: Request,
  response: Response,
): Promise<void> {
  const startedMs = context.clock.monotonicMs();
  const requestId = randomBytes(8).toString("hex").toUpperCase();
  let caller = anonymous;
  response.set({
    "X-GitHub-Request-Id": requestId,
    "X-GitHub-Media-Type": "github.v3; format=json",
    "X-GitHub-Api-Version-Selected": "2022-11-28",
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
  });
  try {
    caller = await authenticate(context, request.get("authorization"));
    const budget = rateLimit.take(caller.bucket);
    setBudget(response, budget);
    if (budget.refused) throw new Refusal(403, "API rate limit exceeded");
    const url = new URL(request.originalUrl, context.urls.base());
    const call = readCall(context, caller, rateLimit, url, request);
    send(request, response, url, await route.handle(call));
  } catch (thrown) {
    sendRefusal(context, response, toRefusal(context, route, thrown));
  }
  context.observe({
    kind: "http.request",
    server: "forge",
    method: request.method,
    route: route.path,
    status: response.statusCode,
    durationMs: context.clock.monotonicMs() - startedMs,
    requestId,
    ...(caller.bucket === "anonymous" ? {} : { principal: caller.bucket }),
  });
}

function readCall(context: Context, caller: Caller, rateLimit: RateLimit, url: URL, request: Request): Call {
  const params = Object.entries(request.params as Record<string, string | string[]>).map(
    ([name, value]): [string, string] => [name, Array.isArray(value) ? value.join("/") : value],
  );
  const media = /application\/vnd\.github(?:\.[\w-]+)?\.(raw|object|diff|patch|sha)\b/.exec(
    request.get("accept") ?? "",
  );
  return {
    context,
    caller,
    rateLimit,
    params: Object.fromEntries(params),
    query: url.searchParams,
    body: parseJson(request.body),
    media: media?.[1] ?? "json",
    credential: credentialOf(request.get("authorization") ?? "") ?? "",
  };
}

function parseJson(body: unknown): unknown {
  if (!Buffer.isBuffer(body) || body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw new Refusal(400, "Problems parsing JSON");
  }
}

function send(request: Request, response: Response, url: URL, answer: Answer): void {
  const { status = answer.body === undefined ? 204 : 200, body, headers = {} } = answer;
  response.status(status).set(headers);
  const link = linkHeader(url, answer);
  if (link !== undefined) response.set("Link", link);
  if (body === undefined) return void response.end();
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  if (!response.get("Content-Type")) response.set("Content-Type", "application/json; charset=utf-8");
  if (request.method === "GET" && status === 200) {
    const etag = `W/"${createHash("sha256")
      .update(bytes)
      .update(link ?? "")
      .digest("hex")}"`;
    response.set({ ETag: etag, "Cache-Control": "private, max-age=60, s-maxage=60", Vary: "Accept, Authorization" });
    const known = (request.get("if-none-match") ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
    if (known.includes(etag.slice(2))) {
      response.status(304).removeHeader("Content-Type");
      return void response.end();
    }
  }
  response.end(bytes);
}

function setBudget(response: Response, { limit, remaining, used, reset }: Budget): void {
  response.set({
    "X-RateLimit-Limit": String(limit),
    "X-RateLimit-Remaining": String(remaining),
    "X-RateLimit-Used": String(used),
    "X-RateLimit-Reset": String(reset),
    "X-RateLimit-Resource": "core",
  });
}

function toRefusal(context: Context, route: Route, thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown;
  const error = asNebulaError(thrown);
  // What git cannot take for a name or does not have is the caller's mistake.
  if (error.code === "NEB376") return new Refusal(422, error.message);
  if (error.code === "NEB377") return notFound();
  if (["22021", "22P05"].includes(sqlState(error) ?? ""))
    return new Refusal(422, "Text must not contain NUL characters");
  const where = `forge ${route.method} ${route.path}`;
  const stack = error.stack === undefined ? {} : { stack: error.stack };
  context.observe({ kind: "fault", where, code: error.code, message: error.message, ...stack });
  return error.status === 503 ? new Refusal(503, "Service unavailable") : new Refusal(500, "Server Error");
}

function sendRefusal(context: Context, response: Response, refusal: Refusal): void {
  if (refusal.status === 503) response.set("Retry-After", "1");
  if (refusal.status === 401) response.set("WWW-Authenticate", 'Basic realm="GitHub"');
  if (refusal.status === 403 && refusal.message === "API rate limit exceeded")
    response.set(
      "Retry-After",
      String(Math.max(1, Number(response.get("X-RateLimit-Reset")) - Math.floor(context.clock.now() / 1000))),
    );
  response.status(refusal.status).json(refusal.toBody());
}
