import type { ProblemDocument } from "../../core/index.ts";
import { notify, type Sql } from "../../sql/index.ts";
import { type Operation, type OperationState, type Outcome, operationColumns } from "./operation.ts";

/** What may be changed on an operation that runs under no lease, a PULL_REQUEST for example. Absent: as it was. */
export type OperationPatch = {
  readonly state?: OperationState;
  readonly progress?: Readonly<Record<string, unknown>>;
  readonly outcome?: Outcome;
  readonly error?: ProblemDocument;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly pullNumber?: number;
  readonly commit?: string;
};

/**
 * Moves an operation that needs no lease. Progress and result are merged, not replaced. An operation that has ended, or one
 * under a lease, is left alone: undefined.
 */
export const updateOperation = (sql: Sql, id: string, patch: OperationPatch): Promise<Operation | undefined> =>
  sql.tx(async (tx) => {
    const updated = await tx.maybe<Operation>(
      `update operations o set
         state = coalesce($2, state),
         started_at = case when $2 <> 'QUEUED' then coalesce(started_at, clock_timestamp()) else started_at end,
         finished_at = case when $2 in ('COMPLETED', 'FAILED', 'CANCELLED') then clock_timestamp() end,
         progress = progress || $3::jsonb,
         outcome = coalesce($4, outcome),
         error = coalesce($5::jsonb, error),
         result = case when $6::jsonb is null then result else coalesce(result, '{}') || $6::jsonb end,
         pull_number = coalesce($7, pull_number),
         commit = coalesce($8, commit)
       where id = $1 and fence is null and state in ('QUEUED', 'IN_PROGRESS')
       returning ${operationColumns}`,
      [
        id,
        patch.state ?? null,
        JSON.stringify(patch.progress ?? {}),
        patch.outcome ?? null,
        patch.error === undefined ? null : JSON.stringify(patch.error),
        patch.result === undefined ? null : JSON.stringify(patch.result),
        patch.pullNumber ?? null,
        patch.commit ?? null,
      ],
    );
    if (updated !== undefined) await notify(tx, "nebula_events", id);
    return updated;
  });
