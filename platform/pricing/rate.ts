import type { PriceBook } from "../spec/index.ts";
import { badPrice } from "./errors.ts";
import { type Meter, meterNames, meters } from "./meters.ts";
import { parseQuantity, pricedQuantity, priceMicros, quantityText } from "./quantity.ts";

export type UsageRecordInput = {
  readonly tenant: string;
  readonly project: string;
  readonly database: string;
  readonly meter: Meter;
  /** Decimal text in the meter's unit. */
  readonly quantity: string;
  /** How many usage records this row stands for; 1 when absent. A sum of records rates like the records themselves. */
  readonly records?: number;
  /** The commits whose declaration caused it. */
  readonly commits?: readonly string[];
};

export type RatedLine = {
  readonly tenant: string;
  readonly project: string;
  readonly database: string;
  readonly meter: Meter;
  /** In the meter's own unit. */
  readonly quantity: string;
  readonly unit: string;
  /** The same in the unit of the price, to the millionth, for people; null when the meter is not billed. */
  readonly pricedQuantity: string | null;
  readonly pricedUnit: string | null;
  /** Price of one priced unit. */
  readonly unitMicros: number;
  readonly micros: number;
  readonly records: number;
  /** Sorted, without repeats. */
  readonly commits: readonly string[];
};

/**
 * Usage records to rated lines, one for each database and meter, sorted. See the invariants in index.ts.
 * @throws NEB500 for a quantity that is no decimal >= 0, NEB501 for a price that is no whole number >= 0.
 */
export function rate(records: readonly UsageRecordInput[], book: PriceBook): RatedLine[] {
  const sums = new Map<string, Sum>();
  for (const record of records) {
    const key = [record.tenant, record.project, record.database, record.meter].join("/");
    const sum = sums.get(key) ?? { record, millionths: 0n, records: 0, commits: new Set() };
    sum.millionths += parseQuantity(record.quantity, key);
    sum.records += record.records ?? 1;
    for (const commit of record.commits ?? []) sum.commits.add(commit);
    sums.set(key, sum);
  }
  return [...sums.values()].sort(byPlaceAndMeter).map((sum) => line(sum, book));
}

/** The total is the sum of the rounded lines: what a reader adds up is what is billed. */
export const totalMicros = (lines: readonly { readonly micros: number }[]): number =>
  safe(lines.reduce((total, { micros }) => total + BigInt(micros), 0n));

type Sum = {
  readonly record: UsageRecordInput;
  millionths: bigint;
  records: number;
  readonly commits: Set<string>;
};

function line({ record, millionths, records, commits }: Sum, book: PriceBook): RatedLine {
  const { unit, price } = meters[record.meter];
  const unitMicros = price === null ? 0 : priceOf(record.meter, book);
  return {
    tenant: record.tenant,
    project: record.project,
    database: record.database,
    meter: record.meter,
    quantity: quantityText(millionths),
    unit,
    pricedQuantity: price === null ? null : pricedQuantity(millionths, price.divisor),
    pricedUnit: price?.per ?? null,
    unitMicros,
    micros: price === null ? 0 : safe(priceMicros(millionths, unitMicros, price.divisor)),
    records,
    commits: [...commits].sort(),
  };
}

function priceOf(meter: Meter, book: PriceBook): number {
  const micros = meters[meter].price?.micros(book) ?? 0;
  if (!Number.isSafeInteger(micros) || micros < 0)
    throw badPrice(`price book ${book.id}: the price of ${meter} is ${micros}`);
  return micros;
}

function safe(micros: bigint): number {
  const value = Number(micros);
  if (!Number.isSafeInteger(value)) throw badPrice(`${micros} micro-units are more than can be billed exactly`);
  return value;
}

function byPlaceAndMeter(a: Sum, b: Sum): number {
  const place = ({ record }: Sum) => `${record.tenant}\0${record.project}\0${record.database}`;
  if (place(a) !== place(b)) return place(a) < place(b) ? -1 : 1;
  return meterNames.indexOf(a.record.meter) - meterNames.indexOf(b.record.meter);
}
