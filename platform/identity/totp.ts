import { randomBytes } from "node:crypto";
import { Secret as Shared, TOTP } from "otpauth";
import { Secret } from "../core/index.ts";
import {
  confirmTotp,
  enrolTotp,
  findTotp,
  replaceRecoveryCodes,
  spendRecoveryCode,
  spendTotpStep,
  totpContext,
  type User,
} from "../store/index.ts";
import type { Identity } from "./identity.ts";
import { hashOf } from "./opaque.ts";

/**
 * A second factor: six digits of an authenticator (RFC 6238), or one of ten recovery codes.
 *
 * 1. Enrolled, it is not in force until a code of it was shown to work.
 * 2. Each code opens once; a recovery code for ever, a time-based one because its step only grows.
 */
type Who = Pick<User, "id" | "email">;

const periodSeconds = 30;
const recoveryCodes = 10;

/** The secret to put into an authenticator; undefined when a factor is in force already. */
export async function beginTotp(
  { sql, vault }: Identity,
  user: Who,
): Promise<{ readonly secret: Secret; readonly uri: Secret } | undefined> {
  const shared = new Shared({ size: 20 });
  const sealed = vault.seal(new Secret(shared.base32), totpContext(user.id));
  if (!(await enrolTotp(sql, user.id, sealed))) return undefined;
  const uri = totpOf(shared.base32, user).toString();
  return { secret: new Secret(shared.base32), uri: new Secret(uri) };
}

/** Puts the factor in force; its recovery codes, shown once. undefined when the code is wrong or there is none to confirm. */
export async function finishTotp(identity: Identity, user: Who, code: string): Promise<readonly Secret[] | undefined> {
  const factor = await findTotp(identity.sql, user.id);
  if (factor === undefined || factor.confirmed) return undefined;
  if (!(await spendCode(identity, user, factor.secretSealed, code))) return undefined;
  return identity.sql.tx(async (tx) => {
    await confirmTotp(tx, user.id);
    return newRecoveryCodes({ sql: tx }, user);
  });
}

/** Ten new ones; the ones before stop working. */
export async function newRecoveryCodes(
  { sql }: Pick<Identity, "sql"> | TxParts,
  user: Who,
): Promise<readonly Secret[]> {
  const codes = Array.from({ length: recoveryCodes }, makeRecoveryCode);
  await replaceRecoveryCodes(
    sql,
    user.id,
    codes.map((code) => hashOf(code)),
  );
  return codes.map((code) => new Secret(code));
}

type TxParts = { readonly sql: Parameters<typeof replaceRecoveryCodes>[0] };

export const hasSecondFactor = async ({ sql }: Pick<Identity, "sql">, user: Who): Promise<boolean> =>
  (await findTotp(sql, user.id))?.confirmed ?? false;

/** What kind of code opened; undefined when it did not. */
export async function useSecondFactor(
  identity: Identity,
  user: Who,
  code: string,
): Promise<"totp" | "recovery" | undefined> {
  const factor = await findTotp(identity.sql, user.id);
  if (!factor?.confirmed) return undefined;
  const plain = code.replaceAll(/[\s-]/g, "").toLowerCase();
  if (/^\d{6}$/.test(plain)) return (await spendCode(identity, user, factor.secretSealed, plain)) ? "totp" : undefined;
  return (await spendRecoveryCode(identity.sql, user.id, hashOf(grouped(plain)))) ? "recovery" : undefined;
}

async function spendCode({ sql, vault, clock }: Identity, user: Who, sealed: string, code: string): Promise<boolean> {
  const totp = totpOf(vault.open(sealed, totpContext(user.id)).reveal(), user);
  const timestamp = clock.now();
  const delta = totp.validate({ token: code.replaceAll(/\s/g, ""), timestamp, window: 1 });
  if (delta === null) return false;
  return spendTotpStep(sql, user.id, Math.floor(timestamp / 1000 / periodSeconds) + delta);
}

const totpOf = (base32: string, user: Who): TOTP =>
  new TOTP({
    issuer: "NebulaDB",
    label: user.email ?? user.id,
    algorithm: "SHA1",
    digits: 6,
    period: periodSeconds,
    secret: Shared.fromBase32(base32),
  });

const alphabet = "23456789abcdefghjkmnpqrstuvwxyz0";

/** 100 random bits, easy to read aloud. */
const makeRecoveryCode = (): string => grouped([...randomBytes(20)].map((byte) => alphabet[byte % 32]).join(""));

const grouped = (plain: string): string => plain.match(/.{1,5}/g)?.join("-") ?? "";
