import { formatMoney } from "../pricing/index.ts";
import { invoiceHtml } from "./html.ts";
import { invoicePdf } from "./pdf.ts";
import type { IssuedInvoice } from "./read.ts";

export type Letter = {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly attachments: readonly { readonly name: string; readonly type: string; readonly content: Buffer }[];
};

/** What goes out when an invoice or a credit note was issued. */
export async function invoiceLetter(invoice: IssuedInvoice): Promise<Letter> {
  const { number, tenant, period, kind, totalMicros, currency, status, dueAt, issuer } = invoice;
  const what = kind === "invoice" ? "Invoice" : "Credit note";
  const total = formatMoney(totalMicros, currency);
  const due = status === "open" ? `It is due on ${dueAt.toISOString().slice(0, 10)}.` : "Nothing is to be paid.";
  return {
    subject: `${what} ${number} of ${issuer.name}: ${total}`,
    text: [
      `${what} ${number} for ${tenant}, ${period.month} (UTC): ${total}.`,
      kind === "invoice" ? due : "It reverses an invoice as a whole.",
      "",
      "The document is attached. Every line can be followed to the usage and the commit that caused it:",
      `  nebula explain-bill ${number} LINE`,
      "",
    ].join("\n"),
    html: invoiceHtml(invoice),
    attachments: [{ name: `${number}.pdf`, type: "application/pdf", content: await invoicePdf(invoice) }],
  };
}
