import type { Sql } from "../../sql/index.ts";
import { enqueueOperation } from "../operations/enqueue-operation.ts";
import type { Operation } from "../operations/operation.ts";

export type HealRequest = {
  readonly stack: string;
  /** Null: all of the project. */
  readonly database: string | null;
  readonly requestedBy: string;
  /** Not within so many seconds of the last try; null: at once. */
  readonly quietSeconds: number | null;
};

/**
 * Queues the healing of a stack: a deployment of what is in force, which also brings back what Pulumi cannot see. Undefined when a
 * deployment waits or runs already, when nothing is open that it could heal, or when it was tried a moment ago.
 */
export const enqueueHeal = (sql: Sql, { stack, database, requestedBy, quietSeconds }: HealRequest) =>
  sql.tx(async (tx): Promise<Operation | undefined> => {
    await tx.query("insert into stacks (stack) values ($1) on conflict do nothing", [stack]);
    await tx.query("select 1 from stacks where stack = $1 for no key update", [stack]);
    const wanted = await tx.maybe<{ hash: string }>(
      `select wanted_hash as hash from projects p where stack = $1 and wanted_hash is not null
         and not exists (select from operations o where o.stack = p.stack and o.type in ('DEPLOY', 'DESTROY')
                         and o.state in ('QUEUED', 'IN_PROGRESS'))`,
      [stack],
    );
    if (wanted === undefined) return undefined;
    const open = await tx.query<{ id: number }>(
      `select id from drift_findings where stack = $1 and closed_at is null and effect <> 'by hand'
         and ($2::text is null or instance = stack || '.' || $2)
         and ($3::float8 is null or heal_at is null or heal_at < clock_timestamp() - make_interval(secs => $3))
       for update`,
      [stack, database, quietSeconds],
    );
    if (open.length === 0) return undefined;
    const operation = await enqueueOperation(tx, {
      ...{ stack, type: "DEPLOY", database, requestedBy, supersede: false },
      params: { hash: wanted.hash, heal: true, refresh: true },
    });
    await tx.query(
      "update drift_findings set heal_operation = $2, heal_at = clock_timestamp() where id = any($1::bigint[])",
      [open.map(({ id }) => id), operation.id],
    );
    return operation;
  });
