import Big from "big.js";
import type { PriceBook } from "../spec/index.ts";
import { badQuantity, otherCurrency } from "./errors.ts";
import { isMeter, type Meter, meters } from "./meters.ts";
import { minorUnitMicros, moneyText } from "./money.ts";
import { monthSpan } from "./month.ts";
import { divideToEven, type PlanStretch, planDays, prorate } from "./prorate.ts";
import { type RatedLine, rate, totalMicros, type UsageRecordInput } from "./rate.ts";
import { type Terms, termsFor } from "./terms.ts";

/** Usage as the ledger hands it over: the meter's name is only known to be text. */
export type UsageInput = Omit<UsageRecordInput, "meter"> & { readonly meter: string };

export type Money = { readonly amount: string; readonly currency: string };

export const lineKinds = ["usage", "plan", "minimum", "rounding", "credit", "tax"] as const;
export type LineKind = (typeof lineKinds)[number];

/** One line. Of usage it says of what; the others belong to the tenant as a whole. */
export type InvoiceLine = {
  /** From 1. */
  readonly position: number;
  readonly kind: LineKind;
  readonly tenant: string;
  readonly project: string | null;
  readonly database: string | null;
  readonly meter: Meter | null;
  readonly tier: string | null;
  readonly description: string;
  readonly quantity: string | null;
  readonly unit: string | null;
  readonly pricedQuantity: string | null;
  readonly pricedUnit: string | null;
  readonly unitMicros: number;
  readonly unitPrice: Money;
  readonly listUnitMicros: number;
  readonly listMicros: number;
  readonly micros: number;
  readonly price: Money;
  readonly records: number;
  readonly commits: readonly string[];
};

export type InvoiceStatus = "draft" | "open" | "paid" | "void";

export type Invoice = {
  readonly id: string;
  readonly kind: "invoice" | "credit-note";
  /** Given when it is issued; null: a draft, rated with today's price book, that grows while its month is open. */
  readonly number: string | null;
  readonly status: InvoiceStatus;
  readonly tenant: string;
  readonly period: { readonly month: string; readonly from: string; readonly to: string; readonly open: boolean };
  readonly priceBook: string;
  readonly currency: string;
  readonly issuer: Terms["issuer"];
  readonly billTo: Terms["billTo"];
  /** Usage by project, database, meter and step; then plan, minimum, rounding, credit and tax. */
  readonly lines: readonly InvoiceLine[];
  /** Before credits and tax; this and what follows are whole numbers of the currency's smallest unit. */
  readonly subtotalMicros: number;
  readonly creditMicros: number;
  readonly taxMicros: number;
  /** The sum of the lines. */
  readonly totalMicros: number;
  readonly total: Money;
  /** What was used up of which credit. */
  readonly credits: readonly { readonly credit: string; readonly micros: number }[];
  readonly dueDays: number;
  readonly madeAt: string;
};

/** What a tenant has to its credit, in the order in which it is used up. */
export type CreditInput = {
  readonly id: string;
  readonly currency: string;
  readonly remainingMicros: number;
  readonly description: string;
};

export type InvoiceInput = {
  readonly tenant: string;
  readonly month: string;
  readonly usage: readonly UsageInput[];
  readonly book: PriceBook;
  /** On which plans it was, when. Absent: on none that costs anything. */
  readonly plans?: readonly PlanStretch[];
  readonly credits?: readonly CreditInput[];
  readonly nowMs: number;
};

/**
 * A tenant's invoice of a month from all its usage in that month, as a draft. Every line tells its records and the commits behind them.
 * @throws NEB500 for usage that cannot be rated, NEB535 for a plan without a price, NEB536 for a month without prices, NEB537
 * for a credit in another currency.
 */
export function draftInvoice(of: InvoiceInput): Invoice {
  const { tenant, book, plans = [] } = of;
  const span = monthSpan(of.month);
  const stretches = planDays(plans, span);
  // A tenant of a book without plans needs none; one that is gone is billed by the last it had.
  const plan = stretches.at(-1)?.plan ?? plans.findLast((one) => one.plan !== null)?.plan ?? null;
  const terms = termsFor(book, { tenant, plan, month: span.month });
  const lines = new Lines(tenant, terms.rates.currency);
  const own = of.usage.filter((one) => one.tenant === tenant).map(known);
  for (const line of rate(own, terms.rates)) lines.addRated(line);
  addPlans(lines, terms, stretches);
  lines.round();
  const subtotalMicros = lines.total();
  const credits = useCredits(of.credits ?? [], subtotalMicros, terms.rates.currency);
  for (const { credit, micros } of credits) lines.add("credit", `Credit: ${credit.description}`, -micros);
  const creditMicros = 0 - totalMicros(credits);
  const netMicros = subtotalMicros + creditMicros;
  const taxMicros = taxOf(netMicros, terms);
  if (terms.tax !== null)
    lines.add("tax", `${terms.tax.name} ${percentText(terms.tax.rateMicros)} of ${moneyText(netMicros)}`, taxMicros);
  return {
    id: `draft-${tenant}-${span.month}`,
    kind: "invoice",
    number: null,
    status: "draft",
    tenant,
    period: { month: span.month, from: timestamp(span.fromMs), to: timestamp(span.toMs), open: of.nowMs < span.toMs },
    priceBook: terms.rates.id,
    currency: terms.rates.currency,
    ...{ issuer: terms.issuer, billTo: terms.billTo },
    ...lines.close(),
    ...{ subtotalMicros, creditMicros, taxMicros },
    credits: credits.map(({ credit, micros }) => ({ credit: credit.id, micros })),
    dueDays: terms.dueDays,
    madeAt: timestamp(of.nowMs),
  };
}

