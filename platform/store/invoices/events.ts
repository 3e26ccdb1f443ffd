import { notify, type Sql } from "../../sql/index.ts";

/** Payload: nothing. Something happened to an invoice. */
export const billingHappened = "nebula_billing";

export type BillingEventKind = "invoice.finalized" | "invoice.paid" | "invoice.voided";

export type BillingEvent = {
  /** `<kind>:<invoice>`: the same however often it is told. */
  readonly id: string;
  readonly kind: BillingEventKind;
  readonly invoice: string;
  readonly tenant: string;
  readonly at: Date;
  readonly data: Readonly<Record<string, unknown>>;
};

/**
 * In the transaction of what it says, as its last act: who appends does it alone until that ends, so that events come to stand in the order
 * of their numbers and whoever has read up to one has read all before it. Saying it twice is saying it once.
 */
export async function appendBillingEvent(tx: Sql, event: Omit<BillingEvent, "id">): Promise<void> {
  await tx.query("select pg_advisory_xact_lock(hashtextextended('nebuladb billing events', 0))");
  await tx.query(
    `insert into billing_events (id, kind, invoice, tenant, at, data) values ($1, $2, $3, $4, $5, $6::jsonb)
     on conflict (id) do nothing`,
    [`${event.kind}:${event.invoice}`, event.kind, event.invoice, event.tenant, event.at, JSON.stringify(event.data)],
  );
  await notify(tx, billingHappened);
}

export type Delivery = BillingEvent & {
  readonly attempts: number;
  /** Of the first attempt; null when there was none. */
  readonly beganAt: Date | null;
};

/**
 * Makes the deliveries of a consumer for what happened since it last asked. Its cost is that of what is new, however many events there
 * ever were. A consumer that is new is told everything.
 */
export async function enrolDeliveries(
  sql: Sql,
  consumer: string,
  {
    now,
    kinds,
    portion = 1_000,
  }: { readonly now: Date; readonly kinds?: readonly BillingEventKind[]; readonly portion?: number },
): Promise<void> {
  await sql.query("insert into billing_consumers (name) values ($1) on conflict do nothing", [consumer]);
  for (let read = portion; read === portion; )
    read = (await sql.one<{ read: number }>(enrolText, [consumer, now, kinds ?? null, portion])).read;
}

const enrolText = `
  with held as materialized (
    select seq from billing_consumers where name = $1 for update
  ), fresh as materialized (
    select e.seq, e.id, e.kind from billing_events e, held where e.seq > held.seq order by e.seq limit $4
  ), made as (
    insert into billing_deliveries (consumer, event, run_after)
    select $1, id, $2 from fresh where $3::text[] is null or kind = any($3) on conflict do nothing
  ), moved as (
    update billing_consumers set seq = greatest(seq, (select max(seq) from fresh)) where name = $1 and exists (select from fresh)
  )
  select count(*)::int as read from fresh`;

/**
 * What a consumer has not yet finished and is due at `now`, in the order in which it happened. Of one invoice nothing comes before what was
 * put off: who was not told of an invoice cannot be told that it was reversed.
 */
export const openDeliveries = (
  sql: Sql,
  consumer: string,
  { now, limit = 100 }: { readonly now: Date; readonly limit?: number },
): Promise<readonly Delivery[]> =>
  sql.query<Delivery>(
    `select e.id, e.kind, e.invoice, e.tenant, e.at, e.data, d.attempts, d.began_at as "beganAt"
     from billing_deliveries d join billing_events e on e.id = d.event
     where d.consumer = $1 and d.done_at is null and d.run_after <= $2
       and not exists (
         select from billing_events b join billing_deliveries p on p.event = b.id and p.consumer = $1
         where b.invoice = e.invoice and b.seq < e.seq and p.done_at is null and p.run_after > $2)
     order by e.seq limit $3`,
    [consumer, now, limit],
  );

/** Before anything is sent: whoever comes later knows that it may have been. */
export async function beginDelivery(sql: Sql, consumer: string, event: string, now: Date): Promise<void> {
  await sql.query(
    `update billing_deliveries set attempts = attempts + 1, began_at = coalesce(began_at, $3)
     where consumer = $1 and event = $2`,
    [consumer, event, now],
  );
}

export async function endDelivery(
  sql: Sql,
  consumer: string,
  event: string,
  { at, receipt }: { readonly at: Date; readonly receipt: unknown },
): Promise<void> {
  await sql.query(
    `update billing_deliveries set done_at = $3, receipt = $4::jsonb, failure = null where consumer = $1 and event = $2`,
    [consumer, event, at, JSON.stringify(receipt ?? null)],
  );
}

/** Puts it off: 1, 2, 4... minutes, an hour at most. It is never given up. */
export async function postponeDelivery(
  sql: Sql,
  consumer: string,
  event: string,
  { now, failure }: { readonly now: Date; readonly failure: string },
): Promise<void> {
  await sql.query(
    `update billing_deliveries set failure = $4,
       run_after = $3::timestamptz + least(power(2, attempts - 1), 60) * interval '1 minute'
     where consumer = $1 and event = $2`,
    [consumer, event, now, failure],
  );
}
