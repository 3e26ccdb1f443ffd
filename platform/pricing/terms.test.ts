import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PriceBook, PriceName } from "../spec/index.ts";
import {
  billedMicros,
  type CreditInput,
  checkFocus,
  creditNote,
  draftInvoice,
  estimateRates,
  focusRows,
  formatMoney,
  type InvoiceInput,
  type Meter,
  meterNames,
  meters,
  minorUnitMicros,
  planDays,
  prorate,
  quantityText,
  rate,
  termsFor,
  totalMicros,
  type UsageInput,
  versionFor,
} from "./index.ts";
import { priceOf } from "./ladder.ts";

const hour = 3_600_000;
const day = 24 * hour;
const book: PriceBook = {
  id: "list-1",
  currency: "USD",
  prices: {
    computeUnitHourMicros: 80_000,
    storageGibMonthMicros: 120_000,
    backupGibMonthMicros: 50_000,
    egressGibMicros: 90_000,
    apiMillionRequestsMicros: 400_000,
  },
};
const stepped: PriceBook = {
  ...book,
  tiers: {
    computeUnitHour: [
      { upTo: "10", micros: 80_000 },
      { upTo: "100", micros: 60_000 },
      { upTo: null, micros: 50_000 },
    ],
  },
  plans: {
    standard: { feeMicros: 31_000_000, minimumMicros: 0, included: { computeUnitHour: "5" } },
    large: { feeMicros: 310_000_000, minimumMicros: 400_000_000, included: {} },
  },
};
const hours = (database: string, unitHours: number): UsageInput => ({
  ...{ tenant: "acme", project: "shop", database, meter: "compute_unit_seconds" },
  ...{ quantity: String(unitHours * 3600), records: 1, commits: ["c0ffee"] },
});
const may = { month: "2026-05", fromMs: Date.UTC(2026, 4), toMs: Date.UTC(2026, 5) };
const all = (plan: string) => [{ plan, fromMs: may.fromMs, toMs: may.toMs }];
const draft = (of: Partial<InvoiceInput> = {}) =>
  draftInvoice({ tenant: "acme", month: "2026-05", usage: [], book, nowMs: may.toMs, ...of });
const said = (of: Partial<InvoiceInput>) =>
  draft(of).lines.map(({ kind, database, tier, pricedQuantity, micros }) => [
    ...[kind, database ?? tier, tier, pricedQuantity, micros / 1_000_000].filter((one) => one !== null),
  ]);

describe("steps of a price", () => {
  const rates = termsFor(stepped, { tenant: "acme", plan: "standard", month: "2026-05" }).rates;

  test("begin above what is included, and a quantity on two steps is two lines", () => {
    const lines = rate([{ ...hours("orders", 20), meter: "compute_unit_seconds" }], rates);
    expect(
      lines.map(({ tier, pricedQuantity, unitMicros, micros }) => [tier, pricedQuantity, unitMicros, micros]),
    ).toEqual([
      ["included", "5", 0, 0],
      ["up to 10", "10", 80_000, 800_000],
      ["up to 100", "5", 60_000, 300_000],
    ]);
    expect(lines.map((line) => line.listMicros)).toEqual([400_000, 800_000, 400_000]);
  });

  test("are of the tenant's whole month: databases take of them in the order of their names", () => {
    const usage = [hours("zoo", 10), hours("carts", 10)];
    expect(said({ usage, book: stepped, plans: all("standard") }).slice(0, 4)).toEqual([
      ["usage", "carts", "included", "5", 0],
      ["usage", "carts", "up to 10", "5", 0.4],
      ["usage", "zoo", "up to 10", "5", 0.4],
      ["usage", "zoo", "up to 100", "5", 0.3],
    ]);
    expect(said({ usage: usage.toReversed(), book: stepped, plans: all("standard") })).toEqual(
      said({ usage, book: stepped, plans: all("standard") }),
    );
  });

  test("one tenant's use is not another's", () => {
    const two = rate(
      ["acme", "globex"].map((tenant) => ({ ...hours("orders", 6), tenant, meter: "compute_unit_seconds" as const })),
      rates,
    );
    expect(two.map(({ tenant, tier }) => `${tenant} ${tier}`)).toEqual([
      ...["acme included", "acme up to 10", "globex included", "globex up to 10"],
    ]);
  });

  test("cost what a plain sum over the units says, wherever the bounds and the databases lie", () => {
    const whole = fc.integer({ min: 0, max: 400 });
    fc.assert(
      fc.property(fc.array(whole, { maxLength: 6 }), whole, whole, whole, (used, free, a, b) => {
        const micros = [90_000, 70_000, 30_000];
        const bounds = [a + 1, a + 1 + b + 1];
        const tiers = [
          { upTo: String(bounds[0]), micros: micros[0] as number },
          { upTo: String(bounds[1]), micros: micros[1] as number },
          { upTo: null, micros: micros[2] as number },
        ];
        const usage = used.map((units, i) => ({ ...hours(`d${i}`, units), meter: "compute_unit_seconds" as const }));
        const lines = rate(usage, {
          ...book,
          tiers: { computeUnitHour: tiers },
          included: { computeUnitHour: String(free) },
        });
        const total = used.reduce((sum, units) => sum + units, 0);
        let expected = 0;
        for (let unit = 0; unit < total - free; unit++)
          expected += micros[bounds.filter((bound) => unit >= bound).length] as number;
        expect(totalMicros(lines)).toBe(expected);
        for (const [i, units] of used.entries()) {
          const own = lines.filter(({ database }) => database === `d${i}`);
          expect(own.reduce((sum, line) => sum + Number(line.quantity), 0)).toBe(units * 3600);
        }
      }),
    );
  });
});

