import type { Request, Response } from "express";
import { asNebulaError, type NebulaError } from "../../platform/core/index.ts";
import {
  holds,
  type Principal,
  rolesOf,
  scopeMissing,
  type Target,
  tokenMissing,
  tokenRefused,
  verifyToken,
} from "../../platform/identity/index.ts";
import { matchRequired, tooManyRequests, wrongMedia } from "./errors.ts";
import { once } from "./idempotency.ts";
import { type Limiter, makeLimiter } from "./limiter.ts";
import { parseInput, parseParams } from "./parse.ts";
import type { Portal } from "./portal.ts";
import { demand } from "./reach.ts";
import type { Answer, AnyRoute, Call } from "./route.ts";
import { makeTrail } from "./trail.ts";

export type Limiters = { readonly requests: Limiter; readonly failures: Limiter };

export function makeLimiters({ limits, clock }: Portal): Limiters {
  const now = () => clock.monotonicMs();
  return {
    requests: makeLimiter(limits.requests, limits.windowSeconds, now),
    failures: makeLimiter(limits.failures, limits.windowSeconds, now),
  };
}

/**
 * A request from its first byte to its answer, in the order that gives nothing away: who, how often, about what, whether,
 * and only then what exactly.
 */
export async function runRoute(
  entry: AnyRoute,
  request: Request,
  response: Response,
  portal: Portal,
  limiters: Limiters,
): Promise<Answer> {
  const principal = entry.scope === "public" ? nobody : await authenticate(request, portal, limiters);
  if (entry.scope !== "public") {
    response.locals.principal = principal.id;
    limit(response, principal, limiters.requests, portal);
  }
  const params = parseParams(entry, request.params);
  const target = entry.target === "own" ? null : entry.target(params);
  const trail = makeTrail(entry, principal, target, request, portal);
  try {
    authorise(entry, principal, target);
    const call = { ...readCall(entry, request, response, principal), params };
    const answer = await once(entry, call, portal, () => entry.handle(call, portal));
    if (portal.checkAnswers) checkAnswer(entry, answer);
    await trail.accepted(answer);
    return answer;
  } catch (thrown) {
    await trail.refused(asNebulaError(thrown));
    throw thrown;
  }
}

async function authenticate(request: Request, portal: Portal, { failures }: Limiters): Promise<Principal> {
  const [, token] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "") ?? [];
  if (token === undefined) throw tokenMissing("the request carries no bearer token");
  const address = request.socket.remoteAddress ?? "unknown";
  const allowance = failures.spend(address, 0);
  if (allowance.remaining === 0) throw tooMany("too many wrong tokens from this address", allowance.resetSeconds);
  const principal = await verifyToken(portal.sql, token, portal.clock.now());
  if (principal !== undefined) return principal;
  failures.spend(address);
  throw tokenRefused("this token does not open anything here");
}

/** RateLimit and RateLimit-Policy as in draft-ietf-httpapi-ratelimit-headers. */
function limit(response: Response, principal: Principal, limiter: Limiter, { limits }: Portal): void {
  const { allowed, remaining, resetSeconds } = limiter.spend(principal.id);
  response.setHeader("ratelimit-policy", `"principal";q=${limits.requests};w=${limits.windowSeconds}`);
  response.setHeader("ratelimit", `"principal";r=${remaining};t=${resetSeconds}`);
  if (!allowed) throw tooMany("this token has made too many requests", resetSeconds);
}

const tooMany = (message: string, retryAfterSeconds: number): NebulaError =>
  tooManyRequests(message, { fields: { retryAfterSeconds } });

/** A route without a target asks again once it knows what it is about (`demand`, `narrowTo`). */
function authorise({ scope }: AnyRoute, principal: Principal, target: Target | null): void {
  if (scope === "public") return;
  if (target !== null) return demand(principal, scope, target);
  if (!holds(principal, scope))
    throw scopeMissing(`${rolesOf(principal)} may not do this: it needs ${scope}`, { fields: { scope } });
}

function readCall(entry: AnyRoute, request: Request, response: Response, principal: Principal) {
  if (entry.body !== undefined && hasBody(request) && !request.is("application/json"))
    throw wrongMedia("the body's content-type is not application/json");
  const { query, body } = parseInput(entry, { query: request.query, body: request.body });
  const match = request.headers["if-match"];
  if (entry.match && match === undefined)
    throw matchRequired("this change needs If-Match with the ETag of what it changes");
  return {
    query,
    body,
    principal,
    request,
    requestId: String(response.locals.requestId),
    idempotencyKey: request.get("idempotency-key"),
    match: match ?? "*",
  } satisfies Omit<Call<unknown, unknown, unknown>, "params">;
}

const hasBody = (request: Request): boolean =>
  request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;

/** In tests: an answer that does not fit its own schema is a defect, found at the first request. */
function checkAnswer(entry: AnyRoute, answer: Answer): void {
  const reply = entry.replies[answer.status];
  if (reply === undefined) throw new Error(`${entry.operationId} answered ${answer.status}, which it does not declare`);
  const schema = reply.content["application/json"];
  if ("write" in answer || schema === undefined || schema === null) return;
  schema.parse(answer.body);
}

const nobody: Principal = { kind: "token", id: "", name: "", user: "", grants: [], scopes: [], database: null };
