import { generateKeyPairSync, sign } from "node:crypto";

/** A login of the demo's own, as a tenant has one: it signs tokens, and a declaration says by which key they are believed. */
export type Login = {
  readonly issuer: string;
  /** PEM. */
  readonly publicKey: string;
  /** Good for ten minutes. */
  tokenOf(user: string, audience: string): string;
};

export function makeLogin(): Login {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const issuer = "https://login.demo.example";
  return {
    issuer,
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
    tokenOf(user, audience) {
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: issuer, aud: audience, sub: user, role: "authenticated", iat: now, exp: now + 600 };
      const text = [{ alg: "EdDSA", typ: "JWT" }, claims].map(encode).join(".");
      return `${text}.${sign(null, Buffer.from(text), privateKey).toString("base64url")}`;
    },
  };
}

const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
