import type { Sql } from "../../sql/index.ts";
import { letGo, showFence } from "../stacks/index.ts";
import { endLost } from "./end-lost.ts";
import { appendEvent } from "./events.ts";
import { type Operation, type OperationType, operationColumns } from "./operation.ts";

/** The right to run one operation, valid while the lease is. Everything that writes shows its fence. */
export type Claim = {
  readonly operation: Operation;
  readonly stack: string;
  readonly fence: number;
  readonly holder: string;
  readonly leaseSeconds: number;
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
export async function claimOperation(sql: Sql, options: ClaimOptions): Promise<Claim | undefined> {
  const taken = (await isAnyLost(sql)) ? await sql.tx((tx) => takeOver(tx, options)) : undefined;
  return taken ?? sql.tx((tx) => claimQueued(tx, options));
}

async function takeOver(tx: Sql, options: ClaimOptions): Promise<Claim | undefined> {
  for (;;) {
    const lost = await findLost(tx, options);
    if (lost === undefined) return undefined;
    if (!(await endLost(tx, lost, options.types))) return take(tx, lost, options);
  }
}

async function claimQueued(tx: Sql, options: ClaimOptions): Promise<Claim | undefined> {
  for (;;) {
    const queued = await findQueued(tx, options);
    if (queued === undefined) return undefined;
    const claim = await begin(tx, queued, options);
    if (claim !== undefined) return claim;
    await giveWay(tx, queued);
  }
}

export type Candidate = { readonly stack: string; readonly id: string };

const isAnyLost = async (sql: Sql): Promise<boolean> =>
  (await sql.maybe("select 1 from stacks where operation is not null and lease_until < clock_timestamp() limit 1")) !==
  undefined;

const findLost = (tx: Sql, { leaseSeconds }: ClaimOptions) =>
  tx.maybe<Candidate>(
    `select s.stack, s.operation as id, ${letGo(leaseSeconds)} from stacks s
     where s.operation is not null and s.lease_until < clock_timestamp()
     order by s.lease_until limit 1 for update of s skip locked`,
  );

const findQueued = (tx: Sql, { types, leaseSeconds }: ClaimOptions) =>
  tx.maybe<Candidate>(
    `select o.stack, o.id, ${letGo(leaseSeconds)} from operations o join stacks s on s.stack = o.stack
     where o.state = 'QUEUED' and o.run_after <= clock_timestamp() and o.type = any($1) and s.operation is null
       and not exists (select from operations e
         where e.stack = o.stack and e.state = 'QUEUED' and e.seq < o.seq and e.type = any($1))
     order by o.turn, o.seq limit 1 for update of o, s skip locked`,
    [types],
  );

/**
 * Begins what was found, now that its stack is locked: nothing else can change what waits there. Undefined when it is not its turn
 * after all - an older one came back meanwhile - or a newer deployment waits.
 */
async function begin(tx: Sql, { stack, id }: Candidate, o: ClaimOptions): Promise<Claim | undefined> {
  const row = await tx.maybe<Operation & { waitMs: number; leaseFence: number }>(
    `with leased as (
       update stacks s set fence = s.fence + 1, holder = $3, operation = $2,
         lease_until = clock_timestamp() + make_interval(secs => $4)
       from operations q
       where s.stack = $1 and q.id = $2 and not exists (select from operations e
           where e.stack = $1 and e.state = 'QUEUED' and e.seq < q.seq and e.type = any($5))
         and not (q.type = 'DEPLOY' and exists (select from operations n
           where n.stack = $1 and n.state = 'QUEUED' and n.seq > q.seq and n.type = 'DEPLOY'))
       returning s.fence),
     begun as (
       update operations o set state = 'IN_PROGRESS', attempt = o.attempt + 1, fence = leased.fence,
         started_at = coalesce(o.started_at, clock_timestamp())
       from leased where o.id = $2
       returning ${operationColumns}, leased.fence as "leaseFence",
         (extract(epoch from clock_timestamp() - greatest(o.run_after, o.created_at)) * 1000)::float8 as "waitMs"),
     line as (
       insert into operation_events (operation, level, phase, message, data)
       select id, 'info', 'claimed', 'claimed',
         jsonb_build_object('fence', "leaseFence", 'attempt', attempt, 'waitMs', "waitMs") from begun
       returning pg_notify('nebula_events', operation))
     select begun.* from begun, line`,
    [stack, id, o.holder, o.leaseSeconds ?? 15, o.types],
  );
  if (row === undefined) return undefined;
  const { waitMs, leaseFence: fence, ...operation } = row;
  return { operation, stack, fence, holder: o.holder, leaseSeconds: o.leaseSeconds ?? 15, takenOver: false, waitMs };
}

/** A deployment that a newer one waits behind says nothing any more: two that were queued at once did not see each other. */
async function giveWay(tx: Sql, { stack, id }: Candidate): Promise<void> {
  const ended = await tx.maybe<{ newer: string }>(
    `update operations o set state = 'CANCELLED', outcome = 'superseded', finished_at = clock_timestamp(),
       result = jsonb_build_object('supersededBy', n.id)
     from (select w.id, w.seq from operations w where w.stack = $1 and w.state = 'QUEUED' and w.type = 'DEPLOY'
           order by w.seq desc limit 1) n
     where o.id = $2 and o.type = 'DEPLOY' and n.seq > o.seq returning n.id as newer`,
    [stack, id],
  );
  if (ended !== undefined) await appendEvent(tx, id, { phase: "ended", message: `superseded by ${ended.newer}` });
}

/** Goes on with what a dead holder left, under a new fence. */
async function take(tx: Sql, { stack, id }: Candidate, o: ClaimOptions): Promise<Claim> {
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
  const message = "taken over from a holder whose lease ran out";
  await appendEvent(tx, id, { phase: "claimed", message, fence, data: { fence, attempt: operation.attempt, waitMs } });
  return { operation, stack, fence, holder: o.holder, leaseSeconds: o.leaseSeconds ?? 15, takenOver: true, waitMs };
}
