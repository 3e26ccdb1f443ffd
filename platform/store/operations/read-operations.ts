import type { Sql } from "../../sql/index.ts";
import { type Operation, type OperationState, type OperationType, operationColumns } from "./operation.ts";

export const getOperation = (sql: Sql, id: string): Promise<Operation | undefined> =>
  sql.maybe<Operation>(`select ${operationColumns} from operations o where o.id = $1`, [id]);

export type OperationFilter = {
  readonly tenant?: string | null;
  readonly stack?: string | null;
  readonly database?: string | null;
  readonly type?: OperationType | null;
  readonly state?: OperationState | null;
  readonly pullNumber?: number | null;
  /** Only operations older than this one: the last id of the page before. */
  readonly beforeId?: string | null;
  readonly limit?: number;
};

/** Newest first: ids sort by creation. */
export const listOperations = (sql: Sql, f: OperationFilter = {}): Promise<readonly Operation[]> =>
  sql.query<Operation>(
    `select ${operationColumns} from operations o
     where ($1::text is null or split_part(o.stack, '.', 1) = $1)
       and ($2::text is null or o.stack = $2)
       and ($3::text is null or o.database = $3)
       and ($4::text is null or o.type = $4)
       and ($5::text is null or o.state = $5)
       and ($6::int is null or o.pull_number = $6)
       and ($7::text is null or o.id < $7)
     order by o.id desc limit $8`,
    [
      f.tenant ?? null,
      f.stack ?? null,
      f.database ?? null,
      f.type ?? null,
      f.state ?? null,
      f.pullNumber ?? null,
      f.beforeId ?? null,
      f.limit ?? 50,
    ],
  );
