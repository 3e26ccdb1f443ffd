import {
  type InvoiceToCheck,
  invoicesToCheck,
  type PaymentCheck,
  type PaymentDifference,
  putPaymentCheck,
} from "../../platform/store/index.ts";
import { type RemoteInvoice, remoteAmount } from "../../platform/stripe/index.ts";
import { installationOf, type Paying } from "./context.ts";

const dayMs = 86_400_000;
/** Longer than anything is collected there. */
const backDays = 100;

/** Holds our invoices of the last hundred days against the service's, to the unit, and keeps what differs. */
export async function checkPayments({ sql, stripe, clock, observe }: Paying): Promise<PaymentCheck> {
  const nowMs = clock.now();
  const since = new Date(nowMs - backDays * dayMs);
  const installation = await installationOf(sql);
  const [ours, theirs] = await Promise.all([
    invoicesToCheck(sql, since),
    // A day more: it was sent after it was issued, by their clock.
    stripe.invoices.list({ since: new Date(since.getTime() - dayMs) }),
  ]);
  const own = theirs.filter(({ tags }) => tags.nebula_installation === installation);
  const check = { at: new Date(nowMs), checked: ours.length, differences: compare(ours, own) };
  await putPaymentCheck(sql, check);
  observe({ kind: "payment.checked", checked: check.checked, differences: check.differences.length });
  return check;
}

/** What is not the same in both. Pure. */
export function compare(ours: readonly InvoiceToCheck[], theirs: readonly RemoteInvoice[]): PaymentDifference[] {
  const there = new Map(theirs.map((remote) => [remote.id, remote]));
  const known = new Set(ours.flatMap(({ remote }) => remote ?? []));
  return [
    ...ours.flatMap((invoice) =>
      differencesOf(invoice, invoice.remote === null ? undefined : there.get(invoice.remote)),
    ),
    ...theirs.flatMap(({ id, tags, status, total, currency }) =>
      known.has(id) || status === "draft" || status === "void"
        ? []
        : [
            {
              invoice: tags.nebula_invoice ?? id,
              number: tags.nebula_number ?? null,
              what: "only there",
              ours: null,
              theirs: `${id}: ${total} ${currency}`,
            },
          ],
    ),
  ];
}

function differencesOf(invoice: InvoiceToCheck, remote: RemoteInvoice | undefined): PaymentDifference[] {
  const { id, number, status, reversed, via } = invoice;
  const differs = (what: string, ours: string, theirs: string | null): PaymentDifference => ({
    invoice: id,
    number,
    what,
    ours,
    theirs,
  });
  if (remote === undefined) return status === "open" ? [differs("only here", status, null)] : [];
  const { amount, currency } = remoteAmount(invoice.totalMicros, invoice.currency);
  const mine = `${amount} ${currency.toUpperCase()}`;
  const other = `${remote.total} ${remote.currency}`;
  // A draft that was taken back had no lines perhaps.
  const isGone = status === "void" && (remote.status === "void" || remote.status === "draft");
  const credited = reversed && status === "paid" ? remote.total : 0;
  return [
    ...(mine === other || isGone ? [] : [differs("amount", mine, other)]),
    ...(inLine(status, remote.status) ? [] : [differs("state", status, remote.status)]),
    ...(remote.status !== "paid" || remote.credited === credited || status === "void"
      ? []
      : [differs("credited", String(credited), String(remote.credited))]),
    ...(status === "paid" && via === "stripe" && remote.status === "paid" && remote.paid > remote.total
      ? [differs("paid", String(remote.total), String(remote.paid))]
      : []),
  ];
}

/** An invoice that is void here and paid there is in line when the money went back, which `credited` says. */
const inLine = (ours: InvoiceToCheck["status"], theirs: RemoteInvoice["status"]): boolean =>
  ours === theirs ||
  (ours === "open" && theirs === "uncollectible") ||
  (ours === "void" && (theirs === "draft" || theirs === "paid"));
