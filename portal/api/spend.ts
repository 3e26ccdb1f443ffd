import type { Request, Response } from "express";
import type { NebulaError } from "../../platform/core/index.ts";
import type { Principal, Target } from "../../platform/identity/index.ts";
import { addressOf, networkOf } from "./address.ts";
import { tooManyRequests } from "./errors.ts";
import type { Allowance } from "./leases.ts";
import { type Rule, type RuleName, ruleFor, rulesFor } from "./limits.ts";
import type { Portal } from "./portal.ts";
import { type AnyRoute, isChange } from "./route.ts";

export type Asking = { readonly principal: Principal; readonly request: Request; readonly response: Response };

/** Counts a request by its route's class. @throws NEB605 when a window is spent */
export async function spendOf(entry: AnyRoute, asking: Asking, portal: Portal): Promise<void> {
  const names = rulesFor(entry.limit ?? "default", entry.scope === "public", isChange(entry));
  const spent: Spent[] = [];
  for (const name of names) {
    const rule = ruleOf(name, asking, portal);
    if (rule.by !== "database") spent.push(await spend(rule, subjectOf(rule, asking), portal));
  }
  answerWith(asking.response, spent);
}

/** Of the database a request is about, after the caller has shown that it is his to see: nobody spends a stranger's window. */
export async function spendOfDatabase(
  entry: AnyRoute,
  asking: Asking,
  portal: Portal,
  target: Target | null,
): Promise<void> {
  if (entry.limit !== "metrics" || target === null) return;
  const { database } = asking.request.params;
  const rule = ruleOf("metricsDatabase", asking, portal);
  answerWith(asking.response, [await spend(rule, `${target.tenant}.${target.project}.${database}`, portal)]);
}

/** Beside the whole sentence of a refusal the seconds to wait stand in Retry-After. */
export const tooMany = (message: string, retryAfterSeconds: number): NebulaError =>
  tooManyRequests(message, { fields: { retryAfterSeconds } });

type Spent = { readonly rule: Rule; readonly allowance: Allowance };

const ruleOf = (name: RuleName, { principal }: Asking, { limits }: Portal): Rule =>
  ruleFor(limits.rules[name], principal.grants);

function subjectOf({ by }: Rule, { principal, request }: Asking): string {
  if (by === "address") return networkOf(addressOf(request));
  return by === "key" ? principal.id : principal.user;
}

async function spend(rule: Rule, subject: string, { limiter }: Portal): Promise<Spent> {
  const pending = limiter.spend(rule, subject);
  return { rule, allowance: pending instanceof Promise ? await pending : pending };
}

/**
 * RateLimit and RateLimit-Policy as in draft-ietf-httpapi-ratelimit-headers: every policy that counted the request, and of the
 * windows the one that is nearest its end.
 */
function answerWith(response: Response, spent: readonly Spent[]): void {
  const [first, ...rest] = spent;
  if (first === undefined) return;
  const tightest = rest.reduce((least, each) => (shareOf(each) < shareOf(least) ? each : least), first);
  const { rule, allowance } = tightest;
  response.setHeader("ratelimit-policy", spent.map(policyOf).join(", "));
  response.setHeader("ratelimit", `"${rule.name}";r=${allowance.remaining};t=${allowance.resetSeconds}`);
  const refused = spent.find((each) => !each.allowance.allowed);
  if (refused === undefined) return;
  const { name, by, limit, windowSeconds } = refused.rule;
  throw tooMany(
    `this ${by} may make ${limit} requests in ${windowSeconds} s here (limit "${name}")`,
    refused.allowance.resetSeconds,
  );
}

const shareOf = ({ allowance }: Spent): number => (allowance.allowed ? allowance.remaining / allowance.limit : -1);
const policyOf = ({ rule }: Spent): string => `"${rule.name}";q=${rule.limit};w=${rule.windowSeconds}`;
