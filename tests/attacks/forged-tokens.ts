/** Forty-odd ways to make an access token that nobody should take. */
import { createHmac, generateKeyPairSync, type KeyObject, sign, webcrypto } from "node:crypto";
import { type CryptoKey, exportSPKI, importJWK, type JWK } from "jose";
import type { Identity } from "../../platform/identity/index.ts";

export type Forger = {
  readonly identity: Identity;
  /** A good token of a living session. */
  readonly good: string;
  /** Somebody else's user and session. */
  readonly other: { readonly userId: string; readonly sessionId: string };
  readonly publicJwk: JWK & { readonly kid: string };
};

type Json = Record<string, unknown>;
type Parts = { readonly header: Json; readonly payload: Json; readonly signature: string };
type Forge = (forger: Forger, parts: Parts) => string | Promise<string>;

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const decode = (part = "") => JSON.parse(Buffer.from(part, "base64url").toString("utf8")) as Json;

export function partsOf(token: string): Parts {
  const [header, payload, signature = ""] = token.split(".");
  return { header: decode(header), payload: decode(payload), signature };
}

const join = (header: Json, payload: unknown, signature: string) => `${encode(header)}.${encode(payload)}.${signature}`;

/** Signed by our own key: what is wrong with it is what it says. */
const ours =
  (change: (parts: Parts) => { readonly header?: Json; readonly payload?: Json }): Forge =>
  async ({ identity }, parts) => {
    const { header = parts.header, payload = parts.payload } = change(parts);
    const body = `${encode(header)}.${encode(payload)}`;
    const { key } = await identity.keys.signer();
    const bytes = await webcrypto.subtle.sign("Ed25519", key as webcrypto.CryptoKey, Buffer.from(body));
    return `${body}.${Buffer.from(bytes).toString("base64url")}`;
  };

const claims = (change: (payload: Json) => Json): Forge => ours(({ payload }) => ({ payload: change({ ...payload }) }));
const without = (name: string): Forge =>
  claims((payload) => Object.fromEntries(Object.entries(payload).filter(([key]) => key !== name)));
const head = (change: (header: Json) => Json): Forge => ours(({ header }) => ({ header: change({ ...header }) }));

const hmac =
  (
    algorithm: "sha256" | "sha512",
    name: string,
    secretOf: (forger: Forger) => string | Buffer | Promise<string>,
  ): Forge =>
  async (forger, { header, payload }) => {
    const body = `${encode({ ...header, alg: name })}.${encode(payload)}`;
    return `${body}.${createHmac(algorithm, await secretOf(forger))
      .update(body)
      .digest("base64url")}`;
  };

const strangers = {
  ed25519: generateKeyPairSync("ed25519"),
  rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ec: generateKeyPairSync("ec", { namedCurve: "P-256" }),
};
const strange =
  (name: keyof typeof strangers, change: (header: Json) => Json): Forge =>
  (_forger, { header, payload }) => {
    const { privateKey } = strangers[name] as { privateKey: KeyObject };
    const body = `${encode(change({ ...header }))}.${encode(payload)}`;
    const bytes = sign(name === "ed25519" ? null : "sha256", Buffer.from(body), {
      key: privateKey,
      ...(name === "ec" ? { dsaEncoding: "ieee-p1363" as const } : {}),
    });
    return `${body}.${bytes.toString("base64url")}`;
  };
const strangerJwk = strangers.ed25519.publicKey.export({ format: "jwk" });

const seconds = () => Math.floor(Date.now() / 1000);

