import type { Sql } from "../../sql/index.ts";

/** True when this call revoked it, false when it was revoked or never there. */
export async function revokePrincipal(sql: Sql, id: string): Promise<boolean> {
  const rows = await sql.query<{ id: string }>(
    "update principals set revoked_at = now() where id = $1 and revoked_at is null returning id",
    [id],
  );
  return rows.length > 0;
}
