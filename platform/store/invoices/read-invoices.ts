import type { Sql } from "../../sql/index.ts";
import { type InvoiceRow, invoiceColumns, type LineRow } from "./invoice.ts";

/** By id or number. */
export const getInvoiceRow = <Body = unknown>(sql: Sql, reference: string): Promise<InvoiceRow<Body> | undefined> =>
  sql.maybe<InvoiceRow<Body>>(`select ${invoiceColumns} from invoices where id = $1 or number = $1`, [reference]);

export const listInvoiceLines = <Line = unknown>(
  sql: Sql,
  invoices: readonly string[],
): Promise<readonly LineRow<Line>[]> =>
  sql.query<LineRow<Line>>(
    `select invoice, position, kind, project, database, meter, micros, line from invoice_lines
     where invoice = any($1) order by invoice, position`,
    [invoices],
  );

export type InvoiceFilter = {
  /** Absent: every tenant. */
  readonly tenants?: readonly string[];
  readonly month?: string;
  readonly status?: InvoiceRow["status"];
  readonly kind?: InvoiceRow["kind"];
  readonly number?: string;
};

/** Newest first. */
export const listInvoiceRows = <Body = unknown>(
  sql: Sql,
  { tenants, month, status, kind, number }: InvoiceFilter,
  {
    after,
    limit = 1000,
  }: { readonly after?: { readonly issuedAt: Date; readonly id: string }; readonly limit?: number } = {},
): Promise<readonly InvoiceRow<Body>[]> =>
  sql.query<InvoiceRow<Body>>(
    `select ${invoiceColumns} from invoices
     where ($1::text[] is null or tenant = any($1)) and ($2::text is null or month = $2)
       and ($3::text is null or status = $3) and ($4::text is null or kind = $4)
       and ($5::timestamptz is null or (issued_at, id) < ($5, $6::text)) and ($8::text is null or number = $8)
     order by issued_at desc, id desc limit $7`,
    [
      ...[tenants ?? null, month ?? null, status ?? null, kind ?? null],
      ...[after?.issuedAt ?? null, after?.id ?? null, limit, number ?? null],
    ],
  );

/** The invoice of a month that no credit note reversed. */
export const invoiceInForce = <Body = unknown>(
  sql: Sql,
  tenant: string,
  month: string,
): Promise<InvoiceRow<Body> | undefined> =>
  sql.maybe<InvoiceRow<Body>>(
    `select ${invoiceColumns} from invoices
     where tenant = $1 and month = $2 and kind = 'invoice' and reversed_by is null`,
    [tenant, month],
  );

/** How often a month was billed and reversed. */
export const countAttempts = async (sql: Sql, tenant: string, month: string): Promise<number> =>
  (
    await sql.one<{ n: number }>(
      "select count(*)::int as n from invoices where tenant = $1 and month = $2 and kind = 'invoice'",
      [tenant, month],
    )
  ).n;

/** In which something was ever billed or granted. */
export const billedCurrencies = async (sql: Sql): Promise<readonly string[]> => {
  const text = "select currency from invoices union select currency from credits order by 1";
  return (await sql.query<{ currency: string }>(text)).map(({ currency }) => currency);
};
