/**
 * Tokens (JWT) of a tenant's own issuers.
 *
 * 1. How a token is verified stands in the declaration, never in the token: its algorithms belong to the kind of key, so a public
 *    key is no shared secret; `none`, `jku`, `jwk` and `x5u` mean nothing here.
 * 2. A token without `exp` is not believed, nor one that is not valid yet.
 * 3. One text for one token: each part must be canonical base64url.
 * 4. A verdict is remembered for as long as the token is valid, half a minute at most, under a digest.
 */
import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from "jose";
import { LRUCache } from "lru-cache";
import { type Clock, type Observe, reportFault, type Secret } from "../../platform/core/index.ts";
import type { JwtSpec } from "../../platform/spec/index.ts";
import { tokenSecretUnfit } from "./errors.ts";
import type { KeySets } from "./key-sets.ts";

export type Verdict =
  | {
      readonly kind: "valid";
      readonly claims: Readonly<Record<string, unknown>>;
      readonly role: string | undefined;
      readonly issuer: number;
    }
  | { readonly kind: "expired" }
  | { readonly kind: "refused"; readonly why: string };

export type Tokens = { verify(token: string): Promise<Verdict> };

type Parts = {
  readonly id: string;
  readonly issuers: readonly JwtSpec[];
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly keySets: KeySets;
  readonly clock: Clock;
  readonly observe: Observe;
};

const longest = 16_384;
const toleranceSeconds = 30;
const rememberedMs = 30_000;
const leastSecretBytes = 32;

export function makeTokens(parts: Parts): Tokens {
  const { clock } = parts;
  const remembered = new LRUCache<string, { readonly verdict: Verdict; readonly untilMs: number }>({ max: 5_000 });
  const keys = parts.issuers.map((issuer) => ownKey(issuer, parts));

  const verify = async (token: string): Promise<Verdict> => {
    if (token.length > longest || !isCanonical(token)) return refused("JWT is malformed");
    const header = headerOf(token);
    if (header === undefined) return refused("JWT is malformed");
    const iss = decodeJwt(token).iss;
    let verdict: Verdict = refused(
      parts.issuers.length === 0
        ? "This database believes no tokens: api.jwt names no issuer"
        : "JWT is of no known issuer",
    );
    for (const [index, issuer] of parts.issuers.entries()) {
      if (!issuer.algorithms.includes(header.alg ?? "")) continue;
      if (issuer.issuer !== undefined && issuer.issuer !== iss) continue;
      verdict = await verifyBy(token, issuer, keys[index], index, parts);
      if (verdict.kind !== "refused") return verdict;
    }
    return verdict;
  };

  return {
    async verify(token) {
      const digest = createHash("sha256").update(token).digest("base64");
      const nowMs = clock.now();
      const known = remembered.get(digest);
      if (known !== undefined && known.untilMs > nowMs) return known.verdict;
      const verdict = await verify(token).catch(refusalOf);
      if (verdict.kind === "valid") {
        const endMs = (Number(verdict.claims.exp) + toleranceSeconds) * 1000;
        remembered.set(digest, { verdict, untilMs: Math.min(endMs, nowMs + rememberedMs) });
      }
      return verdict;
    },
  };
}

const refused = (why: string): Verdict => ({ kind: "refused", why });

type OwnKey = KeyObject | Uint8Array | undefined;

async function verifyBy(token: string, issuer: JwtSpec, own: OwnKey, index: number, { keySets, clock }: Parts) {
  const options: JWTVerifyOptions = {
    algorithms: [...issuer.algorithms],
    requiredClaims: ["exp"],
    clockTolerance: toleranceSeconds,
    currentDate: new Date(clock.now()),
    ...(issuer.issuer === undefined ? {} : { issuer: issuer.issuer }),
    ...(issuer.audience === undefined ? {} : { audience: issuer.audience }),
  };
  const accept = ({ payload }: { readonly payload: JWTPayload }): Verdict => {
    if (typeof payload.iat === "number" && payload.iat * 1000 > clock.now() + toleranceSeconds * 1000)
      return refused("JWT issued at future");
    const role = claimAt(payload, issuer.roleClaim);
    if (role !== undefined && typeof role !== "string") return refused(`JWT's ${issuer.roleClaim} is no role`);
    return { kind: "valid", claims: payload, role, issuer: index };
  };
  try {
    if (own !== undefined) return accept(await jwtVerify(token, own, options));
    if (issuer.jwks === undefined) return refused("The secret that verifies this token is not usable");
    const set = await keySets.of(issuer.jwks);
    if (set === undefined) return refused("The issuer's public keys cannot be read");
    return accept(
      await jwtVerify(token, set, options).catch(async (thrown: unknown) => {
        const newer = thrown instanceof errors.JWKSNoMatchingKey ? await keySets.of(issuer.jwks ?? "", set) : set;
        if (newer === undefined || newer === set) throw thrown;
        return jwtVerify(token, newer, options);
      }),
    );
  } catch (thrown) {
    return refusalOf(thrown);
  }
}

function refusalOf(thrown: unknown): Verdict {
  if (thrown instanceof errors.JWTExpired) return { kind: "expired" };
  if (thrown instanceof errors.JWTClaimValidationFailed) return refused(`JWT's ${thrown.claim} is not as it must be`);
  if (thrown instanceof errors.JWSSignatureVerificationFailed) return refused("JWT's signature does not fit");
  if (thrown instanceof errors.JWKSNoMatchingKey) return refused("No suitable key was found to verify the JWT");
  // Whatever the library or a key says of a text that a stranger sent, it is no fault of ours.
  return refused("JWT is malformed");
}

function ownKey({ secret, publicKey }: JwtSpec, { id, secrets, observe }: Parts): OwnKey {
  if (publicKey !== undefined) {
    try {
      return createPublicKey(publicKey);
    } catch {
      return undefined;
    }
  }
  if (secret === undefined) return undefined;
  const bytes = new TextEncoder().encode(secrets.get(secret)?.reveal() ?? "");
  if (bytes.length >= leastSecretBytes) return bytes;
  reportFault(observe, "api.secrets", tokenSecretUnfit(`${id}: the secret "${secret}" is missing or short`));
  return undefined;
}

function headerOf(token: string) {
  try {
    return decodeProtectedHeader(token);
  } catch {
    return undefined;
  }
}

function isCanonical(token: string): boolean {
  const parts = token.split(".");
  return parts.length === 3 && parts.every((part) => Buffer.from(part, "base64url").toString("base64url") === part);
}

/** A claim by its own name, or by the way inwards. */
function claimAt(claims: JWTPayload, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  return path
    .split(".")
    .reduce<unknown>(
      (inner, key) =>
        typeof inner === "object" && inner !== null && Object.hasOwn(inner, key)
          ? (inner as Record<string, unknown>)[key]
          : undefined,
      claims,
    );
}
