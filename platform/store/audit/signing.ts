import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import type { Vault } from "../../core/index.ts";

/**
 * Signs where the chain ends, what it was each hour, and what closed segments held. The key derives from the vault's root: whoever
 * has only the database cannot sign, and rotation of keys leaves it as it is.
 */
export type Signer = {
  /** Ed25519, raw 32 bytes in base64: pin it outside of the installation. */
  readonly publicKey: string;
  sign(statement: string): string;
};

const privatePrefix = Buffer.from("302e020100300506032b657004220420", "hex");
const publicPrefix = Buffer.from("302a300506032b6570032100", "hex");

export function makeSigner(vault: Pick<Vault, "derive">): Signer {
  const seed = Buffer.from(vault.derive("audit:signing").reveal(), "base64url");
  const key = createPrivateKey({ key: Buffer.concat([privatePrefix, seed]), format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return {
    publicKey: spki.subarray(publicPrefix.length).toString("base64"),
    sign: (statement) => sign(null, Buffer.from(statement), key).toString("base64"),
  };
}

export function isSigned(publicKey: string, statement: string, signature: string | null): boolean {
  if (signature === null) return false;
  const raw = Buffer.from(publicKey, "base64");
  if (raw.length !== 32) return false;
  const key = createPublicKey({ key: Buffer.concat([publicPrefix, raw]), format: "der", type: "spki" });
  return verify(null, Buffer.from(statement), key, Buffer.from(signature, "base64"));
}

type Head = { readonly seq: number; readonly hash: string };
export type Anchor = Head & { readonly at: string; readonly signature: string };
export type Segment = {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly fromAt: string;
  readonly toAt: string;
  readonly beforeHash: string;
  readonly lastHash: string;
  readonly signature: string;
};

/** What is signed, as text that anybody can write down again. */
export const statements = {
  head: ({ seq, hash }: Head) => ["nebuladb audit head 1", seq, hash].join("\n"),
  anchor: ({ seq, hash, at }: Omit<Anchor, "signature">) => ["nebuladb audit anchor 1", seq, hash, at].join("\n"),
  segment: (s: Omit<Segment, "signature">) =>
    ["nebuladb audit segment 1", s.firstSeq, s.lastSeq, s.fromAt, s.toAt, s.beforeHash, s.lastHash].join("\n"),
};
