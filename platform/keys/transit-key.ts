import { createHash } from "node:crypto";
import { z } from "zod";
import { NebulaError } from "../core/index.ts";
import { keyNotUnwrapped, kmsRefused } from "./errors.ts";
import type { KeyEncryptionKey } from "./key-encryption-key.ts";
import type { VaultClient } from "./vault-client.ts";

const encrypted = z.object({ ciphertext: z.string().startsWith("vault:") });
const decrypted = z.object({ plaintext: z.base64() });

/**
 * A key of Vault's transit engine: it never leaves Vault. `place` is `<mount>/<key>`, for example `transit/nebula`.
 *
 * What is encrypted is a hash of the context and then the key: transit's own `associated_data` is lost by its `rewrap`.
 */
export function makeTransitKey(vault: VaultClient, place: string): KeyEncryptionKey {
  const slash = place.lastIndexOf("/");
  const [mount, name] = [place.slice(0, slash), place.slice(slash + 1)];
  const id = `transit:${place}`;
  const ask = async <S extends z.ZodType>(verb: string, body: object, shape: S): Promise<z.output<S>> => {
    const data = await vault.ask("POST", `${mount}/${verb}/${name}`, body);
    if (data === undefined) throw kmsRefused(`Vault has no transit key ${place}`);
    return shape.parse(data);
  };
  /** 400 is transit's answer to a ciphertext that is none of its. */
  const askAbout = async <S extends z.ZodType>(verb: string, ciphertext: string, context: string, shape: S) =>
    ask(verb, { ciphertext }, shape).catch((thrown: unknown) => {
      if (thrown instanceof NebulaError && thrown.fields.answered === 400)
        throw keyNotUnwrapped(`key ${context} does not open under ${id}`, { cause: thrown });
      throw thrown;
    });
  return {
    id: () => id,
    opens: (other) => other === id,
    async wrap(key, context) {
      const plaintext = Buffer.concat([digest(context), key]).toString("base64");
      return (await ask("encrypt", { plaintext }, encrypted)).ciphertext;
    },
    async unwrap(wrapped, context) {
      const { plaintext } = await askAbout("decrypt", wrapped, context, decrypted);
      const bytes = Buffer.from(plaintext, "base64");
      if (!bytes.subarray(0, 32).equals(digest(context)))
        throw keyNotUnwrapped(`key ${context} was wrapped as another one`);
      return bytes.subarray(32);
    },
    rewrap: async (wrapped, context) => (await askAbout("rewrap", wrapped, context, encrypted)).ciphertext,
  };
}

const digest = (context: string): Buffer => createHash("sha256").update(context).digest();
