import { createHash, randomBytes } from "node:crypto";
import { newId, Secret } from "../core/index.ts";

/**
 * Tokens that mean something only to the ledger: `<prefix>_<id>_<secret>`, found by their public id, compared as hashes.
 * `ndr` refreshes a session, `nde` came by mail, `ndm` is a sign-in half done.
 */
export type OpaquePrefix = "ndr" | "nde" | "ndm";
export type Opaque = { readonly id: string; readonly text: Secret; readonly hash: Buffer };

export const makeOpaque = (prefix: OpaquePrefix): Opaque =>
  opaqueOf(prefix, newId("tok").slice("tok_".length), randomBytes(32).toString("base64url"));

export function opaqueOf(prefix: OpaquePrefix, id: string, secret: string): Opaque {
  const text = `${prefix}_${id}_${secret}`;
  return { id, text: new Secret(text), hash: hashOf(text) };
}

/** undefined when the text is no such token. */
export function parseOpaque(
  prefix: OpaquePrefix,
  text: string,
): { readonly id: string; readonly hash: Buffer } | undefined {
  const [, found, id] = shape.exec(text) ?? [];
  return found === prefix && id !== undefined ? { id, hash: hashOf(text) } : undefined;
}

export const hashOf = (text: string): Buffer => createHash("sha256").update(text).digest();

const shape = /^(ndr|nde|ndm)_([0-9a-z]{26})_[A-Za-z0-9_-]{43}$/;
