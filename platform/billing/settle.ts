import { creditNote } from "../pricing/index.ts";
import type { Sql } from "../sql/index.ts";
import { getInvoiceRow, type InvoiceRow, lockMonth, markPaid, markReversed } from "../store/index.ts";
import { noInvoice, notReversible, paymentRefused } from "./errors.ts";
import { issue, tell } from "./issue.ts";
import { type InvoiceBody, type IssuedInvoice, readInvoice, withLines } from "./read.ts";

export type Payment = {
  /** Of the payment, with whoever took it: the same payment told twice is one. */
  readonly reference: string;
  readonly micros: number;
  readonly currency: string;
  /** What took it: `stripe`, `by hand`. Who said so stands in the audit. */
  readonly via: string;
};

/**
 * An open invoice is paid, whole. The same payment told again changes nothing.
 * @throws NEB542 for none, NEB544 for another amount or currency, another payment of a paid one, or one of a void one.
 */
export async function recordPayment(
  sql: Sql,
  { invoice: reference, nowMs, ...payment }: Payment & { readonly invoice: string; readonly nowMs: number },
): Promise<IssuedInvoice> {
  return sql.tx(async (tx) => {
    const row = await lockedRow(tx, reference);
    const { number, status } = row;
    if (status === "paid" && row.payment?.reference === payment.reference) return whole(tx, row);
    if (row.kind === "credit-note" || status !== "open")
      throw paymentRefused(`${number} is ${status === "paid" ? "paid already" : status}`);
    if (payment.micros !== row.totalMicros || payment.currency !== row.currency)
      throw paymentRefused(
        `${number} is ${row.totalMicros} micro-units of ${row.currency}, the payment ${payment.micros} of ${payment.currency}`,
      );
    const paid = await markPaid(tx, row.id, { at: new Date(nowMs), payment });
    const issued = await whole(tx, (paid ?? row) as InvoiceRow<InvoiceBody>);
    await tell(tx, "invoice.paid", issued, { nowMs, more: { payment } });
    return issued;
  });
}

/**
 * Reverses an invoice by a credit note of the whole, and opens its month again. An open one is void from then on; one that was paid
 * stays paid, and what is due back stands in the event. Reversing twice is refused, by the second's code.
 * @throws NEB542 for none, NEB543 for a credit note and for what was reversed.
 */
export async function voidInvoice(
  sql: Sql,
  of: { readonly invoice: string; readonly reason: string; readonly nowMs: number },
): Promise<{ readonly invoice: IssuedInvoice; readonly creditNote: IssuedInvoice }> {
  const found = await getInvoiceRow<InvoiceBody>(sql, of.invoice);
  if (found === undefined) throw noInvoice(`there is no invoice ${of.invoice}`);
  return sql.tx(async (tx) => {
    await lockMonth(tx, found.tenant, found.month);
    const row = await lockedRow(tx, found.id);
    if (row.kind === "credit-note") throw notReversible(`${row.number} is a credit note`);
    if (row.reversedBy !== null) throw notReversible(`${row.number} was reversed`);
    const before = await whole(tx, row);
    const made = creditNote(before, of.reason, of.nowMs);
    const note = await issue(tx, {
      invoice: { ...made, credits: before.credits.map(({ credit, micros }) => ({ credit, micros: -micros })) },
      ...{ id: `${row.id}/credit`, attempt: row.attempt, usageHash: row.usageHash, fleet: before.fleet },
      ...{ corrects: row.id, reason: of.reason, nowMs: of.nowMs },
    });
    const reversed = await markReversed(tx, row.id, { by: note.id, at: new Date(of.nowMs) });
    const invoice = await whole(tx, reversed as InvoiceRow<InvoiceBody>);
    const refundMicros = before.status === "paid" ? before.totalMicros : 0;
    const more = { creditNote: note.number, creditNoteId: note.id, refundMicros, reason: of.reason };
    await tell(tx, "invoice.voided", invoice, { nowMs: of.nowMs, more });
    return { invoice, creditNote: note };
  });
}

/** Its state does not change until the transaction ends. */
async function lockedRow(tx: Sql, reference: string): Promise<InvoiceRow<InvoiceBody>> {
  await tx.query("select from invoices where id = $1 or number = $1 for update", [reference]);
  const row = await getInvoiceRow<InvoiceBody>(tx, reference);
  if (row === undefined) throw noInvoice(`there is no invoice ${reference}`);
  return row;
}

const whole = async (sql: Sql, row: InvoiceRow<InvoiceBody>): Promise<IssuedInvoice> =>
  (await withLines(sql, [row]))[0] as IssuedInvoice;

/** @throws NEB542 */
export async function requireInvoice(sql: Sql, reference: string): Promise<IssuedInvoice> {
  const invoice = await readInvoice(sql, reference);
  if (invoice === undefined) throw noInvoice(`there is no invoice ${reference}`);
  return invoice;
}
