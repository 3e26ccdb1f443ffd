import type StripeLibrary from "stripe";

/** An invoice as it stands there. Amounts are whole numbers of the currency's smallest unit. */
export type RemoteInvoice = {
  readonly id: string;
  readonly status: "draft" | "open" | "paid" | "void" | "uncollectible";
  readonly customer: string;
  /** In capitals, as ours. */
  readonly currency: string;
  readonly total: number;
  readonly paid: number;
  /** Of what is paid: noted as paid elsewhere. */
  readonly paidElsewhere: number;
  /** Reversed after it was paid. */
  readonly credited: number;
  /** Times that it was tried to take the money. */
  readonly attempts: number;
  /** Where a person pays it. */
  readonly payUrl: string | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly createdAt: Date;
};

export type RemoteCustomer = {
  readonly id: string;
  /** It can be charged without asking. */
  readonly hasPaymentMethod: boolean;
  readonly tags: Readonly<Record<string, string>>;
  readonly createdAt: Date;
};

const states = ["draft", "open", "paid", "void", "uncollectible"] as const;

export function toRemoteInvoice(invoice: StripeLibrary.Invoice): RemoteInvoice {
  return {
    id: invoice.id,
    status: states.find((state) => state === invoice.status) ?? "draft",
    customer: idOf(invoice.customer),
    currency: invoice.currency.toUpperCase(),
    total: invoice.total,
    paid: invoice.amount_paid,
    paidElsewhere: invoice.amount_paid_off_stripe ?? 0,
    credited: invoice.post_payment_credit_notes_amount,
    attempts: invoice.attempt_count,
    payUrl: invoice.hosted_invoice_url ?? null,
    tags: invoice.metadata ?? {},
    createdAt: new Date(invoice.created * 1000),
  };
}

/** undefined: it was deleted. */
export function toRemoteCustomer(
  customer: StripeLibrary.Customer | StripeLibrary.DeletedCustomer,
): RemoteCustomer | undefined {
  if (customer.deleted === true) return undefined;
  const { id, metadata, created, invoice_settings: settings, default_source: source } = customer;
  const hasPaymentMethod = settings.default_payment_method !== null || (source ?? null) !== null;
  return { id, hasPaymentMethod, tags: metadata, createdAt: new Date(created * 1000) };
}

/** An object there is its id, or itself where it was asked for. */
export const idOf = (value: string | { readonly id: string } | null): string =>
  value === null ? "" : typeof value === "string" ? value : value.id;
