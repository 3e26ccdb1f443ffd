/**
 * The billing export in the columns of FOCUS 1.2 (FinOps Open Cost and Usage Specification), one row an invoice line, so that the
 * sum of BilledCost is the invoice's total to the micro-unit. A line that has no price and costs nothing is left out. Our own
 * columns begin with `x_`, as the specification asks. A column is null where the specification wants it null.
 */
import type { Invoice, InvoiceLine, LineKind } from "./invoice.ts";
import type { Meter } from "./meters.ts";
import { moneyText } from "./money.ts";

export const focusVersion = "1.2";

/** What an invoice must be for an export: the issued ones and the drafts of an open month are. */
export type FocusInvoice = Pick<
  Invoice,
  "kind" | "number" | "status" | "tenant" | "period" | "priceBook" | "currency" | "issuer" | "lines"
>;
type Row = { readonly invoice: FocusInvoice; readonly line: InvoiceLine };

/** `money` is exact decimal text with at most six places, `decimal` a quantity with at most six, `time` RFC 3339 to the second. */
export type FocusType = "text" | "money" | "decimal" | "time";
type Column = readonly [name: string, type: FocusType, read: (row: Row) => string | null];
export type FocusRow = Readonly<Record<string, string | null>>;

const provider = "NebulaDB";
const other = "Other (Databases)";
const subcategories: Readonly<Record<Meter, string>> = {
  compute_unit_seconds: "Relational Databases",
  frozen_unit_seconds: "Relational Databases",
  provisioned_unit_seconds: "Relational Databases",
  storage_byte_hours: "Relational Databases",
  branch_storage_byte_hours: "Relational Databases",
  backup_byte_hours: "Relational Databases",
  egress_bytes: other,
  api_requests: other,
  connection_seconds: other,
};

const categories: Readonly<Record<LineKind, string>> = {
  usage: "Usage",
  plan: "Purchase",
  minimum: "Adjustment",
  credit: "Credit",
  tax: "Tax",
  rounding: "Adjustment",
};
const frequencies: Readonly<Record<LineKind, string>> = {
  usage: "Usage-Based",
  plan: "Recurring",
  minimum: "Recurring",
  credit: "One-Time",
  tax: "Recurring",
  rounding: "Recurring",
};

const cost = ({ line }: Row): string => moneyText(line.micros);
const listCost = ({ line }: Row): string => moneyText(line.listMicros);
/** Only what is used or bought has a unit, a price and a SKU. */
const isPriced = ({ line }: Row): boolean => line.kind === "usage" || line.kind === "plan";
const priced =
  (read: (row: Row) => string | null) =>
  (row: Row): string | null =>
    isPriced(row) ? read(row) : null;
const used =
  (read: (row: Row) => string | null) =>
  (row: Row): string | null =>
    row.line.kind === "usage" ? read(row) : null;
const unitPrice = priced(({ line }) => moneyText(line.unitMicros));
const listUnitPrice = priced(({ line }) => moneyText(line.listUnitMicros));
const sku = ({ line }: Row): string => line.meter ?? `${line.kind}`;
const account = ({ invoice, line }: Row): string | null => line.project && `${invoice.tenant}.${line.project}`;
const currency = ({ invoice }: Row): string => invoice.currency;

