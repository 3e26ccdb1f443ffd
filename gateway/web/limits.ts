/**
 * How often somebody may ask, by the declaration. Counted in this process, in windows of a second (wrong credentials: of a minute).
 *
 * 1. An address counts before its credential is looked at, so that guessing is slow; a key or a user after it; an endpoint last.
 * 2. What is refused by one limit is not counted by the next.
 */
import { RateLimiterMemory, type RateLimiterRes } from "rate-limiter-flexible";
import type { ApiLimits, DatabaseId } from "../../platform/spec/index.ts";
import { refuse } from "./refusal.ts";
import type { Answer } from "./types.ts";

export type Counted =
  | { readonly kind: "within"; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: "refused"; readonly answer: Answer };

/** Of one database. */
export type Limits = {
  comes(address: string): Promise<Counted>;
  asks(subject: string, endpoint: string | undefined): Promise<Counted>;
};

type Rule = { readonly name: string; readonly points: number; readonly key: string };

const none: Counted = { kind: "within", headers: {} };

export function makeLimits(id: DatabaseId, limits: ApiLimits): Limits {
  const counters = new Map<string, RateLimiterMemory>();
  const counterOf = ({ name, points }: Rule): RateLimiterMemory => {
    const found = counters.get(name) ?? new RateLimiterMemory({ points, duration: 1, keyPrefix: `${id}:${name}` });
    counters.set(name, found);
    return found;
  };
  const rule = (name: string, points: number | undefined, key: string): Rule[] =>
    points === undefined || points === 0 ? [] : [{ name, points, key }];
  return {
    comes: (address) => countAll(rule("address", limits.perAddressPerSecond, address), counterOf),
    asks: (subject, endpoint) =>
      countAll(
        [
          ...rule("key", limits.perKeyPerSecond, subject),
          ...rule("database", limits.perSecond, ""),
          ...(endpoint === undefined ? [] : rule(`endpoint-${endpoint}`, limits.endpoints[endpoint], "")),
        ],
        counterOf,
      ),
  };
}

async function countAll(rules: readonly Rule[], counterOf: (rule: Rule) => RateLimiterMemory): Promise<Counted> {
  let least: { readonly rule: Rule; readonly left: RateLimiterRes } | undefined;
  for (const rule of rules) {
    const counted = await counterOf(rule)
      .consume(rule.key)
      .then(
        (left) => ({ left, over: false }),
        (left: RateLimiterRes) => ({ left, over: true }),
      );
    if (counted.over) return { kind: "refused", answer: tooMany(rule, counted.left) };
    if (least === undefined || counted.left.remainingPoints < least.left.remainingPoints)
      least = { rule, left: counted.left };
  }
  return least === undefined ? none : { kind: "within", headers: headersOf(least.rule, least.left) };
}

/** As in draft-ietf-httpapi-ratelimit-headers: the limit of which least is left. */
const headersOf = ({ name, points }: Rule, { remainingPoints, msBeforeNext }: RateLimiterRes) => ({
  "ratelimit-policy": `"${shownName(name)}";q=${points};w=1`,
  ratelimit: `"${shownName(name)}";r=${Math.max(0, remainingPoints)};t=${Math.ceil(msBeforeNext / 1000)}`,
});

/** A structured field's string holds ASCII only. */
const shownName = (name: string): string => name.replace(/[^ !#-[\]-~]/g, "_");

const tooMany = (rule: Rule, left: RateLimiterRes): Answer =>
  refuse(429, "PGRST429", `More than ${rule.points} requests in a second (${rule.name})`, {
    hint: "Wait for the seconds in Retry-After; the limits stand in the declaration (api.limits).",
    headers: {
      ...headersOf(rule, left),
      "retry-after": String(Math.max(1, Math.ceil(left.msBeforeNext / 1000))),
    },
  });

/** Wrong credentials of an address, at all databases together. */
export type Guesses = { refusal(address: string): Promise<Answer | undefined>; wrong(address: string): Promise<void> };

export function makeGuesses(perMinute = 60): Guesses {
  const counter = new RateLimiterMemory({ points: perMinute, duration: 60, keyPrefix: "wrong" });
  return {
    async refusal(address) {
      const seen = await counter.get(address);
      if (seen === null || seen.consumedPoints < perMinute) return undefined;
      return refuse(429, "PGRST429", "Too many wrong credentials from this address", {
        hint: "Wait for the seconds in Retry-After.",
        headers: { "retry-after": String(Math.max(1, Math.ceil(seen.msBeforeNext / 1000))) },
      });
    },
    async wrong(address) {
      await counter.consume(address).catch(() => undefined);
    },
  };
}
