import type { ComputeDriver } from "../../platform/compute/index.ts";
import type { Vault } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { connectionUrl, connectOnce, type Sql } from "../../platform/sql/index.ts";

/** Inside a running instance, as somebody who may do anything there: whatever happens is out of band. */
export async function asAdministrator<T>(
  { driver, vault }: { readonly driver: Pick<ComputeDriver, "observe">; readonly vault: Pick<Vault, "derive"> },
  id: DatabaseId,
  body: (sql: Sql) => Promise<T>,
  database?: string,
): Promise<T> {
  const observed = await driver.observe(id);
  if (observed === undefined) throw new Error(`there is no instance ${id}`);
  const { host, socketPort: port, databaseName } = observed;
  const password = vault.derive(`compute:admin:${id}`);
  const target = { host, port, user: "nebula_admin", password, database: database ?? databaseName };
  return connectOnce(connectionUrl(target), body, { applicationName: "somebody" });
}
