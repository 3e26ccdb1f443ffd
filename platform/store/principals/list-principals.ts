import type { Sql } from "../../sql/index.ts";
import { type PrincipalRow, principalColumns } from "./row.ts";

export type PrincipalFilter = {
  /** null: every tenant's and the platform's own. */
  readonly tenant: string | null;
  /** null: every project's and the tenant's own. */
  readonly project: string | null;
  readonly afterId: string | null;
  readonly limit: number;
};

/** Tokens that are not revoked, by id. */
export const listPrincipals = (sql: Sql, filter: PrincipalFilter): Promise<readonly PrincipalRow[]> =>
  sql.query<PrincipalRow>(
    `select ${principalColumns} from principals
     where revoked_at is null
       and ($1::text is null or tenant = $1)
       and ($2::text is null or project = $2)
       and ($3::text is null or id > $3)
     order by id limit $4`,
    [filter.tenant, filter.project, filter.afterId, filter.limit],
  );
