import type { Sql } from "../../sql/index.ts";

/** Sets it, whatever it was. The value must be JSON. */
export async function putSetting(sql: Sql, key: string, value: unknown): Promise<void> {
  await sql.query(
    "insert into settings (key, value) values ($1, $2::jsonb) on conflict (key) do update set value = excluded.value",
    [key, JSON.stringify(value)],
  );
}
