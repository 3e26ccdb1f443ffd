import type { Sql } from "../../sql/index.ts";
import { leaseLost } from "../errors.ts";

/**
 * Holds a fence for the rest of the transaction and shows it to the ledger's guards: as long as it runs, nobody takes the stack
 * over (the heartbeat still gets through: `for key share`). An effect on a machine runs inside.
 * @throws NEB300 when the fence is not the newest or the stack is free.
 */
export async function holdFence(tx: Sql, stack: string, fence: number): Promise<void> {
  const lease = await tx.maybe<{ fence: number; held: boolean }>(
    "select fence, operation is not null as held from stacks where stack = $1 for key share",
    [stack],
  );
  if (lease?.held !== true || lease.fence !== fence)
    throw leaseLost(`${stack} is at fence ${lease?.fence ?? "none"}, this writer has ${fence}`);
  await showFence(tx, fence);
}

/**
 * To select at the beginning of a transaction that only speaks to the ledger: a process that is frozen in the middle of it lets go of
 * its locks after two thirds of a lease, so that whoever takes over need not wait for it. Not for effects, which take their time.
 */
export const letGo = (leaseSeconds = 15): string =>
  `set_config('idle_in_transaction_session_timeout', '${Math.round((leaseSeconds * 2000) / 3)}ms', true)`;

/** Shows the fence to the guards of Pulumi's state, operations and instances for the rest of the transaction. */
export async function showFence(tx: Sql, fence: number): Promise<void> {
  await tx.query("select set_config('nebula.fence', $1, true)", [String(fence)]);
}
