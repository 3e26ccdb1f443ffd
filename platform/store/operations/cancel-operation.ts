import { notify, type Sql } from "../../sql/index.ts";
import { appendEvent } from "./events.ts";
import { type Operation, operationColumns } from "./operation.ts";

/**
 * Cancels an operation: at once when it is queued; a running one is asked to stop and ends when its holder has let go.
 * Undefined when there is none or it has ended.
 */
export const cancelOperation = (sql: Sql, id: string, by: string): Promise<Operation | undefined> =>
  sql.tx(async (tx) => {
    const cancelled = await tx.maybe<Operation>(
      `update operations o set
         cancel_requested_at = clock_timestamp(),
         state = case when state = 'QUEUED' then 'CANCELLED' else state end,
         outcome = case when state = 'QUEUED' then 'cancelled' else outcome end,
         finished_at = case when state = 'QUEUED' then clock_timestamp() end
       where id = $1 and state in ('QUEUED', 'IN_PROGRESS')
       returning ${operationColumns}`,
      [id],
    );
    if (cancelled === undefined) return undefined;
    const phase = cancelled.state === "CANCELLED" ? "ended" : "cancelling";
    await appendEvent(tx, id, { level: "warn", phase, message: `cancelled by ${by}` });
    await notify(tx, "nebula_operations", id);
    return cancelled;
  });
