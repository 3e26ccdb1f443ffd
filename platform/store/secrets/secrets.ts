import type { Secret, Vault } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";
import { secretContext } from "../credentials/index.ts";

type Sealing = Pick<Vault, "seal" | "open">;

/** A tenant's own secret by the name that a declaration refers to. */
export async function getSecret(sql: Sql, vault: Sealing, tenant: string, name: string): Promise<Secret | undefined> {
  const row = await sql.maybe<{ sealed: string }>(
    "select value_sealed as sealed from secrets where tenant = $1 and name = $2",
    [tenant, name],
  );
  return row === undefined ? undefined : vault.open(row.sealed, secretContext(tenant, name));
}

export async function putSecret(sql: Sql, vault: Sealing, tenant: string, name: string, value: Secret): Promise<void> {
  await sql.query(
    `insert into secrets (tenant, name, value_sealed) values ($1, $2, $3)
     on conflict (tenant, name) do update set value_sealed = excluded.value_sealed, created_at = now()`,
    [tenant, name, vault.seal(value, secretContext(tenant, name))],
  );
}

/** Names and ages, never values; by name. */
export const listSecretNames = (sql: Sql, tenant: string): Promise<readonly { name: string; createdAt: Date }[]> =>
  sql.query('select name, created_at as "createdAt" from secrets where tenant = $1 order by name', [tenant]);

/** Whether there was one. */
export async function deleteSecret(sql: Sql, tenant: string, name: string): Promise<boolean> {
  const rows = await sql.query("delete from secrets where tenant = $1 and name = $2 returning name", [tenant, name]);
  return rows.length > 0;
}