describe("meters that share a price", () => {
  test("have one unit, and share its steps and what is included", () => {
    for (const [meter, name] of Object.entries(priceOf) as [Meter, PriceName | null][]) {
      expect(meters[meter].price === null, meter).toBe(name === null);
      const [first] = meterNames.filter((one) => priceOf[one] === name);
      if (name !== null)
        expect([meter, meters[meter].price?.divisor]).toEqual([meter, meters[first as Meter].price?.divisor]);
    }
    const gibMonths = (meter: Meter, n: number) => ({
      ...{ tenant: "acme", project: "shop", database: meter, meter, quantity: String(n * 730 * 2 ** 30) },
    });
    const lines = rate([gibMonths("storage_byte_hours", 8), gibMonths("branch_storage_byte_hours", 8)], {
      ...book,
      included: { storageGibMonth: "10" },
    });
    expect(lines.map(({ meter, tier, pricedQuantity }) => [meter, tier, pricedQuantity])).toEqual([
      ["branch_storage_byte_hours", "included", "8"],
      ["storage_byte_hours", "included", "2"],
      ["storage_byte_hours", null, "6"],
    ]);
  });
});

describe("terms", () => {
  test("are those of the version in force in the month, and of none where there is none", () => {
    const versions = [
      { ...book, from: "2026-01", until: "2026-05" },
      { ...book, id: "list-2", from: "2026-05", until: "2026-07" },
    ];
    const both: PriceBook = { ...(versions[0] as PriceBook), versions };
    expect(["2026-01", "2026-04", "2026-05", "2026-06"].map((month) => versionFor(both, month).id)).toEqual([
      ...["list-1", "list-1", "list-2", "list-2"],
    ]);
    for (const month of ["2025-12", "2026-07"])
      expect(() => versionFor(both, month)).toThrow(expect.objectContaining({ code: "NEB536" }));
    expect(() => versionFor(both, "soon")).toThrow(expect.objectContaining({ code: "NEB502" }));
    expect(versionFor(book, "1999-01").id).toBe("list-1");
  });

  test("put what was agreed with a tenant before its plan and the list", () => {
    const agreed: PriceBook = {
      ...stepped,
      tenants: {
        acme: {
          prices: { computeUnitHour: [{ upTo: null, micros: 10_000 }] },
          included: {},
          feeMicros: 0,
          minimumMicros: 1,
        },
      },
    };
    const own = termsFor(agreed, { tenant: "acme", plan: "standard", month: "2026-05" });
    expect(own.rates.tiers).toBeUndefined();
    expect(own.rates.prices.computeUnitHourMicros).toBe(10_000);
    expect(own.rates.list?.computeUnitHourMicros).toBe(80_000);
    expect(own.rates.included).toBeUndefined();
    expect(own.planOf("large")).toEqual({ feeMicros: 0, minimumMicros: 1 });
    const other = termsFor(agreed, { tenant: "globex", plan: "standard", month: "2026-05" });
    expect(other.rates.prices.computeUnitHourMicros).toBe(80_000);
    expect(other.rates.included).toEqual({ computeUnitHour: "5" });
  });

  test("of a tenant without a plan, or on one without a price, are refused by code", () => {
    const named = estimateRates({ ...book, tenants: {} }, { tenant: "constructor", month: "2026-05" });
    expect(named).toEqual({ id: "list-1", currency: "USD", prices: book.prices });
    for (const plan of [null, "gold", "constructor"])
      expect(() => termsFor(stepped, { tenant: "acme", plan, month: "2026-05" })).toThrow(
        expect.objectContaining({ code: "NEB535" }),
      );
    expect(() => draft({ book: stepped })).toThrow(expect.objectContaining({ code: "NEB535" }));
    expect(termsFor(book, { tenant: "acme", plan: null, month: "2026-05" }).planOf(null)).toEqual({
      feeMicros: 0,
      minimumMicros: 0,
    });
  });

  test("of an estimate leave out what the tenant's plan includes", () => {
    expect(estimateRates(stepped, { tenant: "acme", month: "2026-05" })).not.toHaveProperty("included");
  });
});

