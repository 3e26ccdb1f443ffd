import type { Invoice } from "../pricing/index.ts";
import type { Sql } from "../sql/index.ts";
import { appendBillingEvent, type InvoiceRow, issueInvoice, useCredits } from "../store/index.ts";
import { type InvoiceBody, type IssuedInvoice, withLines } from "./read.ts";

const dayMs = 86_400_000;

export type ToIssue = {
  readonly invoice: Invoice;
  readonly id: string;
  readonly attempt: number;
  readonly usageHash: string;
  readonly fleet: InvoiceBody["fleet"];
  readonly corrects: string | null;
  readonly reason?: string;
  readonly nowMs: number;
};

/** Writes what was made, with a number, its credits and what is told of it; in the transaction of whoever calls. */
export async function issue(tx: Sql, made: ToIssue): Promise<IssuedInvoice> {
  const { invoice, nowMs, fleet, reason } = made;
  const { lines, status: _, number: __, ...rest } = invoice;
  const body: InvoiceBody = { ...rest, id: made.id, fleet, ...(reason === undefined ? {} : { reason }) };
  const [issuedAt, dueAt] = [new Date(nowMs), new Date(nowMs + invoice.dueDays * dayMs)];
  const row = await issueInvoice(
    tx,
    {
      ...{
        id: made.id,
        kind: invoice.kind,
        tenant: invoice.tenant,
        month: invoice.period.month,
        attempt: made.attempt,
      },
      // Nobody has to pay nothing, and a credit note is no claim.
      status: invoice.totalMicros > 0 ? "open" : "paid",
      ...{ currency: invoice.currency, priceBook: invoice.priceBook, totalMicros: invoice.totalMicros, body },
      ...{ usageHash: made.usageHash, corrects: made.corrects, issuedAt, dueAt },
    },
    lines.map((line) => {
      const { position, kind, project, database, meter, micros } = line;
      return { position, kind, project, database, meter, micros, line };
    }),
  );
  await useCredits(tx, made.id, invoice.credits);
  const [issued] = await withLines(tx, [row as InvoiceRow<InvoiceBody>]);
  return issued as IssuedInvoice;
}

/** What consumers need to act without asking again; they may ask for the whole by its id. */
export async function tell(
  tx: Sql,
  kind: "invoice.finalized" | "invoice.paid" | "invoice.voided",
  invoice: IssuedInvoice,
  { nowMs, more = {} }: { readonly nowMs: number; readonly more?: Readonly<Record<string, unknown>> },
): Promise<void> {
  const { id, number, tenant, currency, totalMicros, period, status } = invoice;
  const data = {
    number,
    month: period.month,
    currency,
    totalMicros,
    status,
    dueAt: invoice.dueAt.toISOString(),
    ...more,
  };
  await appendBillingEvent(tx, { kind, invoice: id, tenant, at: new Date(nowMs), data });
}