export const forgeries: Readonly<Record<string, Forge>> = {
  "alg none": (_f, { header, payload }) => join({ ...header, alg: "none" }, payload, ""),
  "alg nOnE": (_f, { header, payload }) => join({ ...header, alg: "nOnE" }, payload, ""),
  "alg none, signature kept": (_f, { header, payload, signature }) =>
    join({ ...header, alg: "none" }, payload, signature),
  "no alg": (_f, { payload, signature }) => join({ typ: "at+jwt" }, payload, signature),
  "HS256 by our public key's bytes": hmac("sha256", "HS256", ({ publicJwk }) =>
    Buffer.from(publicJwk.x ?? "", "base64url"),
  ),
  "HS256 by our public key's text": hmac("sha256", "HS256", ({ publicJwk }) => publicJwk.x ?? ""),
  "HS256 by our published JWK": hmac("sha256", "HS256", ({ publicJwk }) => JSON.stringify(publicJwk)),
  "HS256 by our public PEM": hmac("sha256", "HS256", async ({ publicJwk }) => {
    const key = await importJWK(publicJwk, "EdDSA", { extractable: true });
    return exportSPKI(key as CryptoKey);
  }),
  "HS256 by the key's id": hmac("sha256", "HS256", ({ publicJwk }) => publicJwk.kid),
  "HS256 by nothing": hmac("sha256", "HS256", () => ""),
  "HS512 by our public key's bytes": hmac("sha512", "HS512", ({ publicJwk }) =>
    Buffer.from(publicJwk.x ?? "", "base64url"),
  ),
  "another key under our key's id": strange("ed25519", (header) => header),
  "another key under an id of its own": strange("ed25519", (header) => ({ ...header, kid: "key_mine" })),
  "another key, brought along as jwk": strange("ed25519", (header) => ({ ...header, jwk: strangerJwk })),
  "another key, pointed at by jku": strange("ed25519", (header) => ({
    ...header,
    jku: "http://127.0.0.1:9/jwks.json",
  })),
  "another key, pointed at by x5u": strange("ed25519", (header) => ({ ...header, x5u: "http://127.0.0.1:9/cert.pem" })),
  "another key, brought along as x5c": strange("ed25519", (header) => ({ ...header, x5c: ["MIIB"] })),
  "RS256 by a stranger": strange("rsa", (header) => ({ ...header, alg: "RS256" })),
  "ES256 by a stranger": strange("ec", (header) => ({ ...header, alg: "ES256" })),
  "our key, alg Ed25519": head((header) => ({ ...header, alg: "Ed25519" })),
  "our key, another issuer": claims((payload) => ({ ...payload, iss: "https://nebula.example" })),
  "our key, no issuer": without("iss"),
  "our key, another audience": claims((payload) => ({ ...payload, aud: "somebody-else" })),
  "our key, also another audience": claims((payload) => ({ ...payload, aud: [payload.aud, "somebody-else"] })),
  "our key, no audience": without("aud"),
  "our key, expired": claims((payload) => ({ ...payload, iat: seconds() - 700, exp: seconds() - 100 })),
  "our key, no expiry": without("exp"),
  "our key, lives a year": claims((payload) => ({ ...payload, exp: seconds() + 31_536_000 })),
  "our key, expiry as text": claims((payload) => ({ ...payload, exp: "9999999999" })),
  "our key, no issue time": without("iat"),
  "our key, issued tomorrow": claims((payload) => ({ ...payload, iat: seconds() + 86_400, exp: seconds() + 87_000 })),
  "our key, not yet valid": claims((payload) => ({ ...payload, nbf: seconds() + 3600 })),
  "our key, no subject": without("sub"),
  "our key, no session": without("sid"),
  "our key, no id": without("jti"),
  "our key, a session that never was": claims((payload) => ({ ...payload, sid: "ses_00000000000000000000000000" })),
  "our key, a session of somebody else": (forger, parts) =>
    claims((payload) => ({ ...payload, sid: forger.other.sessionId }))(forger, parts),
  "our key, as somebody else": (forger, parts) =>
    claims((payload) => ({ ...payload, sub: forger.other.userId }))(forger, parts),
  "our key, session as a list": claims((payload) => ({ ...payload, sid: [payload.sid] })),
  "our key, another type": head((header) => ({ ...header, typ: "JWT" })),
  "our key, no type": head(({ typ: _typ, ...header }) => header),
  "our key, unknown critical extension": head((header) => ({ ...header, crit: ["x"], x: 1 })),
  "our key, unencoded payload": head((header) => ({ ...header, crit: ["b64"], b64: false })),
  "our key, nested": async (forger, parts) =>
    ours(({ header }) => ({ header: { ...header, cty: "JWT" } }))(forger, parts),
  "key id as a path": head((header) => ({ ...header, kid: "../../../../dev/null" })),
  "key id as SQL": head((header) => ({ ...header, kid: "' or '1'='1" })),
  "key id as a number": head((header) => ({ ...header, kid: 0 })),
  "no key id": head(({ kid: _kid, ...header }) => header),
  "payload changed, signature kept": ({ other }, { header, payload, signature }) =>
    join(header, { ...payload, sub: other.userId, sid: other.sessionId }, signature),
  "signature cut short": ({ good }) => good.slice(0, -8),
  "no signature": ({ good }) => `${good.split(".").slice(0, 2).join(".")}.`,
  "one bit of the signature": (_f, { header, payload, signature }) => {
    const bytes = Buffer.from(signature, "base64url");
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    return join(header, payload, bytes.toString("base64url"));
  },
  "signature of zeros": (_f, { header, payload }) => join(header, payload, Buffer.alloc(64).toString("base64url")),
  "another text of the same signature": ({ good }) => {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const last = alphabet.indexOf(good.at(-1) ?? "");
    return `${good.slice(0, -1)}${alphabet[last ^ 1]}`;
  },
  "padding added": ({ good }) => `${good}==`,
  "five parts": ({ good }) => `${good}.x.y`,
  "as a JSON serialisation": ({ good }) => {
    const [header, payload, signature] = good.split(".");
    return JSON.stringify({ protected: header, payload, signature });
  },
  "a megabyte of it": ({ good }) => `${good}${"A".repeat(1 << 20)}`,
};
