import { type IssuedInvoice, readInvoice } from "../../platform/billing/index.ts";
import { asNebulaError, failpoint } from "../../platform/core/index.ts";
import {
  beginPaymentInvoice,
  getPaymentCustomer,
  getPaymentInvoice,
  notePaymentProblem,
  type PaymentInvoice,
} from "../../platform/store/index.ts";
import { type RemoteAmount, type RemoteInvoice, remoteAmount } from "../../platform/stripe/index.ts";
import { installationOf, type Paying, tagsOf } from "./context.ts";
import { ensureCustomer } from "./customer.ts";
import { paidTwice, paymentDiffers } from "./errors.ts";
import { toRemoteLines } from "./lines.ts";
import { noteRemote, settle } from "./settle.ts";

/** What came of it: what is kept beside the delivery. */
export type Brought = { readonly remote: string | null; readonly state: string };

/**
 * Brings what is there in line with an invoice of ours as it stands now: open ones are there to be paid, void ones are not, reversed ones
 * are paid back. Whatever is missing is done, and only that: repeated, late or out of order it comes to the same.
 * @throws NEB562-564 of the service, NEB567, NEB569, NEB570; what a person must look at is kept as the invoice's problem.
 */
export async function bring(paying: Paying, id: string): Promise<Brought> {
  const invoice = await readInvoice(paying.sql, id);
  if (invoice === undefined || invoice.kind !== "invoice" || invoice.totalMicros <= 0)
    return { remote: null, state: "nothing" };
  return noting(paying, invoice, async () => {
    const remote = await inLine(paying, invoice);
    if (remote === undefined) return { remote: null, state: "nothing" };
    await settle(paying, invoice, remote);
    failpoint("payments.recorded");
    return { remote: remote.id, state: remote.status };
  });
}

/** What a person must look at, and no waiting changes, is kept as the invoice's problem. */
export async function noting<T>(
  { sql, clock, observe }: Paying,
  invoice: IssuedInvoice,
  body: () => Promise<T>,
): Promise<T> {
  try {
    return await body();
  } catch (thrown) {
    const fault = asNebulaError(thrown);
    if (!fault.retry && fault.code !== "NEB900") {
      const { code, message } = fault;
      const { id, tenant } = invoice;
      await notePaymentProblem(sql, { invoice: id, tenant }, { code, message, at: new Date(clock.now()) });
      observe({ kind: "payment.problem", tenant: invoice.tenant, invoice: invoice.number, code, message });
    }
    throw fault;
  }
}

async function inLine(paying: Paying, invoice: IssuedInvoice): Promise<RemoteInvoice | undefined> {
  const { sql } = paying;
  const known = await getPaymentInvoice(sql, invoice.id);
  const amount = remoteAmount(invoice.totalMicros, invoice.currency);
  if (invoice.status === "open") return collect(paying, { invoice, amount, known });
  // It was over before anything was sent.
  if (known === undefined) return undefined;
  const remote = await findRemote(paying, invoice, known);
  if (remote === undefined) return undefined;
  if (invoice.status === "void") return withdraw(paying, { invoice, remote, amount });
  return invoice.reversedBy === null ? paidHere(paying, invoice, remote) : payBack(paying, { invoice, remote, amount });
}

type Collected = {
  readonly invoice: IssuedInvoice;
  readonly amount: RemoteAmount;
  readonly known: PaymentInvoice | undefined;
};

/** It is there, with our lines, and finalized. Nothing is collected before its total is ours. */
async function collect(paying: Paying, { invoice, amount, known }: Collected): Promise<RemoteInvoice> {
  const { stripe } = paying;
  const remote = (await findRemote(paying, invoice, known)) ?? (await createRemote(paying, invoice, amount));
  await noteRemote(paying, invoice, remote);
  failpoint("payments.created");
  if (remote.status === "void")
    throw paymentDiffers(`${remote.id} was voided there, and ${invoice.number} is open here`);
  if (remote.status !== "draft") return mustMatch(remote, invoice, amount);
  const there = new Set(await stripe.invoices.positions(remote.id));
  const missing = toRemoteLines(invoice.lines, invoice.currency).filter(({ position }) => !there.has(position));
  const filled = missing.length === 0 ? remote : await stripe.invoices.addLines(remote.id, missing);
  failpoint("payments.filled");
  mustMatch(filled, invoice, amount);
  const finalized = mustMatch(await stripe.invoices.finalize(remote.id), invoice, amount);
  failpoint("payments.finalized");
  return finalized;
}

