import type { Sql } from "../../sql/index.ts";

/**
 * Deletes what nobody can use any more; how many rows. Ended sessions are kept a week, so that a token of theirs that comes late
 * is known for what it is.
 */
export async function expireIdentity(sql: Sql): Promise<number> {
  let deleted = 0;
  for (const statement of expired) {
    const { count } = await sql.one<{ count: number }>(
      `with gone as (${statement} returning 1) select count(*) as count from gone`,
    );
    deleted += count;
  }
  return deleted;
}

const expired = [
  `delete from sessions where least(idle_expires_at, expires_at) < now() - interval '7 days'
     or ended_at < now() - interval '7 days'`,
  "delete from signing_keys where verifies_until < now()",
  "delete from email_tokens where least(expires_at, coalesce(used_at, expires_at)) < now() - interval '7 days'",
  "delete from sign_in_challenges where expires_at < now()",
  "delete from sign_in_attempts where window_ends_at < now()",
  "delete from totp_factors where confirmed_at is null and created_at < now() - interval '1 day'",
];