describe("a plan's fee", () => {
  test("is of the days: a day is of the plan at its end, and no day is billed twice", () => {
    const change = may.fromMs + 9 * day + 15 * hour;
    const plans = [
      { plan: "standard", fromMs: may.fromMs - 40 * day, toMs: change },
      { plan: "large", fromMs: change, toMs: may.toMs + day },
    ];
    expect(planDays(plans, may).map(({ plan, days }) => [plan, days])).toEqual([
      ["standard", 9],
      ["large", 22],
    ]);
    expect(said({ book: stepped, plans })).toEqual([
      ["plan", "1", 9],
      ["plan", "1", 220],
      ["minimum", Number((400 * (22 / 31) - 229).toFixed(6))],
      ["rounding", expect.any(Number)],
    ]);
  });

  test("adds up to the month, however often it changes", () => {
    const cuts = fc.array(fc.integer({ min: 0, max: 31 * 24 }), { maxLength: 12 });
    fc.assert(
      fc.property(cuts, (at) => {
        const edges = [0, ...at.sort((a, b) => a - b), 31 * 24].map((h) => may.fromMs + h * hour);
        const stretches = edges
          .slice(1)
          .map((toMs, i) => ({ plan: i % 2 ? "a" : "b", fromMs: edges[i] as number, toMs }));
        const days = planDays(stretches, may);
        expect(days.reduce((sum, one) => sum + one.days, 0)).toBe(31);
      }),
    );
    expect(prorate(10, { days: 1, ofDays: 4 })).toBe(2);
    expect(prorate(10, { days: 3, ofDays: 4 })).toBe(8);
  });

  test("ends with the tenant, and begins with it", () => {
    const gone = [{ plan: "standard", fromMs: 0, toMs: may.fromMs + 10 * day }];
    expect(said({ book: stepped, plans: gone })).toEqual([["plan", "1", 10]]);
    const came = [{ plan: "standard", fromMs: may.toMs - hour, toMs: Number.MAX_SAFE_INTEGER }];
    expect(said({ book: stepped, plans: came })).toEqual([["plan", "1", 1]]);
  });
});

