import type { Sql } from "../../sql/index.ts";

export type EventLevel = "info" | "warn" | "error";

export type NewOperationEvent = {
  readonly level?: EventLevel;
  /** queued, claimed, evaluate, plan, deploy, provider, ready, ended... */
  readonly phase: string;
  readonly message: string;
  /** Safe to show; `durationMs` where a phase ended. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Of a holder's line: the fence it works under. An old one is refused by the database (NEB300). */
  readonly fence?: number;
};

export type OperationEvent = Required<Omit<NewOperationEvent, "fence">> & {
  readonly id: number;
  readonly operation: string;
  readonly at: Date;
};

/** Appends one line of progress and wakes whoever follows (channel `nebula_events`, payload is the operation's id). */
export async function appendEvent(sql: Sql, operation: string, event: NewOperationEvent): Promise<void> {
  await sql.query(
    `with added as (
       insert into operation_events (operation, level, phase, message, data, fence)
       values ($1, $2, $3, $4, $5::jsonb, $6) returning operation)
     select pg_notify('nebula_events', operation) from added`,
    [
      operation,
      event.level ?? "info",
      event.phase,
      event.message,
      JSON.stringify(event.data ?? {}),
      event.fence ?? null,
    ],
  );
}

/** Oldest first, after the event with this id (0: from the start). */
export const listEvents = (sql: Sql, operation: string, afterId = 0, limit = 500): Promise<readonly OperationEvent[]> =>
  sql.query<OperationEvent>(
    `select id, operation, at, level, phase, message, data from operation_events
     where operation = $1 and id > $2 order by id limit $3`,
    [operation, afterId, limit],
  );
