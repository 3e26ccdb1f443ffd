/** An issued invoice or credit note. `Body` and `Line` are platform/pricing's; the ledger only keeps them. */
export type InvoiceRow<Body = unknown> = {
  readonly id: string;
  readonly kind: "invoice" | "credit-note";
  readonly tenant: string;
  readonly month: string;
  /** 1, and one more each time a credit note opened the month again. */
  readonly attempt: number;
  readonly status: "open" | "paid" | "void";
  readonly number: string;
  readonly currency: string;
  readonly priceBook: string;
  readonly totalMicros: number;
  readonly body: Body;
  readonly usageHash: string;
  readonly corrects: string | null;
  readonly reversedBy: string | null;
  readonly issuedAt: Date;
  readonly dueAt: Date;
  readonly paidAt: Date | null;
  readonly voidedAt: Date | null;
  readonly payment: Readonly<Record<string, unknown>> | null;
};

export type LineRow<Line = unknown> = {
  readonly invoice: string;
  readonly position: number;
  readonly kind: string;
  readonly project: string | null;
  readonly database: string | null;
  readonly meter: string | null;
  readonly micros: number;
  readonly line: Line;
};

export const invoiceColumns = `id, kind, tenant, month, attempt, status, number, currency, price_book as "priceBook",
  total_micros as "totalMicros", body, usage_hash as "usageHash", corrects, reversed_by as "reversedBy", issued_at as "issuedAt",
  due_at as "dueAt", paid_at as "paidAt", voided_at as "voidedAt", payment`;
