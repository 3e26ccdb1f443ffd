import { createHmac } from "node:crypto";
import type { Secret } from "../core/index.ts";
import type { Credentials } from "./signature.ts";

/**
 * The S3 credentials of an API key for one bucket. Nothing is stored: whoever holds the installation's secret (gateway and portal, on one
 * data folder) makes the same ones anew. They say who somebody is; what he may do is the key's, asked at each use, so that they end
 * with it. Those of one bucket do not open another.
 * @param keyId the public id of the API key, 26 letters and digits.
 */
export const credentialsFor = (secret: Secret, keyId: string, label: string): Credentials => ({
  accessKeyId: keyId,
  secretAccessKey: derive(secret, "client", keyId, label),
});

/** What the server behind the gateway knows a bucket's owner by; no client has it. */
export const ownerOf = (secret: Secret, label: string): Credentials => ({
  accessKeyId: label,
  secretAccessKey: derive(secret, "owner", label),
});

const derive = (secret: Secret, ...parts: readonly string[]): string =>
  createHmac("sha256", secret.reveal()).update(parts.join("\n")).digest("base64url").slice(0, 40);
