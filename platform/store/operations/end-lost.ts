import type { ProblemDocument } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";
import { leaseLost, toDocument } from "../errors.ts";
import { showFence } from "../stacks/index.ts";
import type { Candidate } from "./claim-operation.ts";
import { appendEvent } from "./events.ts";
import type { OperationState, OperationType, Outcome } from "./operation.ts";

type Lost = {
  readonly type: OperationType;
  readonly state: OperationState;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly cancelled: boolean;
  readonly requestedBy: string;
};

/**
 * Ends an operation whose holder is gone when nobody shall run it again: it was cancelled, has used up its attempts, belongs
 * to a `pulumi up` elsewhere or to another worker's types. True when it ended, and the stack is free.
 */
export async function endLost(tx: Sql, { stack, id }: Candidate, types: readonly OperationType[]): Promise<boolean> {
  const lost = await tx.maybe<Lost>(
    `select type, state, attempt, max_attempts as "maxAttempts", cancel_requested_at is not null as cancelled,
       requested_by as "requestedBy"
     from operations where id = $1`,
    [id],
  );
  const ending = lost === undefined || lost.state !== "IN_PROGRESS" ? "ended already" : endingOf(lost, types);
  if (ending === undefined) return false;
  const { fence } = await tx.one<{ fence: number }>(
    "update stacks set fence = fence + 1 where stack = $1 returning fence",
    [stack],
  );
  await tx.query("select remove_dead_locks($1, $2)", [stack, fence]);
  await showFence(tx, fence);
  if (ending !== "ended already") await end(tx, id, ending);
  await tx.query("update stacks set holder = null, operation = null, lease_until = null where stack = $1", [stack]);
  return true;
}

type Ending = { readonly state: OperationState; readonly outcome: Outcome; readonly error: ProblemDocument | null };

function endingOf(lost: Lost, types: readonly OperationType[]): Ending | undefined {
  if (lost.cancelled) return { state: "CANCELLED", outcome: "cancelled", error: null };
  if (lost.requestedBy.startsWith("ci:") || !types.includes(lost.type))
    return failed("its holder stopped without a word and nobody else can go on with it");
  if (lost.attempt >= lost.maxAttempts) return failed(`its holder was lost ${lost.attempt} times`);
  return undefined;
}

const failed = (message: string): Ending => ({
  state: "FAILED",
  outcome: "stalled",
  error: toDocument(leaseLost(message)),
});

async function end(tx: Sql, id: string, { state, outcome, error }: Ending): Promise<void> {
  await tx.query(
    `update operations set state = $2, outcome = $3, error = $4::jsonb, finished_at = clock_timestamp() where id = $1`,
    [id, state, outcome, error === null ? null : JSON.stringify(error)],
  );
  await appendEvent(tx, id, {
    level: error === null ? "warn" : "error",
    phase: "ended",
    message: error?.detail ?? "cancelled; its holder is gone",
    data: { state, outcome },
  });
}
