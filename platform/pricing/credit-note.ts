import type { Invoice, InvoiceLine } from "./invoice.ts";
import { moneyText } from "./money.ts";

/** What an invoice's reversal says: every line the other way round. Nothing of what it was is rated again. */
export function creditNote(invoice: Invoice, reason: string, nowMs: number): Invoice {
  const { currency } = invoice;
  const lines = invoice.lines.map((line): InvoiceLine => {
    const micros = negative(line.micros);
    return {
      ...line,
      description: `Reversed: ${line.description}`,
      quantity: line.quantity === null ? null : negativeText(line.quantity),
      pricedQuantity: line.pricedQuantity === null ? null : negativeText(line.pricedQuantity),
      micros,
      listMicros: negative(line.listMicros),
      price: { amount: moneyText(micros), currency },
    };
  });
  const total = negative(invoice.totalMicros);
  return {
    ...invoice,
    id: `credit-${invoice.id}`,
    kind: "credit-note",
    number: null,
    status: "draft",
    lines: lines.map((line, index) =>
      index === 0 ? { ...line, description: `${line.description} (${reason})` } : line,
    ),
    subtotalMicros: negative(invoice.subtotalMicros),
    creditMicros: negative(invoice.creditMicros),
    taxMicros: negative(invoice.taxMicros),
    totalMicros: total,
    total: { amount: moneyText(total), currency },
    credits: [],
    madeAt: new Date(nowMs).toISOString(),
  };
}

const negative = (micros: number): number => 0 - micros;
const negativeText = (text: string): string =>
  /^0(\.0*)?$/.test(text) ? text : text.startsWith("-") ? text.slice(1) : `-${text}`;
