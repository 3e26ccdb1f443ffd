import type { Sql } from "../../sql/index.ts";
import { type InvoiceRow, invoiceColumns, type LineRow } from "./invoice.ts";

/** Whoever closes or reverses a month of a tenant does so alone, until the transaction ends. */
export async function lockMonth(tx: Sql, tenant: string, month: string): Promise<void> {
  await tx.query("select pg_advisory_xact_lock(hashtextextended($1, 28))", [`${tenant}/${month}`]);
}

export type Issued = Omit<InvoiceRow, "number" | "status" | "reversedBy" | "paidAt" | "voidedAt" | "payment"> & {
  readonly status: "open" | "paid";
};

/**
 * Issues an invoice: its number is the next of its series. Others that issue wait for the end of the transaction, and a transaction
 * that ends without a commit gives its number back: so there is no gap.
 */
export async function issueInvoice(
  tx: Sql,
  invoice: Issued,
  lines: readonly Omit<LineRow, "invoice">[],
): Promise<InvoiceRow> {
  const series = invoice.kind === "invoice" ? "INV" : "CN";
  const { next } = await tx.one<{ next: number }>(
    "update invoice_series set next = next + 1 where name = $1 returning next - 1 as next",
    [series],
  );
  const number = `${series}-${String(next).padStart(6, "0")}`;
  const row = await tx.one<InvoiceRow>(
    `insert into invoices (id, kind, tenant, month, attempt, status, number, currency, price_book, total_micros, body, usage_hash,
       corrects, issued_at, due_at, paid_at)
     values ($1, $2, $3, $4, $5, $6::text, $7, $8, $9, $10, $11::jsonb, $12, $13, $14::timestamptz, $15,
       case when $6 = 'paid' then $14 end)
     returning ${invoiceColumns}`,
    [
      ...[invoice.id, invoice.kind, invoice.tenant, invoice.month, invoice.attempt, invoice.status, number],
      ...[invoice.currency, invoice.priceBook, invoice.totalMicros, JSON.stringify(invoice.body), invoice.usageHash],
      ...[invoice.corrects, invoice.issuedAt, invoice.dueAt],
    ],
  );
  await tx.query(
    `insert into invoice_lines (invoice, position, kind, project, database, meter, micros, line)
     select $1, l.position, l.kind, l.project, l.database, l.meter, l.micros, l.line
     from jsonb_to_recordset($2::jsonb)
       as l (position int, kind text, project text, database text, meter text, micros bigint, line jsonb)`,
    [invoice.id, JSON.stringify(lines)],
  );
  return row;
}

/** Undefined when it is not open: paid already, or reversed. */
export const markPaid = (
  tx: Sql,
  id: string,
  { at, payment }: { readonly at: Date; readonly payment: Readonly<Record<string, unknown>> },
): Promise<InvoiceRow | undefined> =>
  tx.maybe<InvoiceRow>(
    `update invoices set status = 'paid', paid_at = $2, payment = $3::jsonb where id = $1 and status = 'open'
     returning ${invoiceColumns}`,
    [id, at, JSON.stringify(payment)],
  );

/** An open one is void from then on, a paid one stays paid. Undefined when it was reversed already. */
export const markReversed = (
  tx: Sql,
  id: string,
  { by, at }: { readonly by: string; readonly at: Date },
): Promise<InvoiceRow | undefined> =>
  tx.maybe<InvoiceRow>(
    `update invoices set reversed_by = $2, status = case when status = 'open' then 'void' else status end,
       voided_at = case when status = 'open' then $3::timestamptz end
     where id = $1 and kind = 'invoice' and reversed_by is null returning ${invoiceColumns}`,
    [id, by, at],
  );
