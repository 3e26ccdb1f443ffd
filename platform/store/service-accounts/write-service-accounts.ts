import { newId } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";
import { findServiceAccount } from "./read-service-accounts.ts";
import type { ServiceAccount } from "./service-account.ts";

export type NewServiceAccount = Pick<ServiceAccount, "tenant" | "name" | "createdBy" | "grants">;

/** undefined when the tenant has one of this name. */
export const insertServiceAccount = (sql: Sql, account: NewServiceAccount): Promise<ServiceAccount | undefined> =>
  sql.tx(async (tx) => {
    const { tenant, name, createdBy, grants } = account;
    await tx.query("select pg_advisory_xact_lock(hashtext('service account ' || $1 || '/' || $2))", [tenant, name]);
    if ((await findServiceAccount(tx, tenant, name)) !== undefined) return undefined;
    const id = newId("usr");
    await tx.query("insert into users (id, kind, email, name) values ($1, 'service', null, $2)", [id, name]);
    await tx.query("insert into service_accounts (id, tenant, name, created_by) values ($1, $2, $3, $4)", [
      id,
      tenant,
      name,
      createdBy,
    ]);
    await tx.query(
      `insert into service_grants (account, role, project)
       select $1, role, project from unnest($2::text[], $3::text[]) as given (role, project) on conflict do nothing`,
      [id, grants.map(({ role }) => role), grants.map(({ project }) => project)],
    );
    return findServiceAccount(tx, tenant, name);
  });

/** With all its keys. False when it was not there. */
export async function deleteServiceAccount(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql.query("delete from users where id = $1 and kind = 'service' returning id", [id]);
  return gone.length > 0;
}