/** A table that fills up: positions, and the sum so far. */
class Lines {
  readonly #lines: InvoiceLine[] = [];
  readonly #tenant: string;
  readonly #currency: string;

  constructor(tenant: string, currency: string) {
    this.#tenant = tenant;
    this.#currency = currency;
  }

  total = (): number => totalMicros(this.#lines);

  addRated(line: RatedLine): void {
    this.#push({ ...line, kind: "usage", description: describe(line) });
  }

  /** A line of the whole tenant: one of something. */
  add(kind: Exclude<LineKind, "usage">, description: string, micros: number): void {
    const unit = kind === "plan" ? "part of a month" : null;
    const isPriced = kind === "plan";
    this.#push({
      ...{ kind, tenant: this.#tenant, description, micros, listMicros: micros },
      ...{ project: null, database: null, meter: null, tier: null, quantity: null, unit: null },
      ...{ pricedQuantity: isPriced ? "1" : null, pricedUnit: unit },
      ...{ unitMicros: isPriced ? micros : 0, listUnitMicros: isPriced ? micros : 0, records: 0, commits: [] },
    });
  }

  /** To what can be paid, by a line of its own, so that the lines still add up. What follows is of whole smallest units. */
  round(): void {
    const unit = minorUnitMicros(this.#currency);
    const total = this.total();
    const payable = divideToEven(BigInt(total), BigInt(unit), unit);
    if (payable !== total) this.add("rounding", `Rounding to ${moneyText(unit)} ${this.#currency}`, payable - total);
  }

  close(): Pick<Invoice, "lines" | "totalMicros" | "total"> {
    const sum = this.total();
    return { lines: this.#lines, totalMicros: sum, total: this.#money(sum) };
  }

  #push(line: Omit<InvoiceLine, "position" | "price" | "unitPrice">): void {
    const [price, unitPrice] = [this.#money(line.micros), this.#money(line.unitMicros)];
    this.#lines.push({ ...line, position: this.#lines.length + 1, price, unitPrice });
  }

  #money = (micros: number): Money => ({ amount: moneyText(micros), currency: this.#currency });
}

/** The fee of each plan by its days, and what is missing to the least that a month comes to. */
function addPlans(lines: Lines, terms: Terms, stretches: readonly ReturnType<typeof planDays>[number][]): void {
  let minimum = 0;
  for (const stretch of stretches) {
    const { feeMicros, minimumMicros } = terms.planOf(stretch.plan);
    const days = stretch.days === stretch.ofDays ? "" : `, ${stretch.days} of ${stretch.ofDays} days`;
    if (feeMicros > 0) lines.add("plan", `Plan ${stretch.plan}${days}`, prorate(feeMicros, stretch));
    minimum += prorate(minimumMicros, stretch);
  }
  const missing = minimum - lines.total();
  if (missing > 0) lines.add("minimum", `To the minimum of ${moneyText(minimum)}`, missing);
}

function useCredits(credits: readonly CreditInput[], atMost: number, currency: string) {
  let left = atMost;
  return credits.flatMap((credit) => {
    if (credit.currency !== currency)
      throw otherCurrency(`the credit ${credit.id} is in ${credit.currency}, the prices are in ${currency}`);
    // Less than the smallest unit cannot be used: the total must be one that can be paid.
    const micros = Math.min(left, credit.remainingMicros - (credit.remainingMicros % minorUnitMicros(currency)));
    left -= micros;
    return micros > 0 ? [{ credit, micros }] : [];
  });
}

/** In whole smallest units of the currency: a tax office takes no parts of a cent. */
function taxOf(micros: number, { tax, rates: { currency } }: Terms): number {
  const unit = minorUnitMicros(currency);
  return tax === null ? 0 : divideToEven(BigInt(micros) * BigInt(tax.rateMicros), 1_000_000n * BigInt(unit), unit);
}

/** 77,000 millionths are "7.7 %". */
const percentText = (rateMicros: number): string => `${new Big(rateMicros).div(10_000).toFixed()} %`;

/** @throws NEB500 for a meter that this version does not know: leaving it out would bill too little in silence. */
function known(usage: UsageInput): UsageRecordInput {
  if (!isMeter(usage.meter)) throw badQuantity(`${usage.tenant}/${usage.project}: ${usage.meter} is no known meter`);
  return { ...usage, meter: usage.meter };
}

function describe({ project, database, meter, tier, pricedQuantity, pricedUnit, quantity, unit }: RatedLine): string {
  const amount = pricedQuantity === null ? `${quantity} ${unit}` : `${pricedQuantity} ${pricedUnit}s`;
  return `${meters[meter].title} of ${project}/${database}${tier === null ? "" : ` (${tier})`}: ${amount}`;
}

const timestamp = (ms: number): string => new Date(ms).toISOString();
