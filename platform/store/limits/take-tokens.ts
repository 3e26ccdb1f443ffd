import type { Sql } from "../../sql/index.ts";

export type TokenWindow = { readonly limit: number; readonly windowSeconds: number };

export type Taken = {
  /** How many of the wanted tokens were there. */
  readonly granted: number;
  /** How many are left for others. */
  readonly left: number;
  /** Until the window ends. The next one begins with the next token that is taken, so that callers do not all return at once. */
  readonly resetMs: number;
};

/** Takes tokens out of a key's window, never more than its limit: the row's lock puts all portals in order. */
export const takeTokens = (
  sql: Sql,
  key: string,
  { want, limit, windowSeconds }: TokenWindow & { readonly want: number },
): Promise<Taken> =>
  sql.one<Taken>(
    `insert into rate_windows as w (key, taken, ends_at)
     values ($1, least($2::int, $3::int), now() + make_interval(secs => $4))
     on conflict (key) do update set
       taken = case when w.ends_at <= now() then excluded.taken else greatest(w.taken, least($3, w.taken + $2)) end,
       ends_at = case when w.ends_at <= now() then excluded.ends_at else w.ends_at end
     returning new.taken - case when old.ends_at > now() then old.taken else 0 end as granted,
       greatest($3 - new.taken, 0) as left,
       extract(epoch from new.ends_at - now())::float8 * 1000 as "resetMs"`,
    [key, want, limit, windowSeconds],
  );

/** Windows that ended are forgotten. Returns how many. */
export async function expireTokens(sql: Sql): Promise<number> {
  const rows = await sql.query(
    "delete from rate_windows where ends_at < now() - interval '1 minute' returning 1 as gone",
  );
  return rows.length;
}
