import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import { badConfig, type Secret } from "../core/index.ts";
import { keyNotUnwrapped } from "./errors.ts";
import type { KeyEncryptionKey } from "./key-encryption-key.ts";

/**
 * A key-encryption key from a file or a variable: 32 bytes in base64. Read at every use, which is rare, so that a file can be
 * replaced under a process that runs.
 */
export function makeLocalKey(read: () => Secret): KeyEncryptionKey {
  const load = () => {
    const material = masterBytes(read());
    const key = Buffer.from(hkdfSync("sha256", material, "nebuladb", "kek:v1", 32));
    return {
      key,
      id: `local:${createHash("sha256").update("nebuladb kek id").update(key).digest("hex").slice(0, 16)}`,
    };
  };
  const unwrap = async (wrapped: string, context: string): Promise<Buffer> => {
    const bytes = Buffer.from(wrapped, "base64");
    try {
      const decipher = createDecipheriv("aes-256-gcm", load().key, bytes.subarray(0, 12)).setAAD(Buffer.from(context));
      decipher.setAuthTag(bytes.subarray(bytes.length - 16));
      return Buffer.concat([decipher.update(bytes.subarray(12, bytes.length - 16)), decipher.final()]);
    } catch (cause) {
      throw keyNotUnwrapped(`key ${context} does not open under ${load().id}`, { cause });
    }
  };
  const wrap = async (key: Buffer, context: string): Promise<string> => {
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", load().key, nonce).setAAD(Buffer.from(context));
    const body = Buffer.concat([cipher.update(key), cipher.final()]);
    return Buffer.concat([nonce, body, cipher.getAuthTag()]).toString("base64");
  };
  return {
    id: () => load().id,
    opens: (id) => id === load().id,
    wrap,
    unwrap,
    rewrap: async (wrapped, context) => wrap(await unwrap(wrapped, context), context),
  };
}

/** @throws NEB901 when it is not 32 bytes in base64. */
export function masterBytes(masterKey: Secret): Buffer {
  const bytes = Buffer.from(masterKey.reveal(), "base64");
  if (bytes.length !== 32) throw badConfig("the master key must be 32 bytes in base64: openssl rand -base64 32");
  return bytes;
}
