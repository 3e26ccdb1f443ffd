import type { PriceBook } from "../spec/index.ts";
import { badQuantity } from "./errors.ts";
import { isMeter, meters } from "./meters.ts";
import { moneyText } from "./money.ts";
import { monthSpan } from "./month.ts";
import { type RatedLine, rate, totalMicros, type UsageRecordInput } from "./rate.ts";

/** Usage as the ledger hands it over: the meter's name is only known to be text. */
export type UsageInput = Omit<UsageRecordInput, "meter"> & { readonly meter: string };

export type Money = { readonly amount: string; readonly currency: string };

export type InvoiceLine = RatedLine & {
  readonly description: string;
  readonly unitPrice: Money;
  readonly price: Money;
};

export type Invoice = {
  readonly id: string;
  /** A draft: rated with today's price book, and it grows while its month is open. */
  readonly kind: "draft";
  readonly tenant: string;
  readonly period: { readonly month: string; readonly from: string; readonly to: string; readonly open: boolean };
  readonly priceBook: string;
  readonly currency: string;
  /** By project, database and meter. */
  readonly lines: readonly InvoiceLine[];
  readonly totalMicros: number;
  readonly total: Money;
  readonly madeAt: string;
};

/** A tenant's invoice of a month from all its usage in that month. Every line tells its records and the commits behind them. */
export function draftInvoice(of: {
  readonly tenant: string;
  readonly month: string;
  readonly usage: readonly UsageInput[];
  readonly book: PriceBook;
  readonly nowMs: number;
}): Invoice {
  const { tenant, book } = of;
  const { month, fromMs, toMs } = monthSpan(of.month);
  const own = of.usage.filter((one) => one.tenant === tenant).map(known);
  const money = (micros: number): Money => ({ amount: moneyText(micros), currency: book.currency });
  const lines = rate(own, book).map(
    (line): InvoiceLine => ({
      ...line,
      description: describe(line),
      unitPrice: money(line.unitMicros),
      price: money(line.micros),
    }),
  );
  return {
    id: `draft-${tenant}-${month}`,
    kind: "draft",
    tenant,
    period: { month, from: timestamp(fromMs), to: timestamp(toMs), open: of.nowMs < toMs },
    priceBook: book.id,
    currency: book.currency,
    lines,
    totalMicros: totalMicros(lines),
    total: money(totalMicros(lines)),
    madeAt: timestamp(of.nowMs),
  };
}

/** @throws NEB500 for a meter that this version does not know: leaving it out would bill too little in silence. */
function known(usage: UsageInput): UsageRecordInput {
  if (!isMeter(usage.meter)) throw badQuantity(`${usage.tenant}/${usage.project}: ${usage.meter} is no known meter`);
  return { ...usage, meter: usage.meter };
}

function describe({ project, database, meter, pricedQuantity, pricedUnit, quantity, unit }: RatedLine): string {
  const amount = pricedQuantity === null ? `${quantity} ${unit}` : `${pricedQuantity} ${pricedUnit}s`;
  return `${meters[meter].title} of ${project}/${database}: ${amount}`;
}

const timestamp = (ms: number): string => new Date(ms).toISOString();
