import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

/** A client's final message, for tests: what it says when it knows the password. */
export function prove(password: string, first: string, server: string, bound: Buffer): string {
  const [, nonce = "", salt = "", iterations = ""] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(server) ?? [];
  const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(iterations), 32, "sha256");
  const hmac = (key: Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  const clientKey = hmac(salted, "Client Key");
  const withoutProof = `c=${bound.toString("base64")},r=${nonce}`;
  const text = `${first.replace(/^[^,]*,,/, "")},${server},${withoutProof}`;
  const signature = hmac(createHash("sha256").update(clientKey).digest(), text);
  return `${withoutProof},p=${Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0))).toString("base64")}`;
}
