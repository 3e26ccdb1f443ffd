import type { Sql } from "../../sql/index.ts";
import { holdFence } from "./fence.ts";

export type DeadLock = { readonly owner: string; readonly lockFence: number | null };

/**
 * Removes Pulumi's locks that were made under a fence older than `below`; says whose they were. Who holds the newest fence calls
 * it with his own: every older one can write nowhere any more, so its owner is dead to the state whatever became of the process.
 * With `fence + 1` it removes his own lock too: only after he has reaped the process that made it.
 */
export const removeDeadLocks = (
  sql: Sql,
  { stack, fence }: { readonly stack: string; readonly fence: number },
  below: number,
): Promise<readonly DeadLock[]> =>
  sql.tx(async (tx) => {
    await holdFence(tx, stack, fence);
    return tx.query<DeadLock>(`select owner, lock_fence as "lockFence" from remove_dead_locks($1, $2)`, [stack, below]);
  });
