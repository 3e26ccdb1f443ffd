import { readInvoice } from "../../platform/billing/index.ts";
import { asNebulaError, reportFault } from "../../platform/core/index.ts";
import {
  duePaymentEvents,
  endPaymentEvent,
  getPaymentCustomer,
  getPaymentInvoice,
  type PaymentEvent,
  type PaymentOutcome,
  paymentInvoiceOf,
  postponePaymentEvent,
  setCustomer,
  tenantOfCustomer,
} from "../../platform/store/index.ts";
import { handledEvents, type RemoteInvoice } from "../../platform/stripe/index.ts";
import { bring, noting } from "./bring.ts";
import { installationOf, type Paying } from "./context.ts";
import { settle } from "./settle.ts";

const portion = 100;
const mostAttempts = 20;

/** Acts on what the service told, oldest first. What fails is tried again, later and later, and stops nothing else. How many. */
export async function readInbox(paying: Paying): Promise<number> {
  const { sql, clock, observe } = paying;
  const due = await duePaymentEvents(sql, new Date(clock.now()), portion);
  for (const event of due) {
    try {
      const outcome = await act(paying, event);
      await endPaymentEvent(sql, event.id, outcome, new Date(clock.now()));
      observe({ kind: "payment.event", type: nameOf(event.type), outcome });
    } catch (thrown) {
      const fault = asNebulaError(thrown);
      // What will not be otherwise by waiting is a problem of the invoice by now.
      if (!fault.retry || event.attempts + 1 >= mostAttempts) {
        await endPaymentEvent(sql, event.id, "dead", new Date(clock.now()));
        reportFault(observe, "payments.event", thrown, event.id);
      } else {
        const waitMs = Math.min(2 ** event.attempts, 60) * 60_000;
        await postponePaymentEvent(sql, event.id, new Date(clock.now() + waitMs));
      }
    }
  }
  return due.length;
}

/** Labels of metrics are few. */
const nameOf = (type: string): string => (handledEvents.includes(type) ? type : "other");

async function act(paying: Paying, { type, object }: PaymentEvent): Promise<PaymentOutcome> {
  if (!handledEvents.includes(type)) return "ignored";
  if (type === "customer.deleted") return forgetCustomer(paying, object);
  return look(paying, object, { failed: type === "invoice.payment_failed" });
}

/**
 * Asks how one of the service's invoices stands, and brings ours in line. Only one that is ours by its own tags, by our notes and by whose
 * customer it is: nobody else's, and no other that says it is ours.
 */
export async function look(
  paying: Paying,
  remoteId: string,
  { failed = false }: { readonly failed?: boolean } = {},
): Promise<PaymentOutcome> {
  const { sql, stripe } = paying;
  const remote = await stripe.invoices.read(remoteId);
  const id = remote === undefined ? (await paymentInvoiceOf(sql, remoteId))?.invoice : await ownedBy(paying, remote);
  const invoice = id === undefined ? undefined : await readInvoice(sql, id);
  if (invoice === undefined) return "unknown";
  if (remote === undefined) {
    // A draft that somebody deleted there: made anew, when ours is open still.
    await bring(paying, invoice.id);
    return "applied";
  }
  const changed = await noting(paying, invoice, () => settle(paying, invoice, remote, { failed }));
  // What stands otherwise there than here (voided, paid after it was void) is brought in line, or becomes a problem.
  const isInLine = remote.status === invoice.status || (changed && remote.status === "paid");
  if (!isInLine) await bring(paying, invoice.id);
  return changed || !isInLine ? "applied" : "unchanged";
}

async function ownedBy({ sql }: Paying, { id, tags, customer }: RemoteInvoice): Promise<string | undefined> {
  const named = tags.nebula_invoice;
  if (named === undefined || tags.nebula_installation !== (await installationOf(sql))) return undefined;
  const known = await getPaymentInvoice(sql, named);
  if (known === undefined || (known.remote !== null && known.remote !== id)) return undefined;
  return (await getPaymentCustomer(sql, known.tenant))?.customer === customer ? named : undefined;
}

async function forgetCustomer({ sql }: Paying, customer: string): Promise<PaymentOutcome> {
  const tenant = await tenantOfCustomer(sql, customer);
  if (tenant === undefined) return "unknown";
  await setCustomer(sql, tenant, null);
  return "applied";
}
