import type { Sql } from "../../sql/index.ts";

/** One of our invoices with the payment service. */
export type PaymentInvoice = {
  readonly invoice: string;
  readonly tenant: string;
  readonly beganAt: Date;
  /** Its id there. */
  readonly remote: string | null;
  readonly state: "begun" | "draft" | "open" | "paid" | "void" | "uncollectible";
  /** In the smallest unit there. */
  readonly amount: number | null;
  readonly refunded: number;
  readonly currency: string | null;
  readonly payUrl: string | null;
  readonly failures: number;
  readonly failedAt: Date | null;
  readonly lookedAt: Date | null;
  readonly problem: { readonly code: string; readonly message: string; readonly at: string } | null;
};

const columns = `invoice, tenant, began_at as "beganAt", remote, state, amount, refunded, currency, pay_url as "payUrl", failures,
  failed_at as "failedAt", looked_at as "lookedAt", problem`;

export const getPaymentInvoice = (sql: Sql, invoice: string): Promise<PaymentInvoice | undefined> =>
  sql.maybe<PaymentInvoice>(`select ${columns} from payment_invoices where invoice = $1`, [invoice]);

export const paymentInvoiceOf = (sql: Sql, remote: string): Promise<PaymentInvoice | undefined> =>
  sql.maybe<PaymentInvoice>(`select ${columns} from payment_invoices where remote = $1`, [remote]);

/** Newest first. */
export const listPaymentInvoices = (sql: Sql, tenant: string, limit = 100): Promise<readonly PaymentInvoice[]> =>
  sql.query<PaymentInvoice>(
    `select ${columns} from payment_invoices where tenant = $1 order by began_at desc, invoice desc limit $2`,
    [tenant, limit],
  );

/** Before anything is sent. Whether it is the first time. */
export async function beginPaymentInvoice(
  sql: Sql,
  { invoice, tenant, at }: { readonly invoice: string; readonly tenant: string; readonly at: Date },
): Promise<boolean> {
  const made = await sql.query(
    "insert into payment_invoices (invoice, tenant, began_at) values ($1, $2, $3) on conflict do nothing returning invoice",
    [invoice, tenant, at],
  );
  return made.length > 0;
}

export type PaymentSeen = Pick<PaymentInvoice, "state" | "amount" | "refunded" | "currency" | "payUrl"> & {
  readonly remote: string;
  readonly at: Date;
};

/** As it was found there. What stood in its way is over. */
export async function notePaymentInvoice(sql: Sql, invoice: string, seen: PaymentSeen): Promise<void> {
  await sql.query(
    `update payment_invoices set remote = $2, state = $3, amount = $4, refunded = $5, currency = $6, pay_url = $7, looked_at = $8,
       problem = null
     where invoice = $1`,
    [invoice, seen.remote, seen.state, seen.amount, seen.refunded, seen.currency, seen.payUrl, seen.at],
  );
}

/** Why it stands still; also of one that nothing could be sent of yet. */
export async function notePaymentProblem(
  sql: Sql,
  { invoice, tenant }: { readonly invoice: string; readonly tenant: string },
  { code, message, at }: { readonly code: string; readonly message: string; readonly at: Date },
): Promise<void> {
  await sql.query(
    `insert into payment_invoices (invoice, tenant, began_at, problem, looked_at) values ($1, $2, $4, $3::jsonb, $4)
     on conflict (invoice) do update set problem = excluded.problem, looked_at = excluded.looked_at`,
    [invoice, tenant, JSON.stringify({ code, message, at: at.toISOString() }), at],
  );
}

/** So often money could not be taken, by the service's own count. Whether that is more than was known. */
export async function notePaymentFailures(sql: Sql, invoice: string, failures: number, at: Date): Promise<boolean> {
  const noted = await sql.query(
    "update payment_invoices set failures = $2, failed_at = $3 where invoice = $1 and failures < $2 returning invoice",
    [invoice, failures, at],
  );
  return noted.length > 0;
}

/** Those that are not over and were not looked at since; the longest first. */
export const paymentsToLookAt = (sql: Sql, before: Date, limit: number): Promise<readonly PaymentInvoice[]> =>
  sql.query<PaymentInvoice>(
    `select ${columns} from payment_invoices where state in ('begun', 'draft', 'open') and (looked_at is null or looked_at < $1)
     order by looked_at nulls first, invoice limit $2`,
    [before, limit],
  );

export const listPaymentProblems = (sql: Sql): Promise<readonly (PaymentInvoice & { readonly number: string })[]> =>
  sql.query(
    `select ${columns}, (select number from invoices i where i.id = p.invoice) as number from payment_invoices p
     where problem is not null order by began_at, invoice`,
  );

/** One of our invoices beside what is known of it there. */
export type InvoiceToCheck = {
  readonly id: string;
  readonly number: string;
  readonly status: "open" | "paid" | "void";
  readonly totalMicros: number;
  readonly currency: string;
  readonly reversed: boolean;
  readonly via: string | null;
  readonly remote: string | null;
};

/** Those that were sent, issued since. */
export const invoicesToCheck = (sql: Sql, since: Date): Promise<readonly InvoiceToCheck[]> =>
  sql.query<InvoiceToCheck>(
    `select i.id, i.number, i.status, i.total_micros as "totalMicros", i.currency, i.reversed_by is not null as reversed,
       i.payment ->> 'via' as via, p.remote
     from invoices i join payment_invoices p on p.invoice = i.id
     where i.kind = 'invoice' and i.issued_at >= $1 order by i.issued_at, i.id`,
    [since],
  );
