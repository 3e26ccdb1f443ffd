import { type IssuedInvoice, recordPayment } from "../../platform/billing/index.ts";
import { tell } from "../../platform/notify/index.ts";
import { shortMoney } from "../../platform/spending/index.ts";
import { notePaymentFailures, notePaymentInvoice } from "../../platform/store/index.ts";
import { type RemoteInvoice, remoteAmount } from "../../platform/stripe/index.ts";
import type { Paying } from "./context.ts";
import { paymentDiffers } from "./errors.ts";

/** How it stands there. */
export const noteRemote = (
  { sql, clock }: Paying,
  { id }: Pick<IssuedInvoice, "id">,
  remote: RemoteInvoice,
): Promise<void> =>
  notePaymentInvoice(sql, id, {
    ...{ remote: remote.id, state: remote.status, amount: remote.total, refunded: remote.credited },
    ...{ currency: remote.currency, payUrl: remote.payUrl, at: new Date(clock.now()) },
  });

/**
 * Notes how an invoice stands there, and acts on it here: paid is paid, and money that could not be taken is told. Whether anything
 * changed.
 * @throws NEB569 for one that is paid in another amount or currency
 */
export async function settle(
  paying: Paying,
  invoice: IssuedInvoice,
  remote: RemoteInvoice,
  { failed = false }: { readonly failed?: boolean } = {},
): Promise<boolean> {
  const { sql, clock } = paying;
  const at = new Date(clock.now());
  await noteRemote(paying, invoice, remote);
  if (remote.status === "paid" && invoice.status === "open") {
    const { amount, currency } = remoteAmount(invoice.totalMicros, invoice.currency);
    if (remote.total !== amount || remote.currency !== currency.toUpperCase())
      throw paymentDiffers(
        `${remote.id} is paid with ${remote.total} ${remote.currency}, ${invoice.number} is ${amount} ${currency}`,
      );
    const { totalMicros: micros, currency: ours } = invoice;
    const payment = { reference: remote.id, micros, currency: ours, via: "stripe" };
    await recordPayment(sql, { invoice: invoice.id, ...payment, nowMs: clock.now() });
    return true;
  }
  if (!failed || remote.status !== "open" || invoice.status !== "open") return false;
  return sql.tx(async (tx) => {
    if (!(await notePaymentFailures(tx, invoice.id, Math.max(1, remote.attempts), at))) return false;
    const { tenant, number, period, totalMicros, dueAt } = invoice;
    return tell(tx, {
      ...{ kind: "payment.failed", about: `${invoice.id}/${remote.attempts}`, tenant, project: null, at },
      data: {
        ...{
          number,
          month: period.month,
          total: shortMoney(totalMicros, invoice.currency),
          dueAt: dueAt.toISOString(),
        },
        ...{ payUrl: remote.payUrl, attempts: Math.max(1, remote.attempts) },
      },
    });
  });
}
