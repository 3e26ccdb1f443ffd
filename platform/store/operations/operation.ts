import type { ProblemDocument } from "../../core/index.ts";

export const operationTypes = [
  "DEPLOY",
  "DESTROY",
  "SCALE_HORIZONTAL",
  "SCALE_VERTICAL",
  "EXPAND_STORAGE",
  "UPGRADE_VERSION",
  "BACKUP",
  "RESTORE",
  "PAUSE",
  "RESUME",
  "RESTART",
  "MIGRATE",
  "ROTATE_CREDENTIALS",
  "PULL_REQUEST",
  "BRANCH",
  "IMPORT",
] as const;
export type OperationType = (typeof operationTypes)[number];

export const operationStates = ["QUEUED", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED"] as const;
export type OperationState = (typeof operationStates)[number];

/** How it ended, or why it is queued again. The project's status is derived from it. */
export type Outcome = "applied" | "unchanged" | "retry" | "blocked" | "stalled" | "superseded" | "cancelled";

export type Operation = {
  readonly id: string;
  readonly stack: string;
  readonly database: string | null;
  readonly type: OperationType;
  readonly state: OperationState;
  readonly priority: number;
  readonly params: Readonly<Record<string, unknown>>;
  readonly commit: string | null;
  readonly pullNumber: number | null;
  readonly requestedBy: string;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly runAfter: Date;
  readonly deadlineSeconds: number;
  /** Of the lease it runs under; null for an operation that needs none. */
  readonly fence: number | null;
  readonly cancelRequestedAt: Date | null;
  readonly progress: Readonly<Record<string, unknown>>;
  readonly outcome: Outcome | null;
  readonly error: ProblemDocument | null;
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  /** W3C trace context of whoever asked for it; null: nothing was traced. */
  readonly traceparent: string | null;
};

/** The select list of an `Operation`; `o` is the table's alias. */
export const operationColumns = `o.id, o.stack, o.database, o.type, o.state, o.priority, o.params, o.commit,
  o.pull_number as "pullNumber", o.requested_by as "requestedBy", o.attempt, o.max_attempts as "maxAttempts",
  o.run_after as "runAfter", o.deadline_seconds as "deadlineSeconds", o.fence,
  o.cancel_requested_at as "cancelRequestedAt", o.progress, o.outcome, o.error, o.result,
  o.created_at as "createdAt", o.started_at as "startedAt", o.finished_at as "finishedAt",
  o.traceparent`;

export const isEnded = (operation: Operation): boolean =>
  operation.state === "COMPLETED" || operation.state === "FAILED" || operation.state === "CANCELLED";
