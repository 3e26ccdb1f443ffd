import type { ProblemDocument } from "../../core/index.ts";
import { notify, type Sql } from "../../sql/index.ts";
import { letGo, showFence } from "../stacks/index.ts";
import type { Claim } from "./claim-operation.ts";
import { appendEvent } from "./events.ts";
import { type Operation, type OperationState, type Outcome, operationColumns } from "./operation.ts";

export type Ending =
  | {
      readonly kind: "completed";
      readonly outcome: "applied" | "unchanged";
      readonly result?: Readonly<Record<string, unknown>>;
    }
  /** Nothing changes until somebody changes something. `blocked`: refused before anything was touched. */
  | { readonly kind: "failed"; readonly outcome: "blocked" | "stalled"; readonly error: ProblemDocument }
  /** Worth another try, until the attempts are used up: then it fails as stalled. */
  | { readonly kind: "retry"; readonly error: ProblemDocument }
  | { readonly kind: "cancelled" }
  /** Another text is wanted by now; its own operation brings it. */
  | { readonly kind: "superseded" };

/** Seconds before try n + 1: 2, 8, 32, each between half and the whole, so that a herd spreads. */
const backoff = "make_interval(secs => power(4, attempt - 1) * 2 * (0.5 + random() / 2))";

/**
 * Ends a claimed operation and lets go of the stack, in one transaction with `alongside` (the project's status, for example).
 * Undefined when the fence is not the newest any more: then nothing is written.
 */
export const finishOperation = (
  sql: Sql,
  claim: Claim,
  ending: Ending,
  alongside: (tx: Sql, operation: Operation) => Promise<void> = async () => {},
): Promise<Operation | undefined> =>
  sql.tx(async (tx) => {
    const held = await tx.maybe(
      `select ${letGo(claim.leaseSeconds)} from stacks where stack = $1 and fence = $2 and operation = $3 for update`,
      [claim.stack, claim.fence, claim.operation.id],
    );
    if (held === undefined) return undefined;
    await showFence(tx, claim.fence);
    const operation = await end(tx, claim, ending);
    await alongside(tx, operation);
    await tx.query("update stacks set holder = null, operation = null, lease_until = null where stack = $1", [
      claim.stack,
    ]);
    await appendEvent(tx, operation.id, {
      level: operation.state === "FAILED" ? "error" : "info",
      phase: operation.state === "QUEUED" ? "queued" : "ended",
      message: describe(operation),
      data: { state: operation.state, outcome: operation.outcome },
    });
    await notify(tx, "nebula_operations", operation.id);
    return operation;
  });

async function end(tx: Sql, claim: Claim, ending: Ending): Promise<Operation> {
  if (ending.kind === "retry") return endForRetry(tx, claim, ending.error);
  const states: Record<typeof ending.kind, OperationState> = {
    completed: "COMPLETED",
    failed: "FAILED",
    cancelled: "CANCELLED",
    superseded: "CANCELLED",
  };
  return write(tx, claim.operation.id, {
    state: states[ending.kind],
    outcome: ending.kind === "cancelled" || ending.kind === "superseded" ? ending.kind : ending.outcome,
    error: ending.kind === "failed" ? ending.error : null,
    result: ending.kind === "completed" ? (ending.result ?? null) : null,
  });
}

/** A newer operation of the same stack and type says everything: an old try does not come back after it. */
async function endForRetry(tx: Sql, { operation }: Claim, error: ProblemDocument): Promise<Operation> {
  const newer = await tx.maybe<{ id: string }>(
    `select id from operations where stack = $1 and type = $2 and type = 'DEPLOY' and state = 'QUEUED'
       and seq > (select seq from operations where id = $3)
     order by seq desc limit 1`,
    [operation.stack, operation.type, operation.id],
  );
  if (newer !== undefined)
    return write(tx, operation.id, {
      state: "CANCELLED",
      outcome: "superseded",
      error,
      result: { supersededBy: newer.id },
    });
  if (operation.attempt >= operation.maxAttempts)
    return write(tx, operation.id, { state: "FAILED", outcome: "stalled", error, result: null });
  return tx.one<Operation>(
    `update operations o set state = 'QUEUED', outcome = 'retry', fence = null, error = $2::jsonb,
       run_after = clock_timestamp() + ${backoff}
     where id = $1 returning ${operationColumns}`,
    [operation.id, JSON.stringify(error)],
  );
}

type Written = {
  readonly state: OperationState;
  readonly outcome: Outcome;
  readonly error: ProblemDocument | null;
  readonly result: Readonly<Record<string, unknown>> | null;
};

const write = (tx: Sql, id: string, { state, outcome, error, result }: Written) =>
  tx.one<Operation>(
    `update operations o set state = $2, outcome = $3, error = $4::jsonb, result = $5::jsonb,
       finished_at = clock_timestamp()
     where id = $1 returning ${operationColumns}`,
    [
      id,
      state,
      outcome,
      error === null ? null : JSON.stringify(error),
      result === null ? null : JSON.stringify(result),
    ],
  );

function describe({ state, outcome, error, runAfter }: Operation): string {
  if (state === "QUEUED") return `failed, will be tried again at ${runAfter.toISOString()}: ${error?.detail ?? ""}`;
  if (state === "FAILED") return `${outcome}: ${error?.detail ?? ""}`;
  return outcome ?? state;
}