/** To the unit. @throws NEB569 */
function mustMatch(
  remote: RemoteInvoice,
  { number }: IssuedInvoice,
  { amount, currency }: RemoteAmount,
): RemoteInvoice {
  if (remote.total === amount && remote.currency === currency.toUpperCase()) return remote;
  throw paymentDiffers(
    `${number} is ${amount} ${currency.toUpperCase()} in smallest units, ${remote.id} is ${remote.total} ${remote.currency}`,
  );
}

async function createRemote(
  paying: Paying,
  invoice: IssuedInvoice,
  { currency }: RemoteAmount,
): Promise<RemoteInvoice> {
  const { sql, stripe } = paying;
  const { tenant, number, period, dueAt, id } = invoice;
  const customer = await ensureCustomer(paying, {
    ...{ tenant, name: invoice.billTo?.name ?? tenant, email: invoice.billTo?.email ?? null },
  });
  failpoint("payments.begun");
  return stripe.invoices.create({
    ...{ customer: customer.id, currency, dueAt },
    collection: customer.hasPaymentMethod ? "charge_automatically" : "send_invoice",
    description: `Invoice ${number} for ${period.month}`,
    tags: tagsOf(await installationOf(sql), { nebula_invoice: id, nebula_number: number }),
  });
}

/**
 * The invoice there, by its id, or by our name on it where nobody lived to note the id. Of two by our name (only who was stopped for an
 * hour in the middle of asking can make a second) the older counts, and the other, which nobody has finalized, goes.
 */
async function findRemote(
  paying: Paying,
  { id, tenant }: IssuedInvoice,
  known: PaymentInvoice | undefined,
): Promise<RemoteInvoice | undefined> {
  const { sql, stripe, clock } = paying;
  const at = new Date(clock.now());
  if (known === undefined && (await beginPaymentInvoice(sql, { invoice: id, tenant, at }))) return undefined;
  if (known?.remote != null) return stripe.invoices.read(known.remote);
  const installation = await installationOf(sql);
  const customer = (await getPaymentCustomer(sql, tenant))?.customer ?? null;
  if (customer === null) return undefined;
  const mine = (await stripe.invoices.list({ customer }))
    .filter(({ tags }) => tags.nebula_installation === installation && tags.nebula_invoice === id)
    .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1));
  const kept = mine.find(({ status }) => status !== "draft") ?? mine[0];
  for (const other of mine) if (other !== kept && other.status === "draft") await stripe.invoices.deleteDraft(other.id);
  return kept;
}

/** Void here: not to be paid there any more; what was paid meanwhile goes back. */
async function withdraw(paying: Paying, of: Reversed): Promise<RemoteInvoice | undefined> {
  const { stripe } = paying;
  const { remote } = of;
  switch (remote.status) {
    case "draft":
      await stripe.invoices.deleteDraft(remote.id);
      return { ...remote, status: "void" };
    case "open":
    case "uncollectible":
      return stripe.invoices.void(remote.id);
    case "paid":
      return payBack(paying, of);
    case "void":
      return remote;
  }
}

type Reversed = { readonly invoice: IssuedInvoice; readonly remote: RemoteInvoice; readonly amount: RemoteAmount };

/** Reversed after it was paid: by a credit note there, with the money that was paid there. */
async function payBack(paying: Paying, { invoice, remote, amount }: Reversed): Promise<RemoteInvoice> {
  const { sql, stripe } = paying;
  if (remote.status !== "paid") return withdraw(paying, { invoice, remote, amount }) as Promise<RemoteInvoice>;
  const left = remote.total - remote.credited;
  if (left <= 0) return remote;
  await stripe.invoices.reverse(remote.id, {
    ...{ amount: left, refund: Math.max(0, Math.min(left, remote.paid - remote.paidElsewhere)) },
    memo: `Credit note of ${invoice.number}`,
    tags: tagsOf(await installationOf(sql), { nebula_invoice: invoice.id }),
  });
  return (await stripe.invoices.read(remote.id)) ?? remote;
}

/** Paid here. Where that was by hand, there it is noted as paid elsewhere. @throws NEB570 when it was paid there as well */
async function paidHere(
  { stripe }: Paying,
  invoice: IssuedInvoice,
  remote: RemoteInvoice,
): Promise<RemoteInvoice | undefined> {
  if (invoice.payment?.via === "stripe") return remote;
  switch (remote.status) {
    case "draft":
      await stripe.invoices.deleteDraft(remote.id);
      return { ...remote, status: "void" };
    case "open":
    case "uncollectible":
      return stripe.invoices.payOutOfBand(remote.id);
    case "paid":
      if (remote.paid > remote.paidElsewhere) throw paidTwice(`${invoice.number} and ${remote.id} are both paid`);
      return remote;
    case "void":
      return remote;
  }
}
