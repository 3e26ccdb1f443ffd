import type { Sql } from "../../sql/index.ts";

/** Notes that a token was used, at most once a minute: a busy token must not become a write per request. */
export async function touchPrincipal(sql: Sql, id: string): Promise<void> {
  await sql.query(
    `update principals set last_used_at = now()
     where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')`,
    [id],
  );
}
