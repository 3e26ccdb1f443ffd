import { createHmac, timingSafeEqual } from "node:crypto";
import type { Secret } from "../core/index.ts";

/**
 * Whether `signature256` (the X-Hub-Signature-256 header, `sha256=<hex>`) signs exactly these bytes. Constant time in the
 * signature; a missing or malformed header is false. The bytes must be the raw body, before any parsing.
 */
export function verifyWebhook(secret: Secret, rawBody: Uint8Array, signature256: string | undefined): boolean {
  if (secret.reveal() === "") return false;
  const expected = Buffer.from(signWebhook(secret, rawBody));
  const given = Buffer.from(signature256 ?? "");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** The X-Hub-Signature-256 header of a body. */
export function signWebhook(secret: Secret, rawBody: Uint8Array): string {
  return `sha256=${createHmac("sha256", secret.reveal()).update(rawBody).digest("hex")}`;
}
