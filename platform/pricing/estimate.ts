import type { DatabaseSpec, ProjectSpec } from "../spec/index.ts";
import { hoursPerMonth, type Meter, meterNames } from "./meters.ts";
import { quantityOf } from "./quantity.ts";
import { type RatedLine, rate, totalMicros, type UsageRecordInput } from "./rate.ts";
import type { Rates } from "./terms.ts";

export type MonthlyEstimate = {
  /** Micro-units of the price book's currency for 730 hours awake at `max`: an upper bound, see docs/decisions/0019. */
  readonly micros: number;
  /**
   * The same for 730 hours awake at `min`: what it comes to where the machine enforces units and little is asked of it. Asleep it
   * costs its storage alone.
   */
  readonly atMinMicros: number;
  readonly lines: readonly EstimateLine[];
};

export type EstimateLine = Pick<
  RatedLine,
  "meter" | "quantity" | "unit" | "pricedQuantity" | "pricedUnit" | "unitMicros" | "micros"
>;

/**
 * What a database costs in a month of 730 hours if it is never asleep, has its most units all the time, and its storage is full.
 * @param billed the meters that its placement reads (`metersOf[placement]`); all when absent.
 */
export function monthlyEstimate(
  database: DatabaseSpec,
  book: Rates,
  billed: readonly Meter[] = meterNames,
): MonthlyEstimate {
  const rated = (units: number) =>
    rate(
      fullMonth(database, units, billed).filter(({ meter }) => billed.includes(meter)),
      book,
    );
  const lines = rated(database.compute.maxUnits).map(
    ({ meter, quantity, unit, pricedQuantity, pricedUnit, unitMicros, micros }): EstimateLine => ({
      meter,
      quantity,
      unit,
      pricedQuantity,
      pricedUnit,
      unitMicros,
      micros,
    }),
  );
  return { micros: totalMicros(lines), atMinMicros: totalMicros(rated(database.compute.minUnits)), lines };
}

export type DatabaseDifference = {
  readonly database: string;
  /** null: the database is not there. */
  readonly before: MonthlyEstimate | null;
  readonly after: MonthlyEstimate | null;
  readonly differenceMicros: number;
};

export type PriceDifference = {
  readonly currency: string;
  readonly priceBook: string;
  readonly beforeMicros: number;
  readonly afterMicros: number;
  readonly differenceMicros: number;
  /** Every database of either side, sorted by name. */
  readonly databases: readonly DatabaseDifference[];
};

/** What a change of a project does to its price a month. Either side may be missing. */
export function priceDifference(
  before: ProjectSpec | null,
  after: ProjectSpec | null,
  book: Rates,
  billed: readonly Meter[] = meterNames,
): PriceDifference {
  const estimates = (project: ProjectSpec | null) =>
    new Map((project?.databases ?? []).map((database) => [database.name, monthlyEstimate(database, book, billed)]));
  const [old, wanted] = [estimates(before), estimates(after)];
  const databases = [...new Set([...old.keys(), ...wanted.keys()])].sort().map((database): DatabaseDifference => {
    const [from, to] = [old.get(database) ?? null, wanted.get(database) ?? null];
    return { database, before: from, after: to, differenceMicros: (to?.micros ?? 0) - (from?.micros ?? 0) };
  });
  const beforeMicros = totalMicros([...old.values()]);
  const afterMicros = totalMicros([...wanted.values()]);
  return {
    currency: book.currency,
    priceBook: book.id,
    beforeMicros,
    afterMicros,
    differenceMicros: afterMicros - beforeMicros,
    databases,
  };
}

/** A full month as usage records, so that an estimate goes through the same `rate` as an invoice. */
function fullMonth(database: DatabaseSpec, awakeUnits: number, billed: readonly Meter[]): UsageRecordInput[] {
  const members = database.instances + database.replicas;
  const units = database.retire ? 0 : awakeUnits;
  const copies = database.backups.retentionSeconds > 0 ? 1 : 0;
  const inBuckets = Object.values(database.buckets ?? {}).reduce((sum, { storageBytes }) => sum + storageBytes, 0);
  const compute: Meter = billed.includes("compute_unit_seconds") ? "compute_unit_seconds" : "provisioned_unit_seconds";
  const storage: Meter = database.branch === undefined ? "storage_byte_hours" : "branch_storage_byte_hours";
  const record = (meter: Meter, quantity: number): UsageRecordInput => ({
    tenant: "",
    project: "",
    database: database.name,
    meter,
    quantity: quantityOf(quantity, `${database.name}/${meter}`),
  });
  return [
    record(compute, units * members * hoursPerMonth * 3600),
    record(storage, (database.storageBytes * members + inBuckets) * hoursPerMonth),
    record("backup_byte_hours", database.storageBytes * copies * hoursPerMonth),
    // how many nobody knows beforehand: the line says what each costs
    ...(database.api === undefined ? [] : [record("api_requests", 0)]),
  ];
}
