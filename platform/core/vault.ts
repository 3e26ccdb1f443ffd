import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { Secret } from "./secret.ts";

/**
 * Encrypts secrets for the ledger: AES-256-GCM under a key derived from the installation's master key.
 * The context (for example `credential:shop.store.orders:owner`) is authenticated, so a row cannot be moved to another owner.
 * Sealed form: `v1:<base64 of nonce(12) | ciphertext | tag(16)>`.
 */
export type Vault = {
  seal(plain: Secret, context: string): string;
  /** @throws Error when the text was changed, the key is another one, or the context differs. */
  open(sealed: string, context: string): Secret;
  /** A stable secret derived from the master key, for example a stack's passphrase. */
  derive(purpose: string): Secret;
};

export function makeVault(masterKey: Secret): Vault {
  const root = Buffer.from(masterKey.reveal(), "base64");
  if (root.length !== 32) throw new Error("the master key must be 32 bytes in base64");
  const subkey = (info: string) => Buffer.from(hkdfSync("sha256", root, "nebuladb", info, 32));
  const sealing = subkey("seal:v1");
  return {
    seal(plain, context) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", sealing, nonce).setAAD(Buffer.from(context));
      const body = Buffer.concat([cipher.update(plain.reveal(), "utf8"), cipher.final()]);
      return `v1:${Buffer.concat([nonce, body, cipher.getAuthTag()]).toString("base64")}`;
    },
    open(sealed, context) {
      if (!sealed.startsWith("v1:")) throw new Error("unknown seal version");
      const bytes = Buffer.from(sealed.slice(3), "base64");
      const decipher = createDecipheriv("aes-256-gcm", sealing, bytes.subarray(0, 12)).setAAD(Buffer.from(context));
      decipher.setAuthTag(bytes.subarray(bytes.length - 16));
      const plain = Buffer.concat([decipher.update(bytes.subarray(12, bytes.length - 16)), decipher.final()]);
      return new Secret(plain.toString("utf8"));
    },
    derive: (purpose) => new Secret(subkey(`derive:${purpose}`).toString("base64url")),
  };
}
