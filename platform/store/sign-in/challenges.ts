import type { Sql } from "../../sql/index.ts";

/** A sign-in that is half done: it waits for a second factor, a provider's answer or a passkey. */
export type Challenge = {
  readonly id: string;
  readonly kind: string;
  readonly secretHash: Buffer;
  readonly userId: string | null;
  readonly details: Readonly<Record<string, unknown>>;
};

export async function insertChallenge(
  sql: Sql,
  challenge: Challenge & { readonly lifetimeSeconds: number },
): Promise<void> {
  await sql.query(
    `insert into sign_in_challenges (id, kind, secret_hash, user_id, details, expires_at)
     values ($1, $2, $3, $4, $5::jsonb, now() + make_interval(secs => $6))`,
    [
      challenge.id,
      challenge.kind,
      challenge.secretHash,
      challenge.userId,
      JSON.stringify(challenge.details),
      challenge.lifetimeSeconds,
    ],
  );
}

/**
 * The open challenge with this public id, one attempt counted; undefined when it is unknown, over, used or tried too often.
 * The caller compares the hash.
 */
export const tryChallenge = (sql: Sql, id: string, kind: string, maxAttempts: number): Promise<Challenge | undefined> =>
  sql.maybe<Challenge>(
    `update sign_in_challenges set attempts = attempts + 1
     where id = $1 and kind = $2 and used_at is null and expires_at > now() and attempts < $3
     returning id, kind, secret_hash as "secretHash", user_id as "userId", details`,
    [id, kind, maxAttempts],
  );

/** Whether this call used it up: of two right answers at once, one. */
export async function spendChallenge(sql: Sql, id: string): Promise<boolean> {
  const rows = await sql.query(
    "update sign_in_challenges set used_at = now() where id = $1 and used_at is null returning id",
    [id],
  );
  return rows.length > 0;
}
