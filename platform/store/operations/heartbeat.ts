import type { Sql } from "../../sql/index.ts";
import type { Claim } from "./claim-operation.ts";

export type Pulse = "held" | "cancelled" | "lost";

/**
 * Extends a claim's lease by the database's clock. "lost": the fence is not the newest any more, stop at once. "cancelled":
 * somebody asked to stop; the lease is extended once more so that the holder can let go in order.
 */
export async function heartbeat(sql: Sql, claim: Claim, leaseSeconds = 15): Promise<Pulse> {
  const row = await sql.maybe<{ cancelled: boolean }>(
    `update stacks s set lease_until = clock_timestamp() + make_interval(secs => $4)
     from operations o
     where s.stack = $1 and s.fence = $2 and s.operation = $3 and o.id = s.operation
     returning o.cancel_requested_at is not null as cancelled`,
    [claim.stack, claim.fence, claim.operation.id, leaseSeconds],
  );
  if (row === undefined) return "lost";
  return row.cancelled ? "cancelled" : "held";
}
