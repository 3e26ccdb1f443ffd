import Big from "big.js";
import { type FocusRow, focusColumns, focusTypes } from "./focus.ts";

/**
 * Our reading of what FOCUS 1.2 demands of rows like ours, as sentences; none where they keep it. It knows nothing of invoices: it
 * reads rows as a stranger's tool would.
 */
export function checkFocus(rows: readonly FocusRow[]): string[] {
  return rows.flatMap((row, index) =>
    rules.flatMap(([rule, holds]) => (holds(row) ? [] : [`row ${index + 1}: ${rule}`])),
  );
}

type Rule = readonly [says: string, holds: (row: FocusRow) => boolean];

const mandatory = [
  ...["BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory"],
  ...["ChargePeriodEnd", "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost"],
  ...["ProviderName", "PublisherName", "ServiceCategory", "ServiceName", "ServiceSubcategory", "ChargeDescription"],
];
const notForTax = ["ConsumedQuantity", "PricingQuantity", "PricingUnit", "SkuId", "SkuPriceId", "ContractedUnitPrice"];
const choices: Readonly<Record<string, readonly string[]>> = {
  ChargeCategory: ["Usage", "Purchase", "Tax", "Credit", "Adjustment"],
  ChargeClass: ["Correction"],
  ChargeFrequency: ["One-Time", "Recurring", "Usage-Based"],
  PricingCategory: ["Standard", "Dynamic", "Committed", "Other"],
  ServiceCategory: ["Databases"],
  ServiceSubcategory: ["Relational Databases", "Other (Databases)"],
};

const of = (row: FocusRow, name: string): string | null => row[name] ?? null;
const is = (row: FocusRow, ...categories: string[]): boolean => categories.includes(of(row, "ChargeCategory") ?? "");
const isNull = (row: FocusRow, name: string): boolean => of(row, name) === null;
const given = (row: FocusRow, ...names: string[]): boolean => names.every((name) => !isNull(row, name));
const formats = {
  text: /^[\s\S]+$/,
  money: /^-?\d+\.\d{2,6}$/,
  decimal: /^-?\d+(\.\d{1,6})?$/,
  time: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/,
} as const;

/** Quantities stand with six places: a product may differ by half of the last one, and by the rounding of the cost. */
const isProduct = (cost: string | null, price: string | null, quantity: string | null): boolean => {
  if (cost === null || price === null || quantity === null) return true;
  const allowed = new Big(price).abs().times("0.0000005").plus("0.0000005");
  return new Big(price).times(quantity).minus(cost).abs().lte(allowed);
};

const rules: readonly Rule[] = [
  ["the columns are those of the export", (row) => focusColumns.every((name) => Object.hasOwn(row, name))],
  ...mandatory.map((name): Rule => [`${name} is never null`, (row) => !isNull(row, name)]),
  ...focusColumns.map(
    (name): Rule => [
      `${name} has the format of a ${focusTypes[name]}`,
      (row) => isNull(row, name) || formats[focusTypes[name] ?? "text"].test(of(row, name) ?? ""),
    ],
  ),
  ...Object.entries(choices).map(
    ([name, allowed]): Rule => [
      `${name} is one of its values`,
      (row) => isNull(row, name) || allowed.includes(of(row, name) ?? ""),
    ],
  ),
  ["a currency is an ISO 4217 code", (row) => /^[A-Z]{3}$/.test(of(row, "BillingCurrency") ?? "")],
  [
    "a period begins before it ends",
    (row) => (of(row, "ChargePeriodStart") ?? "") < (of(row, "ChargePeriodEnd") ?? ""),
  ],
  [
    "a charge lies in its billing period",
    (row) =>
      (of(row, "ChargePeriodStart") ?? "") >= (of(row, "BillingPeriodStart") ?? "") &&
      (of(row, "ChargePeriodEnd") ?? "") <= (of(row, "BillingPeriodEnd") ?? ""),
  ],
  ...notForTax.map((name): Rule => [`${name} is null of a tax`, (row) => !is(row, "Tax") || isNull(row, name)]),
  ["only usage is consumed", (row) => is(row, "Usage") || isNull(row, "ConsumedQuantity")],
  ["a consumed quantity has a unit", (row) => isNull(row, "ConsumedQuantity") === isNull(row, "ConsumedUnit")],
  ["a priced quantity has a unit", (row) => isNull(row, "PricingQuantity") === isNull(row, "PricingUnit")],
  [
    "usage and purchases have a quantity, a unit price and a SKU",
    (row) =>
      !is(row, "Usage", "Purchase") || given(row, "PricingQuantity", "ContractedUnitPrice", "ListUnitPrice", "SkuId"),
  ],
  ["a purchase is not usage-based", (row) => !is(row, "Purchase") || of(row, "ChargeFrequency") !== "Usage-Based"],
  ["a SKU's price is of a SKU", (row) => isNull(row, "SkuPriceId") || !isNull(row, "SkuId")],
  ["a resource's name and type come with its id", (row) => isNull(row, "ResourceId") === isNull(row, "ResourceType")],
  [
    "a sub-account's name and type come with its id",
    (row) => isNull(row, "SubAccountId") === isNull(row, "SubAccountType"),
  ],
  [
    "a contracted cost is its unit price times its quantity",
    (row) => isProduct(of(row, "ContractedCost"), of(row, "ContractedUnitPrice"), of(row, "PricingQuantity")),
  ],
  [
    "a list cost is its unit price times its quantity",
    (row) => isProduct(of(row, "ListCost"), of(row, "ListUnitPrice"), of(row, "PricingQuantity")),
  ],
  [
    "a credit is not positive",
    (row) => !is(row, "Credit") || !isNull(row, "ChargeClass") || new Big(of(row, "BilledCost") ?? 0).lte(0),
  ],
];

/** The sum of BilledCost in micro-units, exactly. */
export const billedMicros = (rows: readonly FocusRow[]): bigint =>
  rows.reduce((sum, row) => sum + BigInt(new Big(row.BilledCost ?? 0).times(1_000_000).toFixed(0)), 0n);