describe("an invoice", () => {
  const credit = (id: string, units: number, currency = "USD"): CreditInput => ({
    ...{ id, currency, remainingMicros: units * 1_000_000, description: id },
  });

  test("takes credits before tax, in their order, and never more than there is", () => {
    const taxed: PriceBook = { ...book, tenants: { acme: { tax: { name: "VAT", rateMicros: 190_000 } } } };
    const made = draft({
      book: taxed,
      usage: [hours("orders", 1000)],
      credits: [credit("one", 30), credit("two", 30)],
    });
    expect(made.lines.map(({ kind, micros }) => [kind, micros / 1_000_000])).toEqual([
      ["usage", 80],
      ["credit", -30],
      ["credit", -30],
      ["tax", 3.8],
    ]);
    expect(made).toMatchObject({ subtotalMicros: 80_000_000, creditMicros: -60_000_000, taxMicros: 3_800_000 });
    expect(made.total).toEqual({ amount: "23.80", currency: "USD" });
    expect(draft({ usage: [hours("orders", 10)], credits: [credit("one", 30)] }).credits).toEqual([
      { credit: "one", micros: 800_000 },
    ]);
    expect(() => draft({ credits: [credit("one", 1, "EUR")] })).toThrow(expect.objectContaining({ code: "NEB537" }));
  });

  test("has a tax of whole cents on whole cents, and uses whole cents of a credit", () => {
    const tax = { name: "VAT", rateMicros: 77_000 };
    const taxed = (currency: string): PriceBook => ({ ...book, currency, tenants: { acme: { tax } } });
    const usage = [hours("orders", 0.4375), hours("web", 3)];
    const made = draft({ book: taxed("USD"), usage, credits: [{ ...credit("odd", 0), remainingMicros: 54_999 }] });
    expect(
      made.lines.map(({ kind, description, micros }) => [kind, micros, kind === "tax" ? description : ""]),
    ).toEqual([
      ["usage", 35_000, ""],
      ["usage", 240_000, ""],
      ["rounding", 5_000, ""],
      ["credit", -50_000, ""],
      // 0.23 * 0.077 is 0.01771
      ["tax", 20_000, "VAT 7.7 % of 0.23"],
    ]);
    expect(draft({ book: taxed("JPY"), usage: [hours("orders", 100)] }).totalMicros).toBe(9_000_000);
    expect(draft({ book: taxed("BHD"), usage: [hours("orders", 0.4375)] })).toMatchObject({
      subtotalMicros: 35_000,
      taxMicros: 3_000,
      total: { amount: "0.038", currency: "BHD" },
    });
    expect(formatMoney(38_000, "BHD")).toBe("0.038 BHD");
    expect(formatMoney(38_000, "USD")).toBe("0.04 USD");
  });

  test("is refused where it is more than can be counted exactly", () => {
    const dear: PriceBook = { ...book, prices: { ...book.prices, computeUnitHourMicros: 999_999_999_000_000 } };
    expect(() => draft({ book: dear, usage: [hours("orders", 1000)] })).toThrow(
      expect.objectContaining({ code: "NEB501" }),
    );
  });

  test("is a whole number of cents, by a line that says so", () => {
    const made = draft({ usage: [hours("orders", 0.0625)] });
    expect(made.lines.map(({ kind, micros }) => [kind, micros])).toEqual([
      ["usage", 5_000],
      ["rounding", -5_000],
    ]);
    expect([..."USD EUR JPY BHD".split(" ")].map(minorUnitMicros)).toEqual([10_000, 10_000, 1_000_000, 1_000]);
    // The runtime's list says none for these, and another version of it something else.
    expect([..."HUF COP IDR IQD UGX".split(" ")].map(minorUnitMicros)).toEqual([
      10_000, 10_000, 10_000, 1_000, 1_000_000,
    ]);
  });

  test("and its credit note are nothing together, line by line and in the export", () => {
    const made = {
      ...draft({ usage: [hours("orders", 12.345678)], book: stepped, plans: all("standard") }),
      number: "I-1",
    };
    const back = { ...creditNote(made, "wrong plan", may.toMs), number: "C-1" };
    expect(back.totalMicros).toBe(-made.totalMicros);
    expect(back.lines.map(({ micros }) => micros)).toEqual(made.lines.map(({ micros }) => 0 - micros));
    expect(checkFocus(focusRows([made, back]))).toEqual([]);
    expect(billedMicros(focusRows([made, back]))).toBe(0n);
    expect(focusRows([back])[0]).toMatchObject({ ChargeClass: "Correction", InvoiceId: "C-1" });
  });

  test("equals the sum of BilledCost, and its rows keep the rules of FOCUS, whatever is in it", () => {
    const usage = fc.array(
      fc.record({
        ...{ tenant: fc.constant("acme"), project: fc.constantFrom("shop", "web") },
        ...{ database: fc.constantFrom("orders", "carts"), meter: fc.constantFrom(...meterNames) },
        quantity: fc.bigInt({ min: 0n, max: 10n ** 15n }).map(quantityText),
      }),
    );
    const credits = fc.array(
      fc.integer({ min: 0, max: 50 }).map((units) => credit("gift", units)),
      { maxLength: 3 },
    );
    const rateMicros = fc.integer({ min: 0, max: 300_000 });
    fc.assert(
      fc.property(usage, credits, rateMicros, fc.constantFrom("standard", "large"), (list, gifts, tax, plan) => {
        const taxed = { ...stepped, tenants: { acme: { tax: { name: "VAT", rateMicros: tax } } } };
        const made = draft({ usage: list, credits: gifts, book: taxed, plans: all(plan) });
        const rows = focusRows([made]);
        expect(checkFocus(rows)).toEqual([]);
        expect(billedMicros(rows)).toBe(BigInt(made.totalMicros));
        expect(made.totalMicros % 10_000).toBe(0);
        expect(made.totalMicros).toBeGreaterThanOrEqual(0);
        expect(totalMicros(made.lines)).toBe(made.totalMicros);
        expect(made.lines.map(({ position }) => position)).toEqual(made.lines.map((_, i) => i + 1));
      }),
    );
  });

  test("the check of the rules finds what breaks them", () => {
    const [row = {}] = focusRows([draft({ usage: [hours("orders", 10)] })]);
    const broken = (change: object) => checkFocus([{ ...row, ...change }]).length;
    expect(broken({})).toBe(0);
    for (const change of [
      ...[{ BilledCost: null }, { BilledCost: "1e3" }, { BillingCurrency: "usd" }, { ChargeCategory: "Use" }],
      ...[{ ChargePeriodEnd: "2026-05-01" }, { PricingUnit: null }, { ContractedUnitPrice: "9.00" }, { SkuId: null }],
      ...[{ ChargeCategory: "Tax" }, { ChargePeriodStart: "2026-04-30T00:00:00Z" }, { ResourceType: null }],
    ])
      expect(broken(change), JSON.stringify(change)).toBeGreaterThan(0);
  });
});
