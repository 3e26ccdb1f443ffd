/**
 * Secrets inside a backup. The master key is never in it in clear: what opens with it is sealed under it, and the key itself is
 * there only when asked for, sealed under a passphrase.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, scryptSync } from "node:crypto";
import { z } from "zod";
import { Secret } from "../../platform/core/index.ts";
import { masterKeyWanted } from "./errors.ts";

const box = z.strictObject({ nonce: z.string(), sealed: z.string() });
const withPassphrase = box.extend({
  kdf: z.literal("scrypt"),
  n: z.literal(2 ** 17),
  r: z.literal(8),
  p: z.literal(1),
  salt: z.string(),
});
type Box = z.infer<typeof box>;

const cost = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 };

function seal(key: Buffer, plain: string, context: string): Box {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(plain, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return { nonce: nonce.toString("base64"), sealed: body.toString("base64") };
}

function open(key: Buffer, { nonce, sealed }: Box, context: string): string | undefined {
  const body = Buffer.from(sealed, "base64");
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64")).setAAD(Buffer.from(context));
    decipher.setAuthTag(body.subarray(body.length - 16));
    return Buffer.concat([decipher.update(body.subarray(0, body.length - 16)), decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}

const underMaster = (masterKey: Secret): Buffer =>
  Buffer.from(hkdfSync("sha256", Buffer.from(masterKey.reveal(), "base64"), "nebuladb", "backup:v1", 32));

/** Files of secrets/ by name. */
export type SecretFiles = Readonly<Record<string, string>>;

export const sealSecrets = (masterKey: Secret, files: SecretFiles): string =>
  `${JSON.stringify(seal(underMaster(masterKey), JSON.stringify(files), "secrets"))}\n`;

/** @throws NEB936 when it is another master key. */
export function openSecrets(masterKey: Secret, text: string): SecretFiles {
  const plain = open(underMaster(masterKey), box.parse(JSON.parse(text)), "secrets");
  if (plain === undefined) throw masterKeyWanted("this master key is not the one of the platform that was backed up");
  return JSON.parse(plain) as SecretFiles;
}

export function sealMasterKey(masterKey: Secret, passphrase: Secret): string {
  const salt = randomBytes(16);
  const sealed = seal(
    scryptSync(passphrase.reveal().normalize("NFKC"), salt, 32, cost),
    masterKey.reveal(),
    "master.key",
  );
  const { N: n, r, p } = cost;
  return `${JSON.stringify({ kdf: "scrypt", n, r, p, salt: salt.toString("base64"), ...sealed })}\n`;
}

/** @throws NEB936 when it is another passphrase. */
export function openMasterKey(text: string, passphrase: Secret): Secret {
  const { salt, ...sealed } = withPassphrase.parse(JSON.parse(text));
  const key = scryptSync(passphrase.reveal().normalize("NFKC"), Buffer.from(salt, "base64"), 32, cost);
  const plain = open(key, sealed, "master.key");
  if (plain === undefined) throw masterKeyWanted("the passphrase does not open the master key in this backup");
  return new Secret(plain);
}
