import { randomBytes } from "node:crypto";
import { Secret, type Vault } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";
import { credentialContext, keepCredential, replaceCredential } from "./credentials.ts";

type Sealing = Pick<Vault, "seal" | "open">;

/** 192 random bits in 32 letters, digits, - and _. */
export const makePassword = (): Secret => new Secret(randomBytes(24).toString("base64url"));

/** The password of a role, or undefined. @throws Error when it was sealed under another master key. */
export async function getCredential(
  sql: Sql,
  vault: Sealing,
  instance: string,
  role: string,
): Promise<Secret | undefined> {
  const row = await sql.maybe<{ sealed: string }>(
    "select password_sealed as sealed from credentials where instance = $1 and role = $2",
    [instance, role],
  );
  return row === undefined ? undefined : vault.open(row.sealed, credentialContext(instance, role));
}

/** The password of a role, made on first need. Two askers get the same one. */
export async function ensureCredential(sql: Sql, vault: Sealing, instance: string, role: string): Promise<Secret> {
  const context = credentialContext(instance, role);
  return vault.open(await keepCredential(sql, instance, role, vault.seal(makePassword(), context)), context);
}

/** Replaces a password, by a fresh one unless it is given. */
export async function setCredential(
  sql: Sql,
  vault: Sealing,
  instance: string,
  role: string,
  password: Secret = makePassword(),
): Promise<void> {
  await replaceCredential(sql, instance, role, vault.seal(password, credentialContext(instance, role)));
}
