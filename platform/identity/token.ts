import { createHash, randomInt, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import { newId, Secret } from "../core/index.ts";

/**
 * The text of an API token: `ndb_<env>_<id>_<secret><checksum>`.
 *
 * 1. The checksum covers everything before it, so a mistyped token is refused without asking the database, and a scanner
 *    can tell a real token from a lookalike.
 * 2. The secret has 256 bits; only the SHA-256 of the whole token is stored, and it is compared in constant time.
 * 3. `id` is public: it names the token in lists, logs and the audit.
 */
export const tokenEnvironments = ["live", "test"] as const;
export type TokenEnvironment = (typeof tokenEnvironments)[number];

export type ParsedToken = {
  readonly environment: TokenEnvironment;
  readonly id: string;
  readonly hash: Buffer;
};

export type NewToken = { readonly id: string; readonly text: Secret; readonly hash: Buffer };

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const secretLength = 43;
const checksumLength = 6;
const shape = new RegExp(
  `^ndb_(${tokenEnvironments.join("|")})_([0-9a-z]{26})_([0-9A-Za-z]{${secretLength + checksumLength}})$`,
);

export function makeToken(environment: TokenEnvironment): NewToken {
  const id = newId("tok").slice("tok_".length);
  const secret = Array.from({ length: secretLength }, () => alphabet[randomInt(alphabet.length)]).join("");
  const body = `ndb_${environment}_${id}_${secret}`;
  const text = `${body}${checksumOf(body)}`;
  return { id, text: new Secret(text), hash: hashOf(text) };
}

/** The token's parts, or undefined when the text is no token: wrong shape or wrong checksum. */
export function parseToken(text: string): ParsedToken | undefined {
  const [, environment, id] = shape.exec(text) ?? [];
  if (environment === undefined || id === undefined) return undefined;
  const body = text.slice(0, -checksumLength);
  if (checksumOf(body) !== text.slice(-checksumLength)) return undefined;
  return { environment: environment as TokenEnvironment, id, hash: hashOf(text) };
}

export const sameHash = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);

const hashOf = (text: string): Buffer => createHash("sha256").update(text).digest();

function checksumOf(body: string): string {
  let rest = crc32(body);
  let text = "";
  for (let i = 0; i < checksumLength; i++, rest = Math.floor(rest / alphabet.length))
    text = `${alphabet[rest % alphabet.length]}${text}`;
  return text;
}
