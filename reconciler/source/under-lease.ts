import type { Sql } from "../../platform/sql/index.ts";
import type { RepositoryRow } from "../../platform/store/index.ts";
import type { SourceParts } from "./sync.ts";

/**
 * A transaction of whoever looks after the repository: one that was frozen in the middle of a pass must not bring an older commit
 * back. @throws NEB300 when somebody else looks after it by now.
 */
export const underLease = <T>(
  { sql, holding }: Pick<SourceParts, "sql" | "holding">,
  repository: RepositoryRow,
  body: (tx: Sql) => Promise<T>,
): Promise<T> =>
  sql.tx(async (tx) => {
    await holding?.(tx, repository.id);
    return body(tx);
  });
