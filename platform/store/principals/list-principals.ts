import type { Sql } from "../../sql/index.ts";
import { type Reach, reachParameters, withinReach } from "../reach.ts";
import { type PrincipalRow, principalColumns } from "./row.ts";

export type PrincipalFilter = {
  readonly within: Reach;
  readonly afterId: string | null;
  readonly limit: number;
};

/** Tokens that are not revoked, by id. */
export const listPrincipals = (sql: Sql, filter: PrincipalFilter): Promise<readonly PrincipalRow[]> =>
  sql.query<PrincipalRow>(
    `select ${principalColumns} from principals
     where revoked_at is null
       and ${withinReach(1, { tenant: "tenant", stack: "tenant || '.' || project" })}
       and ($4::text is null or id > $4)
     order by id limit $5`,
    [...reachParameters(filter.within), filter.afterId, filter.limit],
  );
