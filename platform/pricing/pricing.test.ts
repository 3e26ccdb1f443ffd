import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DatabaseSpec, PriceBook, ProjectSpec } from "../spec/index.ts";
import {
  formatMoney,
  type Meter,
  meterNames,
  metersOf,
  moneyText,
  monthlyEstimate,
  priceDifference,
  quantityOf,
  quantityText,
  rate,
  totalMicros,
  type UsageRecordInput,
} from "./index.ts";

const book: PriceBook = {
  id: "standard",
  currency: "USD",
  prices: {
    computeUnitHourMicros: 40_000,
    storageGibMonthMicros: 120_000,
    backupGibMonthMicros: 20_000,
    egressGibMicros: 50_000,
    apiMillionRequestsMicros: 300_000,
  },
};

const database = (change: Partial<DatabaseSpec> = {}): DatabaseSpec => ({
  engine: "postgres",
  name: "orders",
  version: "18",
  compute: { minUnits: 0.25, maxUnits: 0.5, suspendAfterSeconds: 0 },
  storageBytes: 10 * 1024 ** 3,
  replicas: 0,
  instances: 1,
  backups: { retentionSeconds: 86_400, pitr: false },
  extensions: [],
  roles: [],
  allowFrom: [],
  tags: {},
  passwordSecret: null,
  engineOptions: {},
  retire: false,
  ...change,
});
const project = (...databases: DatabaseSpec[]): ProjectSpec => ({
  tenant: "acme",
  project: "shop",
  placement: "local",
  region: "here",
  quota: null,
  databases,
});

const record = fc.record({
  tenant: fc.constantFrom("acme", "globex"),
  project: fc.constant("shop"),
  database: fc.constantFrom("orders", "carts"),
  meter: fc.constantFrom(...meterNames),
  quantity: fc.bigInt({ min: 0n, max: 10n ** 18n }).map(quantityText),
});
const records = fc.array(record, { maxLength: 30 });
const price = fc.integer({ min: 0, max: 10_000_000 });
const books = fc.record({
  id: fc.constant("any"),
  currency: fc.constant("USD"),
  prices: fc.record({
    computeUnitHourMicros: price,
    storageGibMonthMicros: price,
    backupGibMonthMicros: price,
    egressGibMicros: price,
    apiMillionRequestsMicros: price,
  }),
});
const summary = (lines: ReturnType<typeof rate>) => lines.map(({ records: _, ...rest }) => rest);

describe("rating", () => {
  test("an hour of one unit costs the price of a unit-hour, a GiB for 730 hours the price of a GiB-month", () => {
    const where = { tenant: "acme", project: "shop", database: "orders" };
    const lines = rate(
      [
        { ...where, meter: "storage_byte_hours", quantity: String(1024 ** 3 * 730), commits: ["b", "a"] },
        { ...where, meter: "compute_unit_seconds", quantity: "1800", commits: ["b"] },
        { ...where, meter: "compute_unit_seconds", quantity: "1800.0", commits: ["a", "b"] },
        { ...where, meter: "connection_seconds", quantity: "99" },
      ],
      book,
    );
    expect(lines.map(({ meter, micros, pricedQuantity }) => [meter, micros, pricedQuantity])).toEqual([
      ["compute_unit_seconds", 40_000, "1"],
      ["storage_byte_hours", 120_000, "1"],
      ["connection_seconds", 0, null],
    ]);
    expect(lines[0]).toMatchObject({ quantity: "3600", records: 2, commits: ["a", "b"], pricedUnit: "unit-hour" });
  });

  test("half a micro-unit goes to the even neighbour, once for each line", () => {
    const unit = { ...book, prices: { ...book.prices, apiMillionRequestsMicros: 500_000 } };
    const micros = (quantity: string) =>
      rate([{ tenant: "t", project: "p", database: "d", meter: "api_requests", quantity }], unit)[0]?.micros;
    expect(["1", "3", "5", "1.000001", "0.999999"].map(micros)).toEqual([0, 2, 2, 1, 0]);
  });

  test("cutting a record into windows changes nothing but the number of records", () => {
    fc.assert(
      fc.property(
        records,
        books,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
        (all, b, at) => {
          const cut = all.flatMap((one): UsageRecordInput[] => {
            const whole = BigInt(millionths(one.quantity));
            const edges = [0n, ...at.map((part) => share(whole, part)).sort(ascending), whole];
            return edges.slice(1).map((edge, i) => ({ ...one, quantity: quantityText(edge - (edges[i] ?? 0n)) }));
          });
          expect(summary(rate(cut, b))).toEqual(summary(rate(all, b)));
        },
      ),
    );
  });

  test("order changes nothing, and a sum of records rates like the records", () => {
    fc.assert(
      fc.property(records, books, (all, b) => {
        const lines = rate(all, b);
        expect(rate([...all].reverse(), b)).toEqual(lines);
        const again = lines.map(({ tenant, project: p, database: d, meter, quantity, records: n }) => ({
          ...{ tenant, project: p, database: d, meter, quantity, records: n },
        }));
        expect(rate(again, b)).toEqual(lines);
      }),
    );
  });

  test("more usage never costs less, nothing is NaN, and the total is the sum of the lines", () => {
    fc.assert(
      fc.property(records, record, books, (all, more, b) => {
        const [less, lines] = [rate(all, b), rate([...all, more], b)];
        for (const { micros } of lines) expect(Number.isSafeInteger(micros) && micros >= 0).toBe(true);
        expect(totalMicros(lines)).toBe(lines.reduce((sum, { micros }) => sum + micros, 0));
        expect(totalMicros(lines)).toBeGreaterThanOrEqual(totalMicros(less));
      }),
    );
  });

  test("what is no quantity or no price is refused by code", () => {
    const one = { tenant: "t", project: "p", database: "d", meter: "egress_bytes" } as const;
    for (const quantity of ["-1", "NaN", "1e9", "", "Infinity", "0x10"])
      expect(() => rate([{ ...one, quantity }], book)).toThrow(expect.objectContaining({ code: "NEB500" }));
    for (const egressGibMicros of [-1, 0.5, Number.NaN])
      expect(() => rate([{ ...one, quantity: "1" }], { ...book, prices: { ...book.prices, egressGibMicros } })).toThrow(
        expect.objectContaining({ code: "NEB501" }),
      );
    for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => quantityOf(value, "here")).toThrow(expect.objectContaining({ code: "NEB500" }));
  });
});

