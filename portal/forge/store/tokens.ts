import { createHash, randomBytes } from "node:crypto";
import { Secret } from "../../../platform/core/index.ts";
import type { Sql } from "../../../platform/sql/index.ts";
import type { Permissions } from "../http/caller.ts";

export type TokenRow = {
  readonly accountId: number;
  readonly installation: number | null;
  readonly app: number | null;
  readonly owner: number;
  readonly repositories: readonly number[] | null;
  readonly permissions: Permissions;
};

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** 36 characters after the prefix: 214 bits. */
export function makeToken(prefix: "ghp" | "ghs"): Secret {
  let text = "";
  while (text.length < 36)
    for (const byte of randomBytes(64)) if (byte < 248 && text.length < 36) text += alphabet[byte % 62];
  return new Secret(`${prefix}_${text}`);
}

export const hashToken = (token: string): Buffer => createHash("sha256").update(token).digest();

/** A token that is neither expired nor revoked. */
export const findToken = (sql: Sql, token: string, at: Date) =>
  sql.maybe<TokenRow>(
    `select t.account as "accountId", t.installation, i.app, t.owner, t.repositories, t.permissions
     from tokens t left join installations i on i.id = t.installation
     where t.hash = $1 and t.revoked_at is null and (t.expires_at is null or t.expires_at > $2)`,
    [hashToken(token), at],
  );

export async function insertToken(
  sql: Sql,
  token: Secret,
  row: Omit<TokenRow, "app"> & { readonly name: string; readonly at: Date; readonly expiresAt: Date | null },
): Promise<void> {
  await sql.query(
    `insert into tokens (hash, name, account, installation, owner, repositories, permissions, created_at, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      hashToken(token.reveal()),
      row.name,
      row.accountId,
      row.installation,
      row.owner,
      row.repositories,
      JSON.stringify(row.permissions),
      row.at,
      row.expiresAt,
    ],
  );
}

export async function revokeToken(sql: Sql, token: string, at: Date): Promise<void> {
  await sql.query("update tokens set revoked_at = $2 where hash = $1", [hashToken(token), at]);
}

/** Installation tokens that ended a day ago are of no use to anybody. */
export async function pruneTokens(sql: Sql, at: Date): Promise<void> {
  await sql.query(
    "delete from tokens where installation is not null and expires_at < $1::timestamptz - interval '1 day'",
    [at],
  );
}
