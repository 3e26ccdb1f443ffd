import { badPrice } from "./errors.ts";
import { ladderOf, listMicros, priceOf, type Step } from "./ladder.ts";
import { type Meter, meterNames, meters } from "./meters.ts";
import { parseQuantity, pricedQuantity, priceMicros, quantityText } from "./quantity.ts";
import type { Rates } from "./terms.ts";

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
  /** Which step of the price this is of; null where the price has none. */
  readonly tier: string | null;
  /** In the meter's own unit. */
  readonly quantity: string;
  readonly unit: string;
  /** The same in the unit of the price, to the millionth, for people; null when the meter is not billed. */
  readonly pricedQuantity: string | null;
  readonly pricedUnit: string | null;
  /** Price of one priced unit. */
  readonly unitMicros: number;
  readonly micros: number;
  /** The same at the list's price: what everybody else would pay before steps and allowances. */
  readonly listUnitMicros: number;
  readonly listMicros: number;
  /** Of the place and meter, whichever of its steps this is. */
  readonly records: number;
  /** Sorted, without repeats. */
  readonly commits: readonly string[];
};

/**
 * Usage records to rated lines, one for each database, meter and step of its price, sorted. See the invariants in index.ts.
 * @throws NEB500 for a quantity that is no decimal >= 0, NEB501 for a price that is no whole number >= 0.
 */
export function rate(records: readonly UsageRecordInput[], rates: Rates): RatedLine[] {
  const sums = new Map<string, Sum>();
  for (const record of records) {
    const key = [record.tenant, record.project, record.database, record.meter].join("/");
    const sum = sums.get(key) ?? { record, millionths: 0n, records: 0, commits: new Set() };
    sum.millionths += parseQuantity(record.quantity, key);
    sum.records += record.records ?? 1;
    for (const commit of record.commits ?? []) sum.commits.add(commit);
    sums.set(key, sum);
  }
  const bills = Map.groupBy(
    [...sums.values()].sort(byPlaceAndMeter),
    ({ record: { tenant, meter } }) => `${tenant}/${priceOf[meter] ?? meter}`,
  );
  return [...bills.values()].flatMap((bill) => climb(bill, rates)).sort(byLine);
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

/**
 * The lines of the records of one tenant and price, in the order of their places: each takes of the steps of the price what
 * those before it left. A place whose quantity lies on two steps has two lines.
 */
function climb(sums: readonly Sum[], rates: Rates): RatedLine[] {
  const [first] = sums;
  if (first === undefined) return [];
  const ladder = ladderOf(first.record.meter, rates);
  let used = 0n;
  return sums.flatMap((sum) => {
    const from = used;
    used += sum.millionths;
    return partsOf(ladder, from, used).map(({ step, millionths }) => line(sum, millionths, step, rates));
  });
}

type Part = { readonly step: Step; readonly millionths: bigint };

/** [from, to) cut where steps end; nothing at all is one part of nothing. */
function partsOf(ladder: readonly Step[], from: bigint, to: bigint): Part[] {
  let at = from;
  const parts: Part[] = [];
  for (const step of ladder) {
    const end = step.until === null || step.until > to ? to : step.until;
    const isHere = step.until === null || at < step.until;
    if (end > at || (from === to && isHere && parts.length === 0)) parts.push({ step, millionths: end - at });
    if (end > at) at = end;
  }
  return parts;
}

function line({ record, records, commits }: Sum, millionths: bigint, step: Step, rates: Rates): RatedLine {
  const { unit, price } = meters[record.meter];
  const costs = (micros: number) => (price === null ? 0 : safe(priceMicros(millionths, micros, price.divisor)));
  const list = listMicros(record.meter, rates);
  return {
    tenant: record.tenant,
    project: record.project,
    database: record.database,
    meter: record.meter,
    tier: step.label,
    quantity: quantityText(millionths),
    unit,
    pricedQuantity: price === null ? null : pricedQuantity(millionths, price.divisor),
    pricedUnit: price?.per ?? null,
    unitMicros: step.micros,
    micros: costs(step.micros),
    listUnitMicros: list,
    listMicros: costs(list),
    records,
    commits: [...commits].sort(),
  };
}

export function safe(micros: bigint): number {
  const value = Number(micros);
  if (!Number.isSafeInteger(value)) throw badPrice(`${micros} micro-units are more than can be billed exactly`);
  return value;
}

type Placed = Pick<UsageRecordInput, "tenant" | "project" | "database" | "meter">;

/** Stable: the steps of one place and meter stay in their order. */
function byLine(a: Placed, b: Placed): number {
  const place = (one: Placed) => `${one.tenant}\0${one.project}\0${one.database}`;
  if (place(a) !== place(b)) return place(a) < place(b) ? -1 : 1;
  return meterNames.indexOf(a.meter) - meterNames.indexOf(b.meter);
}
const byPlaceAndMeter = (a: Sum, b: Sum): number => byLine(a.record, b.record);
