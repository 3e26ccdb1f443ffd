import type { Sql } from "../../sql/index.ts";

/** A second factor by time-based codes. In force once `confirmed`. */
export type TotpFactor = { readonly userId: string; readonly secretSealed: string; readonly confirmed: boolean };

export const totpContext = (userId: string): string => `totp:${userId}`;

export const findTotp = (sql: Sql, userId: string): Promise<TotpFactor | undefined> =>
  sql.maybe<TotpFactor>(
    `select user_id as "userId", secret_sealed as "secretSealed", confirmed_at is not null as confirmed
     from totp_factors where user_id = $1`,
    [userId],
  );

/** Begins an enrolment, or begins it again. False when a confirmed factor is in force: that one must be removed first. */
export async function enrolTotp(sql: Sql, userId: string, secretSealed: string): Promise<boolean> {
  const rows = await sql.query(
    `insert into totp_factors (user_id, secret_sealed) values ($1, $2)
     on conflict (user_id) do update set secret_sealed = excluded.secret_sealed, created_at = now(), last_step = 0
       where totp_factors.confirmed_at is null
     returning user_id`,
    [userId, secretSealed],
  );
  return rows.length > 0;
}

/** Whether the step's code was unused: each code opens once. */
export async function spendTotpStep(sql: Sql, userId: string, step: number): Promise<boolean> {
  const rows = await sql.query(
    "update totp_factors set last_step = $2 where user_id = $1 and last_step < $2 returning user_id",
    [userId, step],
  );
  return rows.length > 0;
}

export async function confirmTotp(sql: Sql, userId: string): Promise<void> {
  await sql.query("update totp_factors set confirmed_at = coalesce(confirmed_at, now()) where user_id = $1", [userId]);
}

/** The factor and its recovery codes. */
export async function removeTotp(sql: Sql, userId: string): Promise<void> {
  await sql.query("delete from totp_factors where user_id = $1", [userId]);
  await sql.query("delete from recovery_codes where user_id = $1", [userId]);
}

export async function replaceRecoveryCodes(sql: Sql, userId: string, hashes: readonly Buffer[]): Promise<void> {
  await sql.query("delete from recovery_codes where user_id = $1", [userId]);
  await sql.query("insert into recovery_codes (user_id, code_hash) select $1, unnest($2::bytea[])", [userId, hashes]);
}

/** Whether the code was there and unused. */
export async function spendRecoveryCode(sql: Sql, userId: string, hash: Buffer): Promise<boolean> {
  const rows = await sql.query(
    `update recovery_codes set used_at = now()
     where user_id = $1 and code_hash = $2 and used_at is null returning user_id`,
    [userId, hash],
  );
  return rows.length > 0;
}

export async function countRecoveryCodes(sql: Sql, userId: string): Promise<number> {
  const { count } = await sql.one<{ count: number }>(
    "select count(*) as count from recovery_codes where user_id = $1 and used_at is null",
    [userId],
  );
  return count;
}
