import type { Sql } from "../../sql/index.ts";
import { showFence } from "../stacks/index.ts";
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
 *
 * 1. A stack has one lease, so never two operations in progress. A stack whose row is locked - somebody claims it, or a provider
 *    is in the middle of an effect under the old fence - is left for the next round.
 * 2. Inside a stack the order is the one in which they were queued, also while an older one waits for its next try.
 * 3. Of several deployments that wait for one stack only the newest is run.
 */
export const claimOperation = (sql: Sql, options: ClaimOptions): Promise<Claim | undefined> =>
  sql.tx(async (tx) => {
    for (;;) {
      const lost = await findLost(tx);
      if (lost === undefined) break;
      if (await endLost(tx, lost, options.types)) continue;
      return take(tx, lost, options, true);
    }
    for (;;) {
      const queued = await findQueued(tx, options.types);
      if (queued === undefined) return undefined;
      if (!(await giveWay(tx, queued))) return take(tx, queued, options, false);
    }
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
       and not exists (select from operations e
         where e.stack = o.stack and e.state = 'QUEUED' and e.seq < o.seq and e.type = any($1))
     order by o.turn, o.seq limit 1 for update of o, s skip locked`,
    [types],
  );

/** A deployment that a newer one waits behind says nothing any more: two that were queued at once did not see each other. */
async function giveWay(tx: Sql, { stack, id }: Candidate): Promise<boolean> {
  const newer = await tx.maybe<{ id: string }>(
    `select n.id from operations n
     where n.stack = $1 and n.state = 'QUEUED' and n.type = 'DEPLOY'
       and n.seq > (select seq from operations where id = $2 and type = 'DEPLOY')
     order by n.seq desc limit 1`,
    [stack, id],
  );
  if (newer === undefined) return false;
  await tx.query(
    `update operations set state = 'CANCELLED', outcome = 'superseded', finished_at = clock_timestamp(),
       result = jsonb_build_object('supersededBy', $2::text)
     where id = $1`,
    [id, newer.id],
  );
  await appendEvent(tx, id, { phase: "ended", message: `superseded by ${newer.id}` });
  return true;
}

async function take(tx: Sql, { stack, id }: Candidate, o: ClaimOptions, takenOver: boolean): Promise<Claim> {
  const { fence } = await tx.one<{ fence: number }>(
    `update stacks set fence = fence + 1, holder = $2, operation = $3,
       lease_until = clock_timestamp() + make_interval(secs => $4)
     where stack = $1 returning fence`,
    [stack, o.holder, id, o.leaseSeconds ?? 15],
  );
  await showFence(tx, fence);
  const { waitMs, ...operation } = await tx.one<Operation & { waitMs: number }>(
    `update operations o set state = 'IN_PROGRESS', attempt = attempt + 1, fence = $2,
       started_at = coalesce(started_at, clock_timestamp())
     where id = $1
     returning ${operationColumns},
       (extract(epoch from clock_timestamp() - greatest(run_after, created_at)) * 1000)::float8 as "waitMs"`,
    [id, fence],
  );
  const message = takenOver ? "taken over from a holder whose lease ran out" : "claimed";
  await appendEvent(tx, id, { phase: "claimed", message, fence, data: { fence, attempt: operation.attempt, waitMs } });
  return { operation, stack, fence, holder: o.holder, takenOver, waitMs };
}
