import { asNebulaError, failpoint } from "../core/index.ts";
import type { Sql } from "../sql/index.ts";
import {
  type BillingEventKind,
  beginDelivery,
  type Delivery,
  endDelivery,
  enrolDeliveries,
  openDeliveries,
  postponeDelivery,
} from "../store/index.ts";

/** Somebody who is told of invoices: payments, mail, notifications. */
export type Consumer = {
  /** Its deliveries are kept under this name: never reuse one. */
  readonly name: string;
  /** Absent: every kind. */
  readonly kinds?: readonly BillingEventKind[];
  /** Does what the event asks. The event's id is what the receiver is asked to do it once by. Returns what is worth keeping. */
  readonly send: (event: Delivery) => Promise<unknown>;
  /**
   * Whether the receiver did it already: asked before every attempt but the first, because a receiver may forget what it was asked
   * before (payment services after a day), and we may have died between sending and noting. Absent: doing it twice does no harm.
   */
  readonly find?: (event: Delivery) => Promise<{ readonly receipt: unknown } | undefined>;
};

export type Pumped = { readonly delivered: number; readonly postponed: number };

/**
 * Tells a consumer what it was not told yet, in order, one after the other; of an invoice nothing before what was put off. That a delivery begins is written before anything is
 * sent, and that it is done after the receiver answered: whoever dies in between leaves a delivery whose next attempt asks first.
 * So an event has its effect once, however late it is tried again. One pump a consumer runs at a time (a lease of whoever calls); where
 * the old holder of a lease wakes up beside the new one, both send under the same id, moments apart, and the receiver knows it still.
 */
export async function pumpEvents(sql: Sql, consumer: Consumer, nowMs: () => number): Promise<Pumped> {
  let [delivered, postponed] = [0, 0];
  await enrolDeliveries(sql, consumer.name, {
    now: new Date(nowMs()),
    ...(consumer.kinds && { kinds: consumer.kinds }),
  });
  for (;;) {
    const now = new Date(nowMs());
    const due = await openDeliveries(sql, consumer.name, { now });
    const held = new Set<string>();
    for (const event of due) {
      if (held.has(event.invoice)) continue;
      if (await deliver(sql, consumer, event, nowMs)) delivered++;
      else {
        postponed++;
        held.add(event.invoice);
      }
    }
    if (due.length < 100) return { delivered, postponed };
  }
}

async function deliver(sql: Sql, consumer: Consumer, event: Delivery, nowMs: () => number): Promise<boolean> {
  const { name, send, find } = consumer;
  await beginDelivery(sql, name, event.id, new Date(nowMs()));
  failpoint("billing.begun");
  try {
    const before = event.beganAt === null ? undefined : await find?.(event);
    const receipt = before === undefined ? await send(event) : before.receipt;
    failpoint("billing.sent");
    await endDelivery(sql, name, event.id, { at: new Date(nowMs()), receipt });
    failpoint("billing.recorded");
    return true;
  } catch (thrown) {
    const { code, message } = asNebulaError(thrown);
    await postponeDelivery(sql, name, event.id, { now: new Date(nowMs()), failure: `${code} ${message}` });
    return false;
  }
}
