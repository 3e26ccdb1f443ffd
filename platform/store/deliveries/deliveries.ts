import type { Sql } from "../../sql/index.ts";

/** Notes a webhook delivery. False when it was received before: a replay or a redelivery. */
export async function recordDelivery(sql: Sql, id: string): Promise<boolean> {
  const rows = await sql.query("insert into deliveries (id) values ($1) on conflict do nothing returning id", [id]);
  return rows.length > 0;
}

/** Forgets deliveries older than `days`: polling covers what a very late redelivery would say. */
export async function pruneDeliveries(sql: Sql, days = 7): Promise<void> {
  await sql.query("delete from deliveries where received_at < now() - make_interval(days => $1)", [days]);
}
