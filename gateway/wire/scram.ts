/**
 * SCRAM-SHA-256 (RFC 5802, 7677, 5929) from both sides: the gateway proves nothing of its own. It checks the client against the
 * verifier that Postgres itself stores, takes the ClientKey out of the client's proof, and signs in upstream with that.
 *
 * 1. No password is stored or seen; a ClientKey lives as long as one sign-in.
 * 2. Who is unknown goes through the same steps with a verifier that nobody can satisfy.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { protocolViolation, type Refusal, Refused } from "./refusal.ts";

export type Verifier = {
  readonly iterations: number;
  readonly salt: string;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
};

export const mechanism = "SCRAM-SHA-256";
export const mechanismPlus = "SCRAM-SHA-256-PLUS";

const hmac = (key: Buffer, text: string | Buffer): Buffer => createHmac("sha256", key).update(text).digest();
const hash = (bytes: Buffer): Buffer => createHash("sha256").update(bytes).digest();

/** `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`; undefined when the text is none. */
export function parseVerifier(text: string): Verifier | undefined {
  const [, iterations, salt, stored, server] =
    /^SCRAM-SHA-256\$(\d{1,9}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]{44}):([A-Za-z0-9+/=]{44})$/.exec(text) ?? [];
  if (iterations === undefined || salt === undefined || stored === undefined || server === undefined) return undefined;
  const [storedKey, serverKey] = [Buffer.from(stored, "base64"), Buffer.from(server, "base64")];
  return { iterations: Number(iterations), salt, storedKey, serverKey };
}

/** A verifier for a name that has none: the same at every attempt, so that it does not tell, and satisfied by nothing. */
export function mockVerifier(secret: Buffer, name: string): Verifier {
  const salt = hmac(secret, `salt:${name}`).subarray(0, 16).toString("base64");
  return { iterations: 4096, salt, storedKey: randomBytes(32), serverKey: randomBytes(32) };
}

/** The same as text, for who compares it with one that Postgres stores. Keys that nobody has, the same at every attempt. */
export function mockVerifierText(secret: Buffer, name: string): string {
  const { iterations, salt } = mockVerifier(secret, name);
  const key = (part: string) => hmac(secret, `${part}:${name}`).toString("base64");
  return `SCRAM-SHA-256$${iterations}:${salt}$${key("stored")}:${key("server")}`;
}

/** `tls-server-end-point`: undefined where there is no TLS. */
export type ChannelBinding = Buffer | undefined;

export type Challenge = {
  /** server-first-message */
  readonly text: string;
  readonly firstBare: string;
  readonly gs2: string;
  readonly nonce: string;
  /** What the client must send as `c=`. */
  readonly binding: string;
};

/** Reads client-first-message. @throws Refused */
export function challenge(first: string, chosen: string, verifier: Verifier, binding: ChannelBinding): Challenge {
  const [, gs2, flag, authzid, firstBare, clientNonce] =
    /^((y|n|p=[A-Za-z0-9.-]+),([^,]*),)((?:n=[^,]*),r=([\x21-\x2b\x2d-\x7e]{1,512})(?:,[^\0]*)?)$/s.exec(first) ?? [];
  if (gs2 === undefined || flag === undefined || firstBare === undefined || clientNonce === undefined)
    throw new Refused(protocolViolation("malformed SCRAM message"));
  if (authzid !== "")
    throw new Refused({
      ...protocolViolation("client uses authorization identity, but it is not supported"),
      code: "0A000",
    });
  mustBindAsOffered(flag, chosen, binding);
  const nonce = clientNonce + randomBytes(18).toString("base64");
  const bound = flag.startsWith("p=") && binding !== undefined ? binding : Buffer.alloc(0);
  return {
    ...{ firstBare, gs2, nonce },
    text: `r=${nonce},s=${verifier.salt},i=${verifier.iterations}`,
    binding: Buffer.concat([Buffer.from(gs2), bound]).toString("base64"),
  };
}

function mustBindAsOffered(flag: string, chosen: string, binding: ChannelBinding): void {
  const wrong = (message: string): Refusal => ({ reason: "protocol", code: "28000", message });
  if (flag.startsWith("p=")) {
    if (chosen !== mechanismPlus)
      throw new Refused(protocolViolation("channel binding with a mechanism that has none"));
    if (flag !== "p=tls-server-end-point")
      throw new Refused(protocolViolation(`unsupported SCRAM channel-binding type "${flag.slice(2)}"`));
    return;
  }
  if (chosen === mechanismPlus)
    throw new Refused(protocolViolation("client selected SCRAM-SHA-256-PLUS, but did not bind the channel"));
  // The client could bind and thinks that we cannot: somebody in between took our offer away.
  if (flag === "y" && binding !== undefined)
    throw new Refused(wrong("SCRAM channel binding negotiation error: the client thinks that the server cannot bind"));
}

export type Proven = {
  readonly clientKey: Buffer;
  /** server-final-message */
  readonly final: string;
};

/** Reads client-final-message; undefined when the proof is not the password's. @throws Refused when it is no such message. */
export function verifyProof(final: string, asked: Challenge, verifier: Verifier): Proven | undefined {
  const [, withoutProof, binding, nonce, proofText] =
    /^(c=([A-Za-z0-9+/=]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,[^\0]*?)?),p=([A-Za-z0-9+/=]{44})$/s.exec(final) ?? [];
  const proof = Buffer.from(proofText ?? "", "base64");
  if (withoutProof === undefined || nonce !== asked.nonce || proof.length !== 32)
    throw new Refused(protocolViolation("malformed SCRAM message"));
  const text = `${asked.firstBare},${asked.text},${withoutProof}`;
  const clientKey = xor(proof, hmac(verifier.storedKey, text));
  const isProven = timingSafeEqual(hash(clientKey), verifier.storedKey);
  if (binding !== asked.binding)
    throw new Refused({ reason: "protocol", code: "28000", message: "SCRAM channel binding check failed" });
  if (!isProven) return undefined;
  return { clientKey, final: `v=${hmac(verifier.serverKey, text).toString("base64")}` };
}

const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(a.map((byte, i) => byte ^ (b[i] ?? 0)));

/** The client's side of it, upstream, without a password. */
export function signInWith(clientKey: Buffer) {
  const nonce = randomBytes(18).toString("base64");
  const bare = `n=,r=${nonce}`;
  const storedKey = hash(clientKey);
  return {
    first: `n,,${bare}`,
    /** client-final-message; undefined when the server's message is none. */
    answer(serverFirst: string): string | undefined {
      const [, theirs] = /^r=([^,]+),s=[^,]+,i=\d+$/.exec(serverFirst) ?? [];
      if (theirs === undefined || !theirs.startsWith(nonce) || theirs.length === nonce.length) return undefined;
      const withoutProof = `c=biws,r=${theirs}`;
      const signature = hmac(storedKey, `${bare},${serverFirst},${withoutProof}`);
      return `${withoutProof},p=${xor(clientKey, signature).toString("base64")}`;
    },
  };
}
