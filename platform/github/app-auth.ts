import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { type Clock, Secret } from "../core/index.ts";
import { appKeyInvalid } from "./errors.ts";

/**
 * How an App proves who it is: a JWT for itself, and an hour's token for an installation.
 *
 * 1. A token belongs to one App at one host. It is kept by this client alone, never in a table by number: another host's
 *    installation may have the same number.
 * 2. A token is replaced five minutes before it expires, and at once when the host refuses it.
 * 3. The JWT speaks the host's time: a clock that is wrong here does not lock us out.
 */
export type AppAuth = {
  /** Nine minutes' proof of being the App. */
  jwt(): string;
  /** `mint` asks the host for one; called once for many callers. */
  token(mint: Mint): Promise<Secret>;
  /** The host refused this one. */
  forget(token: string): void;
  /** What the host's clock said, in milliseconds ahead of ours. */
  learnSkew(skewMs: number): void;
};
export type Mint = (jwt: string) => Promise<{ readonly token: string; readonly expiresAt: string }>;

const renewBeforeMs = 5 * 60_000;
/** Below this the host's clock is ours. */
const smallestSkewMs = 5_000;

export function makeAppAuth(app: { readonly appId: number; readonly privateKey: Secret }, clock: Clock): AppAuth {
  const key = readKey(app.privateKey);
  let skewMs = 0;
  let held: { readonly token: Secret; readonly untilMs: number } | undefined;
  let coming: Promise<Secret> | undefined;

  const jwt = (): string => {
    const now = Math.floor((clock.now() + skewMs) / 1000);
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${part({ alg: "RS256", typ: "JWT" })}.${part({ iat: now - 30, exp: now + 510, iss: String(app.appId) })}`;
    return `${text}.${sign("RSA-SHA256", Buffer.from(text), key).toString("base64url")}`;
  };
  const renew = async (mint: Mint): Promise<Secret> => {
    const { token, expiresAt } = await mint(jwt());
    const lifeMs = Date.parse(expiresAt) - (clock.now() + skewMs);
    held = { token: new Secret(token), untilMs: clock.monotonicMs() + Math.max(0, lifeMs - renewBeforeMs) };
    return held.token;
  };
  return {
    jwt,
    async token(mint) {
      if (held !== undefined && clock.monotonicMs() < held.untilMs) return held.token;
      coming ??= renew(mint).finally(() => {
        coming = undefined;
      });
      return coming;
    },
    forget(token) {
      if (held?.token.reveal() === token) held = undefined;
    },
    learnSkew(measuredMs) {
      skewMs = Math.abs(measuredMs) < smallestSkewMs ? 0 : measuredMs;
    },
  };
}

/** PEM as GitHub gives it (PKCS#1) or as others write it (PKCS#8). @throws NEB691 */
function readKey(pem: Secret): KeyObject {
  try {
    const key = createPrivateKey(pem.reveal().replaceAll("\\n", "\n"));
    if (key.asymmetricKeyType === "rsa") return key;
  } catch {
    // What is wrong with it may be quoted in the reason: say nothing of it.
  }
  throw appKeyInvalid("the App's private key is no RSA key in PEM form");
}
