import type { Invoice, InvoiceLine } from "./invoice.ts";
import type { Meter } from "./meters.ts";
import { moneyText } from "./money.ts";

/**
 * The billing export in the columns of FOCUS 1.1 (FinOps Open Cost and Usage Specification), one row an invoice line, so that
 * the sum of BilledCost is the invoice's total to the micro-unit. Lines without a price are left out. Our own columns begin
 * with `x_`, as the specification asks.
 */
type Row = { readonly invoice: Invoice; readonly line: InvoiceLine };
type Column = readonly [name: string, read: (row: Row) => string];

const provider = "NebulaDB";
const subcategories: Readonly<Record<Meter, string>> = {
  compute_unit_seconds: "Relational Databases",
  frozen_unit_seconds: "Relational Databases",
  storage_byte_hours: "Relational Databases",
  backup_byte_hours: "Relational Databases",
  egress_bytes: "Other (Databases)",
  api_requests: "Other (Databases)",
  connection_seconds: "Other (Databases)",
};

const cost = ({ line }: Row): string => moneyText(line.micros);
const unitPrice = ({ line }: Row): string => moneyText(line.unitMicros);
const resource = ({ invoice, line }: Row): string => `${invoice.tenant}.${line.project}.${line.database}`;

const columns: readonly Column[] = [
  ["BilledCost", cost],
  ["BillingAccountId", ({ invoice }) => invoice.tenant],
  ["BillingAccountName", ({ invoice }) => invoice.tenant],
  ["BillingCurrency", ({ invoice }) => invoice.currency],
  ["BillingPeriodEnd", ({ invoice }) => seconds(invoice.period.to)],
  ["BillingPeriodStart", ({ invoice }) => seconds(invoice.period.from)],
  ["ChargeCategory", () => "Usage"],
  ["ChargeClass", () => ""],
  ["ChargeDescription", ({ line }) => line.description],
  ["ChargeFrequency", () => "Usage-Based"],
  ["ChargePeriodEnd", ({ invoice }) => seconds(invoice.period.to)],
  ["ChargePeriodStart", ({ invoice }) => seconds(invoice.period.from)],
  ["ConsumedQuantity", ({ line }) => line.quantity],
  ["ConsumedUnit", ({ line }) => line.unit],
  ["ContractedCost", cost],
  ["ContractedUnitPrice", unitPrice],
  ["EffectiveCost", cost],
  ["InvoiceIssuerName", () => provider],
  ["ListCost", cost],
  ["ListUnitPrice", unitPrice],
  ["PricingCategory", () => "Standard"],
  ["PricingQuantity", ({ line }) => line.pricedQuantity ?? ""],
  ["PricingUnit", ({ line }) => line.pricedUnit ?? ""],
  ["ProviderName", () => provider],
  ["PublisherName", () => provider],
  ["ResourceId", resource],
  ["ResourceName", ({ line }) => line.database],
  ["ResourceType", () => "Database"],
  ["ServiceCategory", () => "Databases"],
  ["ServiceName", () => provider],
  ["ServiceSubcategory", ({ line }) => subcategories[line.meter]],
  ["SkuId", ({ line }) => line.meter],
  ["SkuMeter", ({ line }) => line.meter],
  ["SkuPriceId", ({ invoice, line }) => `${invoice.priceBook}/${line.meter}`],
  ["SubAccountId", ({ invoice, line }) => `${invoice.tenant}.${line.project}`],
  ["SubAccountName", ({ line }) => line.project],
  ["x_Commits", ({ line }) => line.commits.join(" ")],
  ["x_InvoiceId", ({ invoice }) => invoice.id],
  ["x_UsageRecords", ({ line }) => String(line.records)],
];

export const focusColumns: readonly string[] = columns.map(([name]) => name);

/** RFC 4180, with a header line. */
export function toFocusCsv(invoices: readonly Invoice[]): string {
  const rows = invoices.flatMap((invoice) =>
    invoice.lines
      .filter(({ pricedUnit }) => pricedUnit !== null)
      .map((line) => columns.map(([, read]) => read({ invoice, line }))),
  );
  return [focusColumns, ...rows].map((fields) => `${fields.map(quoted).join(",")}\r\n`).join("");
}

/** A field is quoted when it holds a quote, a comma or a line break; a quote inside is doubled. */
const quoted = (field: string): string => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);

/** FOCUS dates have no fractions here: `2026-05-01T00:00:00Z`. */
const seconds = (timestamp: string): string => timestamp.replace(/\.\d+Z$/, "Z");
