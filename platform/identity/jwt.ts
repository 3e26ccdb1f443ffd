import { randomUUID } from "node:crypto";
import { type CryptoKey, errors, type JWTHeaderParameters, jwtVerify, SignJWT } from "jose";
import { type Clock, Secret } from "../core/index.ts";
import type { KeyRing } from "./key-ring.ts";

/**
 * Access tokens: EdDSA (Ed25519) JWTs that live for minutes.
 *
 * 1. One algorithm, one type (`at+jwt`), our issuer, our audience, and every claim there: nothing about how to verify is
 *    taken from the token. The header may hold `alg`, `kid` and `typ` and nothing else; `kid` only chooses among our own keys.
 * 2. One text for one token: each part must be canonical base64url.
 * 3. A token says who and which session, never what may be done: that is looked up.
 */
export type AccessClaims = { readonly userId: string; readonly sessionId: string };

export type TokenParts = {
  readonly keys: KeyRing;
  readonly clock: Clock;
  readonly issuer: string;
  readonly audience: string;
  readonly accessSeconds: number;
};

const algorithm = "EdDSA";
const type = "at+jwt";
const toleranceSeconds = 5;
const longest = 2048;

export async function signAccessToken(
  { keys, clock, issuer, audience, accessSeconds }: TokenParts,
  claims: AccessClaims & { readonly amr: readonly string[]; readonly begunAt: Date },
): Promise<{ readonly token: Secret; readonly expiresAt: Date }> {
  const { id, key } = await keys.signer();
  const nowSeconds = Math.floor(clock.now() / 1000);
  const token = await new SignJWT({
    sid: claims.sessionId,
    amr: [...claims.amr],
    auth_time: Math.floor(claims.begunAt.getTime() / 1000),
  })
    .setProtectedHeader({ alg: algorithm, kid: id, typ: type })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(claims.userId)
    .setJti(randomUUID())
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + accessSeconds)
    .sign(key);
  return { token: new Secret(token), expiresAt: new Date((nowSeconds + accessSeconds) * 1000) };
}

/** What the token says when it is ours and in its time, else undefined. @throws only what the ledger throws. */
export async function verifyAccessToken(parts: TokenParts, token: string): Promise<AccessClaims | undefined> {
  if (token.length > longest || !token.split(".").every(isCanonical)) return undefined;
  try {
    const { payload } = await jwtVerify(token, (header) => keyFor(parts.keys, header), {
      algorithms: [algorithm],
      typ: type,
      issuer: parts.issuer,
      audience: parts.audience,
      requiredClaims: ["sub", "sid", "iat", "exp", "jti"],
      maxTokenAge: parts.accessSeconds,
      clockTolerance: toleranceSeconds,
      currentDate: new Date(parts.clock.now()),
    });
    const { sub, sid, jti, aud, iat = 0, exp = 0 } = payload;
    if (typeof sub !== "string" || typeof sid !== "string" || typeof jti !== "string" || typeof aud !== "string")
      return undefined;
    return exp - iat <= parts.accessSeconds ? { userId: sub, sessionId: sid } : undefined;
  } catch (thrown) {
    if (thrown instanceof errors.JOSEError) return undefined;
    throw thrown;
  }
}

async function keyFor(keys: KeyRing, header: JWTHeaderParameters): Promise<CryptoKey> {
  const expected = header.alg === algorithm && header.typ === type && typeof header.kid === "string";
  const key = expected && Object.keys(header).length === 3 ? await keys.verifier(header.kid ?? "") : undefined;
  if (key === undefined) throw new errors.JWSInvalid("the header is not one of ours");
  return key;
}

const isCanonical = (part: string): boolean => Buffer.from(part, "base64url").toString("base64url") === part;
