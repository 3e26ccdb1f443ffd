import type { Sql } from "../../sql/index.ts";
import { type ServiceAccount, serviceAccountColumns } from "./service-account.ts";

export const getServiceAccount = (sql: Sql, id: string): Promise<ServiceAccount | undefined> =>
  sql.maybe<ServiceAccount>(`select ${serviceAccountColumns} from service_accounts a where a.id = $1`, [id]);

export const findServiceAccount = (sql: Sql, tenant: string, name: string): Promise<ServiceAccount | undefined> =>
  sql.maybe<ServiceAccount>(
    `select ${serviceAccountColumns} from service_accounts a where a.tenant = $1 and a.name = $2`,
    [tenant, name],
  );

/** A tenant's, by name. */
export const listServiceAccounts = (sql: Sql, tenant: string): Promise<readonly ServiceAccount[]> =>
  sql.query<ServiceAccount>(
    `select ${serviceAccountColumns} from service_accounts a where a.tenant = $1 order by a.name`,
    [tenant],
  );
