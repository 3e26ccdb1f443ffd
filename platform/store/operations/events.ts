import type { Sql } from "../../sql/index.ts";

export type EventLevel = "info" | "warn" | "error";

export type NewOperationEvent = {
  readonly level?: EventLevel;
  /** queued, claimed, evaluate, plan, deploy, provider, ready, ended... */
  readonly phase: string;
  readonly message: string;
  /** Safe to show; `durationMs` where a phase ended. */
  readonly data?: Readonly<Record<string, unknown>>;
};

export type OperationEvent = Required<NewOperationEvent> & {
  readonly id: number;
  readonly operation: string;
  readonly at: Date;
};

/** Appends one line of progress and wakes whoever follows (channel `nebula_events`, payload is the operation's id). */
export async function appendEvent(sql: Sql, operation: string, event: NewOperationEvent): Promise<void> {
  await sql.query(
    `with added as (
       insert into operation_events (operation, level, phase, message, data)
       values ($1, $2, $3, $4, $5::jsonb) returning operation)
     select pg_notify('nebula_events', operation) from added`,
    [operation, event.level ?? "info", event.phase, event.message, JSON.stringify(event.data ?? {})],
  );
}

/** Oldest first, after the event with this id (0: from the start). */
export const listEvents = (sql: Sql, operation: string, afterId = 0, limit = 500): Promise<readonly OperationEvent[]> =>
  sql.query<OperationEvent>(
    `select id, operation, at, level, phase, message, data from operation_events
     where operation = $1 and id > $2 order by id limit $3`,
    [operation, afterId, limit],
  );
