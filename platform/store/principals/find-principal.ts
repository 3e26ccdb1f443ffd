import type { Sql } from "../../sql/index.ts";
import { type PrincipalRow, principalColumns } from "./row.ts";

/** The key with this public id, revoked and expired ones included: the caller decides and can say why. */
export const findPrincipal = (sql: Sql, id: string): Promise<PrincipalRow | undefined> =>
  sql.maybe<PrincipalRow>(`select ${principalColumns} from principals p where p.id = $1`, [id]);
