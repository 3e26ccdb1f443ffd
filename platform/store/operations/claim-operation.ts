import type { Sql } from "../../sql/index.ts";
import { endLost } from "./end-lost.ts";
import { appendEvent } from "./events.ts";
import { type Operation, type OperationType, operationColumns } from "./operation.ts";

/** The right to run one operation, valid while the lease is. Everything that writes shows its fence. */
export type Claim = {
  readonly operation: Operation;
  readonly stack: string;
  readonly fence: number;
  readonly holder: string;
  /** The former holder's lease had run out: it may have left something half-done. */
  readonly takenOver: boolean;
  /** From the moment it could run until now. */
  readonly waitMs: number;
};

export type ClaimOptions = {
  /** Who: host, process id, start time. */
  readonly holder: string;
  readonly leaseSeconds?: number;
  readonly types: readonly OperationType[];
};

/**
 * Claims one operation, first what a dead holder left, then the queue by priority and age; undefined when nothing can run.
 * A stack has one lease, so never two operations in progress. A stack whose row is locked - somebody claims it, or a provider is
 * in the middle of an effect under the old fence - is left for the next round.
 */
export const claimOperation = (sql: Sql, options: ClaimOptions): Promise<Claim | undefined> =>
  sql.tx(async (tx) => {
    for (;;) {
      const lost = await findLost(tx);
      if (lost === undefined) break;
      if (await endLost(tx, lost, options.types)) continue;
      return take(tx, lost, options, true);
    }
    const queued = await findQueued(tx, options.types);
    return queued === undefined ? undefined : take(tx, queued, options, false);
  });

export type Candidate = { readonly stack: string; readonly id: string };

const findLost = (tx: Sql) =>
  tx.maybe<Candidate>(
    `select s.stack, s.operation as id from stacks s
     where s.operation is not null and s.lease_until < clock_timestamp()
     order by s.lease_until limit 1 for update of s skip locked`,
  );

const findQueued = (tx: Sql, types: readonly OperationType[]) =>
  tx.maybe<Candidate>(
    `select o.stack, o.id from operations o join stacks s on s.stack = o.stack
     where o.state = 'QUEUED' and o.run_after <= clock_timestamp() and o.type = any($1) and s.operation is null
     order by o.priority desc, o.created_at, o.id limit 1 for update of o, s skip locked`,
    [types],
  );

async function take(tx: Sql, { stack, id }: Candidate, o: ClaimOptions, takenOver: boolean): Promise<Claim> {
  const { fence } = await tx.one<{ fence: number }>(
    `update stacks set fence = fence + 1, holder = $2, operation = $3,
       lease_until = clock_timestamp() + make_interval(secs => $4)
     where stack = $1 returning fence`,
    [stack, o.holder, id, o.leaseSeconds ?? 15],
  );
  const { waitMs, ...operation } = await tx.one<Operation & { waitMs: number }>(
    `update operations o set state = 'IN_PROGRESS', attempt = attempt + 1, fence = $2,
       started_at = coalesce(started_at, clock_timestamp())
     where id = $1
     returning ${operationColumns},
       (extract(epoch from clock_timestamp() - greatest(run_after, created_at)) * 1000)::float8 as "waitMs"`,
    [id, fence],
  );
  const message = takenOver ? "taken over from a holder whose lease ran out" : "claimed";
  await appendEvent(tx, id, { phase: "claimed", message, data: { fence, attempt: operation.attempt, waitMs } });
  return { operation, stack, fence, holder: o.holder, takenOver, waitMs };
}
