import type { Sql } from "../../sql/index.ts";
import { type Reach, reachParameters, withinReach } from "../reach.ts";
import { type Operation, type OperationState, type OperationType, operationColumns } from "./operation.ts";

const within = (first: number) =>
  withinReach(first, {
    tenant: "split_part(o.stack, '.', 1)",
    stack: "o.stack",
    database: "o.stack || '.' || o.database",
  });

/** What is outside `inside` is not read at all: it takes as long as what is not there. */
export const getOperation = (sql: Sql, id: string, inside: Reach = "everything"): Promise<Operation | undefined> =>
  sql.maybe<Operation>(`select ${operationColumns} from operations o where o.id = $4 and ${within(1)}`, [
    ...reachParameters(inside),
    id,
  ]);

export type OperationFilter = {
  /** Default: everything. */
  readonly within?: Reach;
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
export const listOperations = (sql: Sql, filter: OperationFilter = {}): Promise<readonly Operation[]> => {
  const f = asOne(filter);
  return sql.query<Operation>(
    `select ${operationColumns} from operations o
     where ${within(1)}
       and ($4::text is null or o.stack = $4)
       and ($5::text is null or o.database = $5)
       and ($6::text is null or o.type = $6)
       and ($7::text is null or o.state = $7)
       and ($8::int is null or o.pull_number = $8)
       and ($9::text is null or o.id < $9)
       and ($10::text is null or split_part(o.stack, '.', 1) = $10)
     order by o.id desc limit $11`,
    [
      ...reachParameters(f.within),
      f.stack ?? null,
      f.database ?? null,
      f.type ?? null,
      f.state ?? null,
      f.pullNumber ?? null,
      f.beforeId ?? null,
      f.tenant ?? null,
      f.limit ?? 50,
    ],
  );
};

/** A reach of one tenant or one project is a filter: an index has its operations in order (operations_of_tenant, operations_of_stack). */
function asOne(filter: OperationFilter): OperationFilter & { readonly tenant?: string } {
  const { within, ...rest } = filter;
  if (within === undefined || within === "everything" || within.length !== 1) return filter;
  const [part] = within;
  if (part === undefined || part.database !== null) return filter;
  if (part.project === null) return { ...rest, tenant: part.tenant };
  const stack = `${part.tenant}.${part.project}`;
  return filter.stack == null || filter.stack === stack ? { ...rest, stack } : filter;
}
