/**
 * How the portal says who asks: an EdDSA token of its own, for one database and one minute. The gateway has no key that signs; it reads the
 * portal's public ones from the portal, and keeps the last in the data folder, so that a restart of the portal does not stop it.
 *
 * 1. One algorithm, one type, one audience, every claim there; a session's access token is not one of these, nor the other way round.
 * 2. A token works once.
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from "jose";
import { LRUCache } from "lru-cache";
import type { Clock } from "../../platform/core/index.ts";
import { type DatabaseId, isName } from "../../platform/spec/index.ts";
import { sqlTokenRefused } from "./errors.ts";
import type { SqlCaller } from "./types.ts";

/** As `platform/identity` signs them. */
export const sqlTokenKind = { type: "nebula-sql+jwt", audience: "nebula-gateway", algorithm: "EdDSA" } as const;

export type VerifySqlToken = (token: string) => Promise<SqlCaller>;

export type SqlTokenOptions = {
  readonly dataDir: string;
  /** The portal's `/.well-known/jwks.json`. */
  readonly ask: () => Promise<JSONWebKeySet>;
  readonly clock: Clock;
};

const longest = 2048;
const lifeSeconds = 60;
/** An unknown key id asks the portal, but no more often. */
const askEveryMs = 2_000;

export function makeSqlTokens({ dataDir, ask, clock }: SqlTokenOptions): VerifySqlToken {
  const file = join(dataDir, "gateway", "portal-keys.json");
  const used = new LRUCache<string, true>({ max: 50_000, ttl: 2 * lifeSeconds * 1000 });
  let known: JSONWebKeySet | undefined;
  let askedMs = Number.NEGATIVE_INFINITY;

  const refresh = async (): Promise<void> => {
    askedMs = clock.monotonicMs();
    const fresh = await ask().catch(() => undefined);
    if (fresh === undefined) return;
    known = fresh;
    await writeFile(`${file}.new`, JSON.stringify(fresh), { mode: 0o600 })
      .then(() => rename(`${file}.new`, file))
      .catch(() => undefined); // kept for bad times only
  };
  const keysFor = async (id: string): Promise<JSONWebKeySet> => {
    known ??= await readKept(file);
    const has = () => known?.keys.some(({ kid }) => kid === id) === true;
    if (!has() && clock.monotonicMs() - askedMs > askEveryMs) await refresh();
    return known ?? { keys: [] };
  };

  return async (token) => {
    const claims = await read(token, keysFor, clock);
    if (claims === undefined || used.has(claims.jti)) throw sqlTokenRefused("the token opens nothing here");
    used.set(claims.jti, true);
    return claims.caller;
  };
}

const readKept = (file: string): Promise<JSONWebKeySet | undefined> =>
  readFile(file, "utf8").then(
    (text) => JSON.parse(text) as JSONWebKeySet,
    () => undefined,
  );

async function read(token: string, keysFor: (id: string) => Promise<JSONWebKeySet>, clock: Clock) {
  if (token.length > longest) return undefined;
  const { type, audience, algorithm } = sqlTokenKind;
  try {
    const { payload } = await jwtVerify(
      token,
      async (header, jws) => {
        if (typeof header.kid !== "string" || Object.keys(header).length !== 3)
          throw new errors.JWSInvalid("the header is not one of the portal's");
        return createLocalJWKSet(await keysFor(header.kid))(header, jws);
      },
      {
        ...{ algorithms: [algorithm], typ: type, audience, maxTokenAge: lifeSeconds, clockTolerance: 5 },
        requiredClaims: ["sub", "db", "level", "iat", "exp", "jti"],
        currentDate: new Date(clock.now()),
      },
    );
    const { sub, db, level, jti, iat = 0, exp = 0 } = payload;
    if (typeof sub !== "string" || typeof jti !== "string" || !isDatabaseId(db) || exp - iat > lifeSeconds)
      return undefined;
    if (level !== "read" && level !== "write") return undefined;
    return { jti, caller: { user: sub, database: db, level } satisfies SqlCaller };
  } catch (thrown) {
    if (thrown instanceof errors.JOSEError) return undefined;
    throw thrown;
  }
}

const isDatabaseId = (db: unknown): db is DatabaseId =>
  typeof db === "string" && db.split(".").length === 3 && db.split(".").every(isName);
