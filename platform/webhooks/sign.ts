/** `webhook-id`, `webhook-timestamp`, `webhook-signature` by HMAC-SHA256. */
import { createHmac } from "node:crypto";
import type { Secret } from "../core/index.ts";
import { webhookSecretUnfit } from "./errors.ts";

/** @throws NEB736 when it is no secret of the standard's. */
export function signingKey(secret: Secret | undefined, name: string): Buffer {
  const text = secret?.reveal().trim() ?? "";
  const encoded = text.startsWith("whsec_") ? text.slice("whsec_".length) : "";
  const key = Buffer.from(encoded, "base64");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded) || key.length < 24 || key.length > 64)
    throw webhookSecretUnfit(`${name} is not whsec_ and 24 to 64 bytes in base64`);
  return key;
}

export function signedHeaders(key: Buffer, message: { readonly id: string; readonly body: string }, nowMs: number) {
  const seconds = String(Math.floor(nowMs / 1000));
  const signature = createHmac("sha256", key).update(`${message.id}.${seconds}.${message.body}`).digest("base64");
  return {
    "content-type": "application/json",
    "user-agent": "nebuladb-webhooks/1",
    "webhook-id": message.id,
    "webhook-timestamp": seconds,
    "webhook-signature": `v1,${signature}`,
  };
}
