import { currentTraceparent, failpoint, newId } from "../../core/index.ts";
import { notify, type Sql } from "../../sql/index.ts";
import { appendEvent } from "./events.ts";
import { mustBeAvailable } from "./kinds.ts";
import { type Operation, type OperationType, operationColumns } from "./operation.ts";

export type NewOperation = {
  readonly stack: string;
  readonly type: OperationType;
  readonly database?: string | null;
  readonly commit?: string | null;
  readonly pullNumber?: number | null;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly requestedBy: string;
  /**
   * -100 to 100, higher runs first; a minute of waiting weighs one, and so do 20 of the tenant's that wait already. Never before an
   * older operation of the same stack.
   */
  readonly priority?: number;
  readonly deadlineSeconds?: number;
  readonly maxAttempts?: number;
  /** Cancel queued operations of the same stack and type: the newer one says everything. Default: for DEPLOY. */
  readonly supersede?: boolean;
};

/**
 * Queues an operation and wakes the reconcilers (channel `nebula_operations`, payload is the id).
 * @throws NEB329 for a type that nothing can bring about yet.
 */
export const enqueueOperation = async (sql: Sql, wanted: NewOperation): Promise<Operation> => {
  mustBeAvailable(wanted.type);
  const queued = await sql.tx(async (tx) => {
    await tx.query("insert into stacks (stack) values ($1) on conflict do nothing", [wanted.stack]);
    const operation = await insert(tx, newId("op"), wanted, await behindOthers(tx, wanted));
    if (wanted.supersede ?? wanted.type === "DEPLOY") await supersede(tx, operation);
    await appendEvent(tx, operation.id, { phase: "queued", message: `${operation.type} queued` });
    await notify(tx, "nebula_operations", operation.id);
    return operation;
  });
  failpoint("operation.queued");
  return queued;
};

/**
 * Each operation of a tenant that waits already puts the next one of that tenant behind what others queue in the seconds after it: a
 * storm of one tenant's does not stand before everybody else. Never by more than five minutes, so nobody waits for ever.
 */
async function behindOthers(tx: Sql, { stack }: NewOperation): Promise<number> {
  const { waiting } = await tx.one<{ waiting: number }>(
    `select count(*)::int as waiting from (select from operations
       where split_part(stack, '.', 1) = split_part($1, '.', 1) and state = 'QUEUED' limit 100) waiting`,
    [stack],
  );
  return 3 * waiting;
}

const insert = (tx: Sql, id: string, o: NewOperation, behindSeconds: number) =>
  tx.one<Operation>(
    `insert into operations as o (id, stack, database, type, priority, params, commit, pull_number, requested_by,
       deadline_seconds, max_attempts, turn, traceparent)
     values ($1, $2, $3, $4, $5::int, $6::jsonb, $7, $8, $9, $10, $11,
       clock_timestamp() - make_interval(mins => $5::int) + make_interval(secs => $12), $13) returning ${operationColumns}`,
    [
      id,
      o.stack,
      o.database ?? null,
      o.type,
      Math.max(-100, Math.min(100, Math.trunc(o.priority ?? 0))),
      JSON.stringify(o.params ?? {}),
      o.commit ?? null,
      o.pullNumber ?? null,
      o.requestedBy,
      o.deadlineSeconds ?? 600,
      o.maxAttempts ?? 4,
      behindSeconds,
      currentTraceparent() ?? null,
    ],
  );

/** A row that is being claimed at this moment is locked: the claim wins, and the newer operation follows it. */
async function supersede(tx: Sql, by: Operation): Promise<void> {
  const older = await tx.query<{ id: string }>(
    `update operations set state = 'CANCELLED', outcome = 'superseded', finished_at = clock_timestamp(),
       result = jsonb_build_object('supersededBy', $1::text)
     where id in (select id from operations where stack = $2 and type = $3 and state = 'QUEUED' and id <> $1
                  for update skip locked)
     returning id`,
    [by.id, by.stack, by.type],
  );
  for (const { id } of older) await appendEvent(tx, id, { phase: "ended", message: `superseded by ${by.id}` });
}
