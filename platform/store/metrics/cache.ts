import type { Sql } from "../../sql/index.ts";

export type KeptMetrics = { readonly value: unknown; readonly ageMs: number };

/** What some portal kept under the key, unless its time is over. Ages are the database's own, for hosts' clocks differ. */
export const getKeptMetrics = (sql: Sql, key: string): Promise<KeptMetrics | undefined> =>
  sql.maybe<KeptMetrics>(
    `select value, (extract(epoch from clock_timestamp() - kept_at) * 1000)::float8 as "ageMs"
     from metric_cache where key = $1 and forget_at > clock_timestamp()`,
    [key],
  );

export async function keepMetrics(sql: Sql, key: string, value: unknown, forMs: number): Promise<void> {
  await sql.query(
    `insert into metric_cache (key, value, forget_at)
     values ($1, $2::jsonb, clock_timestamp() + make_interval(secs => $3))
     on conflict (key) do update set value = excluded.value, kept_at = clock_timestamp(), forget_at = excluded.forget_at`,
    [key, JSON.stringify(value), forMs / 1000],
  );
}

/** What its time is over for, and looks at databases that are not there any more; how many. */
export async function forgetMetrics(sql: Sql): Promise<number> {
  const over = await sql.query("delete from metric_cache where forget_at < clock_timestamp() returning key");
  const gone = await sql.query(
    "delete from database_samples where not exists (select from instances where id = instance) returning instance",
  );
  return over.length + gone.length;
}