describe("an estimate", () => {
  test("is a full month at the most units, through the same rating", () => {
    const { micros, lines } = monthlyEstimate(database(), book);
    expect(lines.map((line) => [line.meter, line.pricedQuantity, line.micros])).toEqual([
      ["compute_unit_seconds", "365", 14_600_000],
      ["storage_byte_hours", "10", 1_200_000],
      ["backup_byte_hours", "10", 200_000],
    ]);
    expect(micros).toBe(16_000_000);
  });

  test("says beside it what the same month costs at the fewest units", () => {
    const compute = { minUnits: 0.25, maxUnits: 2, suspendAfterSeconds: 0 };
    const { micros, atMinMicros } = monthlyEstimate(database({ compute }), book);
    expect([micros, atMinMicros]).toEqual([8 * 7_300_000 + 1_400_000, 7_300_000 + 1_400_000]);
    const fixed = monthlyEstimate(database({ compute: { ...compute, minUnits: 2 } }), book);
    expect(fixed.atMinMicros).toBe(fixed.micros);
  });

  test("bills each replica as the primary: units and storage", () => {
    const alone = monthlyEstimate(database(), book, metersOf.local).lines;
    const { lines } = monthlyEstimate(database({ replicas: 2 }), book, metersOf.local);
    const of = (all: typeof lines, meter: Meter) => all.find((line) => line.meter === meter)?.micros ?? 0;
    for (const meter of ["compute_unit_seconds", "storage_byte_hours"] as const)
      expect(of(lines, meter)).toBe(3 * of(alone, meter));
    expect(of(lines, "backup_byte_hours")).toBe(of(alone, "backup_byte_hours"));
  });

  test("leaves out what the placement does not meter, and the compute of a retired database", () => {
    const noBackups: readonly Meter[] = ["compute_unit_seconds", "storage_byte_hours"];
    expect(monthlyEstimate(database(), book, noBackups).micros).toBe(15_800_000);
    expect(monthlyEstimate(database(), book, metersOf.local).micros).toBe(16_000_000);
    expect(monthlyEstimate(database({ retire: true }), book, metersOf.local).micros).toBe(1_400_000);
  });

  test("grows with units, storage and members", () => {
    const size = fc.record({ units: fc.integer({ min: 1, max: 64 }), gib: fc.nat(1000), replicas: fc.nat(3) });
    const micros = (of: { units: number; gib: number; replicas: number }) =>
      monthlyEstimate(
        database({
          compute: { minUnits: 0.25, maxUnits: of.units / 4, suspendAfterSeconds: 0 },
          storageBytes: of.gib * 1024 ** 3,
          replicas: of.replicas,
        }),
        book,
      ).micros;
    fc.assert(
      fc.property(size, size, (a, b) => {
        const most = {
          units: Math.max(a.units, b.units),
          gib: Math.max(a.gib, b.gib),
          replicas: Math.max(a.replicas, b.replicas),
        };
        expect(micros(most)).toBeGreaterThanOrEqual(Math.max(micros(a), micros(b)));
      }),
    );
  });

  test("of a change names every database of both sides", () => {
    const before = project(database({ name: "carts" }), database());
    const after = project(database({ storageBytes: 20 * 1024 ** 3 }), database({ name: "stock" }));
    const { databases, ...totals } = priceDifference(before, after, book, metersOf.local);
    expect(databases.map((row) => [row.database, row.differenceMicros])).toEqual([
      ["carts", -16_000_000],
      ["orders", 1_400_000],
      ["stock", 16_000_000],
    ]);
    expect(totals).toMatchObject({ beforeMicros: 32_000_000, afterMicros: 33_400_000, differenceMicros: 1_400_000 });
    expect(priceDifference(null, null, book)).toMatchObject({ differenceMicros: 0, databases: [] });
  });
});

test("money is exact as data and short for people", () => {
  expect([0, 1_500_000, -4, 123_456_789_012].map(moneyText)).toEqual(["0.00", "1.50", "-0.000004", "123456.789012"]);
  expect([0, 1_505_000, 1_515_000, 37, -2_000_000].map((micros) => formatMoney(micros, "USD"))).toEqual([
    "0.00 USD",
    "1.50 USD",
    "1.52 USD",
    "0.000037 USD",
    "-2.00 USD",
  ]);
  expect(formatMoney(1_000_000, "EUR", { sign: true })).toBe("+1.00 EUR");
});

const millionths = (text: string): string => {
  const [whole = "0", places = ""] = text.split(".");
  return whole + places.padEnd(6, "0");
};
const share = (whole: bigint, part: number): bigint => (whole * BigInt(Math.floor(part * 1e9))) / 1_000_000_000n;
const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
