import type { Sql } from "../../sql/index.ts";

export type Spent = { readonly spent: number; readonly secondsLeft: number };

/**
 * Counts one attempt of `key` and says how many there were in its window; the window begins with its first attempt. One
 * statement, so a thousand at once are counted a thousand times.
 */
export const spendAttempt = (sql: Sql, key: string, windowSeconds: number): Promise<Spent> =>
  sql.one<Spent>(
    `insert into sign_in_attempts as a (key, spent, window_ends_at)
     values ($1, 1, now() + make_interval(secs => $2))
     on conflict (key) do update set
       spent = case when a.window_ends_at <= now() then 1 else a.spent + 1 end,
       window_ends_at = case when a.window_ends_at <= now() then excluded.window_ends_at else a.window_ends_at end
     returning spent, ceil(extract(epoch from window_ends_at - now()))::int as "secondsLeft"`,
    [key, windowSeconds],
  );

/** Gives one attempt back: it turned out to be no guess. */
export async function refundAttempt(sql: Sql, key: string): Promise<void> {
  await sql.query("update sign_in_attempts set spent = spent - 1 where key = $1 and spent > 0", [key]);
}

export async function forgetAttempts(sql: Sql, key: string): Promise<void> {
  await sql.query("delete from sign_in_attempts where key = $1", [key]);
}
