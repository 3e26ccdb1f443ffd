import type { Request, Response } from "express";
import { asNebulaError } from "../../platform/core/index.ts";
import {
  can,
  credentialIn,
  holds,
  identify,
  isInside,
  type Principal,
  type Target,
  tokenMissing,
  tokenRefused,
  whyNot,
} from "../../platform/identity/index.ts";
import { addressOf, networkOf } from "./address.ts";
import { matchRequired, tooManyAtOnce, wrongMedia } from "./errors.ts";
import { once } from "./idempotency.ts";
import { parseInput, parseParams } from "./parse.ts";
import { takePlace } from "./places.ts";
import type { Portal } from "./portal.ts";
import { absent, demand } from "./reach.ts";
import { type Answer, type AnyRoute, type Call, isChange } from "./route.ts";
import { spendOf, spendOfDatabase, tooMany } from "./spend.ts";
import { makeTrail } from "./trail.ts";

/**
 * A request from its first byte to its answer, in the order that gives nothing away: who, how often, about what, whether,
 * and only then what exactly.
 */
export async function runRoute(entry: AnyRoute, request: Request, response: Response, portal: Portal): Promise<Answer> {
  const principal = entry.scope === "public" ? nobody : await authenticate(request, portal);
  if (entry.scope !== "public") {
    response.locals.principal = principal.id;
    enter(principal, response, portal);
  }
  await spendOf(entry, { principal, request, response }, portal);
  const params = parseParams(entry, request.params);
  const target = typeof entry.target === "function" ? entry.target(params) : null;
  const trail = makeTrail(entry, principal, target, request, portal);
  let leave: () => void = () => undefined;
  try {
    authorise(entry, principal, target, { ...request.query, ...(params as object | undefined) });
    await spendOfDatabase(entry, { principal, request, response }, portal, target);
    const isStillAllowed = stillAllowed(entry, request, portal);
    const call = { ...readCall(entry, request, response, principal), params, isStillAllowed, note: trail.note };
    const answer = await once(entry, call, portal, async (within) => {
      leave = await takePlace(entry, target, within);
      return entry.handle(call, within);
    });
    if (portal.checkAnswers) checkAnswer(entry, answer);
    await trail.accepted(answer);
    if (changesAccess(entry)) portal.callers.forget();
    return answer;
  } catch (thrown) {
    await trail.refused(asNebulaError(thrown));
    throw thrown;
  } finally {
    leave();
  }
}

async function authenticate(request: Request, portal: Portal): Promise<Principal> {
  const { authorization } = request.headers;
  const credential = credentialIn(authorization);
  if (authorization === undefined || credential === undefined)
    throw tokenMissing("the request carries no key and no access token");
  const { callers, limiter, limits } = portal;
  const known = callers.known(authorization);
  if (known !== undefined) return known;
  const network = networkOf(addressOf(request));
  const refusal = limiter.refusal(limits.rules.failures, network);
  if (refusal !== undefined) throw tooMany("too many wrong tokens from this address", refusal.resetSeconds);
  const found = await callers.learn(authorization, () =>
    identify({ ...portal, identity: portal.auth.identity }, credential),
  );
  if (found !== undefined) return found;
  await limiter.spend(limits.rules.failures, network);
  throw tokenRefused("this token does not open anything here");
}

const stillAllowed =
  ({ scope }: AnyRoute, request: Request, portal: Portal) =>
  async (target: Target): Promise<boolean> => {
    if (scope === "public") return true;
    const principal = await authenticate(request, portal).catch((thrown: unknown) => {
      if (asNebulaError(thrown).status === 401) return undefined;
      throw thrown;
    });
    return principal !== undefined && can(principal, scope, target);
  };

/** A slot among the requests of the same key, until the answer has left. */
function enter(principal: Principal, response: Response, { crowd, limits }: Portal): void {
  const leave = crowd.enter(`key:${principal.id}`, limits.atOnce);
  if (leave === undefined) throw tooManyAtOnce(`${limits.atOnce} requests of this key are being worked on`);
  response.once("close", leave);
}

/** Changes of these cannot change who may do what; after every other one nobody is remembered. */
const harmless: ReadonlySet<string> = new Set([
  "databases",
  "buckets",
  "operations",
  "pulls",
  "secrets",
  "repositories",
  "spending",
  "notifications",
  "payments",
  "usage",
]);
const changesAccess = (entry: AnyRoute): boolean =>
  isChange(entry) && !harmless.has(entry.operationId.split(".")[0] ?? "");

/**
 * A route without a target asks again once it knows what it is about (`demand`, `narrowTo`). Where it names a tenant that is not
 * the principal's own, that is not there for him, whatever he holds elsewhere.
 */
function authorise(entry: AnyRoute, principal: Principal, target: Target | null, named: Named): void {
  const { scope } = entry;
  if (scope === "public" || entry.target === "found") return;
  if (target !== null) return demand(principal, scope, target);
  if (typeof named.tenant === "string" && !isInside(principal, named.tenant)) throw absent();
  if (holds(principal, scope)) return;
  if (typeof named.domain === "string" && !isInside(principal, named.domain)) throw absent();
  throw whyNot(principal, scope);
}

/** What path and query may say of a tenant, before they are parsed. */
type Named = { readonly tenant?: unknown; readonly domain?: unknown };

function readCall(entry: AnyRoute, request: Request, response: Response, principal: Principal) {
  if (entry.body !== undefined && hasBody(request) && !request.is([...(entry.media ?? jsonAlone)]))
    throw wrongMedia(`the body's content-type is not ${(entry.media ?? jsonAlone).join(" or ")}`);
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
  } satisfies Omit<Call<unknown, unknown, unknown>, "params" | "isStillAllowed" | "note">;
}

const jsonAlone = ["application/json"];

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
