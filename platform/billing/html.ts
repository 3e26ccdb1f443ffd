import { formatMoney, type Invoice, moneyText } from "../pricing/index.ts";
import type { IssuedInvoice } from "./read.ts";

/** An issued one, or a draft as it stands. */
export type Printable = Invoice & Partial<Pick<IssuedInvoice, "issuedAt" | "dueAt" | "paidAt" | "corrects">>;
type Party = { readonly name: string; readonly address?: readonly string[]; readonly taxId?: string };

/** An invoice as one page of HTML without scripts or anything from outside: it is printed, mailed and kept as it is. */
export function invoiceHtml(invoice: Printable): string {
  const { lines, currency } = invoice;
  const rows = lines.map(
    ({ position, description, pricedQuantity, pricedUnit, unitPrice, micros }) =>
      `<tr><td>${position}</td><td>${escaped(description)}</td><td class="n">${pricedQuantity === null ? "" : escaped(`${pricedQuantity} ${pricedUnit}`)}</td>` +
      `<td class="n">${pricedQuantity === null ? "" : escaped(unitPrice.amount)}</td><td class="n">${escaped(exact(micros))}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(titleOf(invoice))}</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; color: #111 }
table { border-collapse: collapse; width: 100% } td, th { padding: .3rem .5rem; border-bottom: 1px solid #ddd; text-align: left }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums } tfoot td { font-weight: 600 } address { font-style: normal }
</style>
</head>
<body>
<h1>${escaped(titleOf(invoice))}</h1>
<address>${partyLines(invoice.issuer).map(escaped).join("<br>")}</address>
<h2>To</h2>
<address>${partyLines(invoice.billTo ?? { name: invoice.tenant })
    .map(escaped)
    .join("<br>")}</address>
<p>${factsOf(invoice).map(escaped).join("<br>")}</p>
<table>
<thead><tr><th>#</th><th>What</th><th class="n">Quantity</th><th class="n">Price</th><th class="n">${escaped(currency)}</th></tr></thead>
<tbody>
${rows.join("\n")}
</tbody>
<tfoot><tr><td colspan="4">Total</td><td class="n">${escaped(formatMoney(invoice.totalMicros, currency))}</td></tr></tfoot>
</table>
<p>${escaped(footnote(invoice))}</p>
</body>
</html>
`;
}

export function titleOf({ kind, number, period }: Printable): string {
  if (number === null) return `Draft of ${period.month}`;
  return `${kind === "invoice" ? "Invoice" : "Credit note"} ${number}`;
}

export const partyLines = ({ name, address = [], taxId }: Party): string[] => [
  name,
  ...address,
  ...(taxId === undefined ? [] : [`Tax number ${taxId}`]),
];

export function factsOf({ tenant, period, issuedAt, dueAt, paidAt, corrects, status, priceBook }: Printable): string[] {
  const day = (at: Date) => at.toISOString().slice(0, 10);
  return [
    `Tenant ${tenant}, ${period.month} (UTC), prices ${priceBook}`,
    ...(issuedAt === undefined ? [] : [`Issued ${day(issuedAt)}`]),
    ...(dueAt === undefined || status !== "open" ? [] : [`Due ${day(dueAt)}`]),
    ...(paidAt === undefined || paidAt === null ? [] : [`Paid ${day(paidAt)}`]),
    ...(corrects === undefined || corrects === null ? [] : [`Reverses the invoice of ${corrects}`]),
    ...(status === "void" ? ["Void: reversed by a credit note"] : []),
  ];
}

export const footnote = ({ number }: Printable): string =>
  number === null
    ? "A draft: it grows while its month is open."
    : `nebula explain-bill ${number} LINE shows where a line comes from: usage, operation, commit, pull request.`;

/** Micro-units to their last place, without a currency. */
export const exact = moneyText;

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
