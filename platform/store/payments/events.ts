import { notify, type Sql } from "../../sql/index.ts";

/** Payload: nothing. The payment service said something. */
export const paymentsHappened = "nebula_payments";

/** What the payment service told us, kept before it is acted on. */
export type PaymentEvent = {
  readonly id: string;
  readonly type: string;
  /** What it is about, by its id there. */
  readonly object: string;
  readonly createdAt: Date;
  readonly attempts: number;
};

/** Whether it was new: the service tells everything at least once. */
export async function keepPaymentEvent(
  sql: Sql,
  { id, type, object, createdAt, now }: Omit<PaymentEvent, "attempts"> & { readonly now: Date },
): Promise<boolean> {
  const made = await sql.query(
    `insert into payment_events (id, type, object, created_at, received_at, due_at) values ($1, $2, $3, $4, $5, $5)
     on conflict (id) do nothing returning id`,
    [id, type, object, createdAt, now],
  );
  if (made.length > 0) await notify(sql, paymentsHappened);
  return made.length > 0;
}

export const duePaymentEvents = (sql: Sql, now: Date, limit: number): Promise<readonly PaymentEvent[]> =>
  sql.query<PaymentEvent>(
    `select id, type, object, created_at as "createdAt", attempts from payment_events
     where done_at is null and due_at <= $1 order by created_at, id limit $2`,
    [now, limit],
  );

export type PaymentOutcome = "applied" | "unchanged" | "ignored" | "unknown" | "dead";

export async function endPaymentEvent(sql: Sql, id: string, outcome: PaymentOutcome, at: Date): Promise<void> {
  await sql.query("update payment_events set done_at = $3, outcome = $2, attempts = attempts + 1 where id = $1", [
    id,
    outcome,
    at,
  ]);
}

export async function postponePaymentEvent(sql: Sql, id: string, dueAt: Date): Promise<void> {
  await sql.query("update payment_events set attempts = attempts + 1, due_at = $2 where id = $1", [id, dueAt]);
}

/** What was done with before that: it is only needed to know a replay, and the service replays for thirty days at the most. */
export async function prunePaymentEvents(sql: Sql, before: Date): Promise<number> {
  const gone = await sql.query("delete from payment_events where done_at < $1 returning id", [before]);
  return gone.length;
}
