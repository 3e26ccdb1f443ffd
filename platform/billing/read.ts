import type { Invoice, InvoiceLine } from "../pricing/index.ts";
import type { Sql } from "../sql/index.ts";
import {
  getInvoiceRow,
  type InvoiceFilter,
  type InvoiceRow,
  listInvoiceLines,
  listInvoiceRows,
} from "../store/index.ts";

/** What is kept of an invoice beside its lines and what changes after it was issued. */
export type InvoiceBody = Omit<Invoice, "lines" | "status" | "number"> & {
  /** The commit of tenants/fleet/ whose prices rated it. */
  readonly fleet: { readonly repository: string; readonly commit: string };
  readonly reason?: string;
};

/** An invoice or a credit note as it was issued, and what became of it. */
export type IssuedInvoice = Invoice & {
  readonly number: string;
  readonly attempt: number;
  readonly corrects: string | null;
  readonly reversedBy: string | null;
  readonly issuedAt: Date;
  readonly dueAt: Date;
  readonly paidAt: Date | null;
  readonly voidedAt: Date | null;
  readonly payment: Readonly<Record<string, unknown>> | null;
  readonly fleet: InvoiceBody["fleet"];
  readonly usageHash: string;
};

/** By number or id; undefined for what is none. */
export async function readInvoice(sql: Sql, reference: string): Promise<IssuedInvoice | undefined> {
  const row = await getInvoiceRow<InvoiceBody>(sql, reference);
  return row === undefined ? undefined : (await withLines(sql, [row]))[0];
}

/** Newest first, with their lines. */
export const listInvoices = async (
  sql: Sql,
  filter: InvoiceFilter,
  page: Parameters<typeof listInvoiceRows>[2] = {},
): Promise<readonly IssuedInvoice[]> => withLines(sql, await listInvoiceRows<InvoiceBody>(sql, filter, page));

export async function withLines(sql: Sql, rows: readonly InvoiceRow<InvoiceBody>[]): Promise<IssuedInvoice[]> {
  const lines = await listInvoiceLines<InvoiceLine>(
    sql,
    rows.map(({ id }) => id),
  );
  const byInvoice = Map.groupBy(lines, ({ invoice }) => invoice);
  return rows.map(({ body, tenant: _, month: __, priceBook: ___, ...state }) => ({
    ...body,
    ...state,
    lines: (byInvoice.get(state.id) ?? []).map(({ line }) => line),
  }));
}