const columns: readonly Column[] = [
  ["BilledCost", "money", cost],
  ["BillingAccountId", "text", ({ invoice }) => invoice.tenant],
  ["BillingAccountName", "text", ({ invoice }) => invoice.tenant],
  ["BillingAccountType", "text", () => "Tenant"],
  ["BillingCurrency", "text", currency],
  ["BillingPeriodEnd", "time", ({ invoice }) => seconds(invoice.period.to)],
  ["BillingPeriodStart", "time", ({ invoice }) => seconds(invoice.period.from)],
  ["ChargeCategory", "text", ({ line }) => categories[line.kind]],
  ["ChargeClass", "text", ({ invoice }) => (invoice.kind === "credit-note" ? "Correction" : null)],
  ["ChargeDescription", "text", ({ line }) => line.description],
  ["ChargeFrequency", "text", ({ line }) => frequencies[line.kind]],
  ["ChargePeriodEnd", "time", ({ invoice }) => seconds(invoice.period.to)],
  ["ChargePeriodStart", "time", ({ invoice }) => seconds(invoice.period.from)],
  ["ConsumedQuantity", "decimal", used(({ line }) => line.quantity)],
  ["ConsumedUnit", "text", used(({ line }) => line.unit)],
  ["ContractedCost", "money", cost],
  ["ContractedUnitPrice", "money", unitPrice],
  ["EffectiveCost", "money", cost],
  ["InvoiceId", "text", ({ invoice }) => invoice.number],
  ["InvoiceIssuerName", "text", ({ invoice }) => invoice.issuer.name],
  ["ListCost", "money", listCost],
  ["ListUnitPrice", "money", listUnitPrice],
  ["PricingCategory", "text", priced(() => "Standard")],
  ["PricingCurrency", "text", priced(currency)],
  ["PricingCurrencyContractedUnitPrice", "money", unitPrice],
  ["PricingCurrencyEffectiveCost", "money", priced(cost)],
  ["PricingCurrencyListUnitPrice", "money", listUnitPrice],
  ["PricingQuantity", "decimal", priced(({ line }) => line.pricedQuantity)],
  ["PricingUnit", "text", priced(({ line }) => line.pricedUnit)],
  ["ProviderName", "text", () => provider],
  ["PublisherName", "text", () => provider],
  ["ResourceId", "text", used(({ invoice, line }) => `${invoice.tenant}.${line.project}.${line.database}`)],
  ["ResourceName", "text", used(({ line }) => line.database)],
  ["ResourceType", "text", used(() => "Database")],
  ["ServiceCategory", "text", () => "Databases"],
  ["ServiceName", "text", () => provider],
  ["ServiceSubcategory", "text", ({ line }) => (line.meter === null ? other : subcategories[line.meter])],
  ["SkuId", "text", priced(sku)],
  ["SkuMeter", "text", used(({ line }) => line.meter)],
  [
    "SkuPriceId",
    "text",
    priced((row) => `${row.invoice.priceBook}/${sku(row)}${row.line.tier === null ? "" : `/${row.line.tier}`}`),
  ],
  ["SubAccountId", "text", account],
  ["SubAccountName", "text", ({ line }) => line.project],
  ["SubAccountType", "text", (row) => (account(row) === null ? null : "Project")],
  ["x_Commits", "text", ({ line }) => (line.commits.length === 0 ? null : line.commits.join(" "))],
  ["x_InvoiceLine", "text", ({ line }) => String(line.position)],
  ["x_InvoiceStatus", "text", ({ invoice }) => invoice.status],
  ["x_UsageRecords", "text", used(({ line }) => String(line.records))],
];

export const focusColumns: readonly string[] = columns.map(([name]) => name);
export const focusTypes: Readonly<Record<string, FocusType>> = Object.fromEntries(
  columns.map(([name, type]) => [name, type]),
);

/** One row a line. */
export function focusRows(invoices: readonly FocusInvoice[]): FocusRow[] {
  return invoices.flatMap((invoice) =>
    invoice.lines
      .filter((line) => line.kind !== "usage" || line.pricedUnit !== null)
      .map((line) => Object.fromEntries(columns.map(([name, , read]) => [name, read({ invoice, line })]))),
  );
}

/** RFC 4180, with a header line. Null is an empty field. */
export function toFocusCsv(rows: readonly FocusRow[]): string {
  const records = rows.map((row) => columns.map(([name, type]) => (type === "text" ? inert : same)(row[name] ?? "")));
  return [focusColumns, ...records].map((fields) => `${fields.map(quoted).join(",")}\r\n`).join("");
}

/** Somebody's words must not become a formula in a spreadsheet: a quote before them makes them text there. Numbers stay numbers. */
const inert = (field: string): string => (/^[=+\-@\t\r\n]/.test(field) ? `'${field}` : field);
const same = (field: string): string => field;

/** A field is quoted when it holds a quote, a comma or a line break; a quote inside is doubled. */
const quoted = (field: string): string => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);

/** FOCUS dates have no fractions here: `2026-05-01T00:00:00Z`. */
const seconds = (timestamp: string): string => timestamp.replace(/\.\d+Z$/, "Z");
