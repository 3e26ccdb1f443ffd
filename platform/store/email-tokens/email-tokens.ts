import type { Sql } from "../../sql/index.ts";

export type EmailTokenPurpose = "verify" | "reset" | "invite" | "first-admin";

export type EmailToken = {
  readonly id: string;
  readonly purpose: EmailTokenPurpose;
  readonly secretHash: Buffer;
  readonly email: string | null;
  readonly userId: string | null;
  readonly details: Readonly<Record<string, unknown>>;
};

export type NewEmailToken = EmailToken & { readonly lifetimeSeconds: number };

const columns = `id, purpose, secret_hash as "secretHash", email, user_id as "userId", details`;

/** The ones before of the same purpose and mailbox stop working: of several mails the newest counts. */
export async function insertEmailToken(sql: Sql, token: NewEmailToken): Promise<void> {
  await sql.query(
    `update email_tokens set used_at = now()
     where purpose = $1 and email is not distinct from $2 and used_at is null`,
    [token.purpose, token.email],
  );
  await sql.query(
    `insert into email_tokens (id, purpose, secret_hash, email, user_id, details, expires_at)
     values ($1, $2, $3, $4, $5, $6::jsonb, now() + make_interval(secs => $7))`,
    [
      token.id,
      token.purpose,
      token.secretHash,
      token.email,
      token.userId,
      JSON.stringify(token.details),
      token.lifetimeSeconds,
    ],
  );
}

/** The unused, unexpired token with this public id; the caller compares the hash. */
export const findEmailToken = (sql: Sql, id: string): Promise<EmailToken | undefined> =>
  sql.maybe<EmailToken>(
    `select ${columns} from email_tokens where id = $1 and used_at is null and expires_at > now()`,
    [id],
  );

/** Whether this call used it up: of two at once, one. */
export async function spendEmailToken(sql: Sql, id: string): Promise<boolean> {
  const rows = await sql.query(
    "update email_tokens set used_at = now() where id = $1 and used_at is null and expires_at > now() returning id",
    [id],
  );
  return rows.length > 0;
}

/** Whether a first administrator's token waits to be used. */
export async function hasSetupToken(sql: Sql): Promise<boolean> {
  const rows = await sql.query(
    "select 1 from email_tokens where purpose = 'first-admin' and used_at is null and expires_at > now()",
  );
  return rows.length > 0;
}
