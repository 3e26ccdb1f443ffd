import { type Consumer, invoiceLetter, readInvoice } from "../../platform/billing/index.ts";
import type { Mailer } from "../../platform/mail/index.ts";
import type { Sql } from "../../platform/sql/index.ts";

/**
 * Sends invoices and credit notes to where the tenant's prices say; to nobody where they say nothing. A mailbox may get one twice after
 * a crash, under the same Message-ID, never not at all.
 */
export const mailConsumer = (sql: Sql, mailer: Mailer): Consumer => ({
  name: "mail",
  kinds: ["invoice.finalized", "invoice.voided"],
  async send(event) {
    // What is sent of a reversal is the credit note.
    const reference = event.kind === "invoice.voided" ? String(event.data.creditNoteId) : event.invoice;
    const invoice = await readInvoice(sql, reference);
    const to = invoice?.billTo?.email;
    if (invoice === undefined || to === undefined) return { sent: false };
    const letter = await invoiceLetter(invoice);
    await mailer.send({ id: event.id, to, ...letter });
    return { sent: true, via: mailer.via };
  },
});
