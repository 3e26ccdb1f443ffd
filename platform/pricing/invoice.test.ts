import fc from "fast-check";
import { expect, test } from "vitest";
import type { PriceBook } from "../spec/index.ts";
import {
  checkFocus,
  draftInvoice,
  focusColumns,
  focusRows,
  meterNames,
  monthOf,
  monthSpan,
  quantityText,
  toFocusCsv,
  type UsageInput,
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
const usage = (change: Partial<UsageInput> = {}): UsageInput => ({
  tenant: "acme",
  project: "shop",
  database: "orders",
  meter: "compute_unit_seconds",
  quantity: "7200",
  records: 2,
  commits: ["c0ffee"],
  ...change,
});
const nowMs = Date.UTC(2026, 4, 20, 12);
const invoice = (list: readonly UsageInput[], month = "2026-05") =>
  draftInvoice({ tenant: "acme", month, usage: list, book, nowMs });

test("a month begins and ends at midnight UTC, and anything else is no month", () => {
  expect(monthSpan("2024-02")).toEqual({ month: "2024-02", fromMs: Date.UTC(2024, 1, 1), toMs: Date.UTC(2024, 2, 1) });
  expect(monthSpan("2026-12").toMs).toBe(Date.UTC(2027, 0, 1));
  expect([Date.UTC(2026, 5, 1) - 1, Date.UTC(2026, 5, 1)].map(monthOf)).toEqual(["2026-05", "2026-06"]);
  for (const bad of ["2026-13", "2026-5", "May 2026", "", "2026-05-01", "0000-01"])
    expect(() => monthSpan(bad)).toThrow(expect.objectContaining({ code: "NEB502" }));
});

test("a draft names quantity, price, records and commits of every line, and adds up", () => {
  const list = [
    usage(),
    usage({ tenant: "globex" }),
    usage({ meter: "connection_seconds", quantity: "60", records: 1 }),
  ];
  expect(invoice(list)).toMatchObject({
    id: "draft-acme-2026-05",
    kind: "invoice",
    status: "draft",
    number: null,
    period: { month: "2026-05", from: "2026-05-01T00:00:00.000Z", to: "2026-06-01T00:00:00.000Z", open: true },
    priceBook: "standard",
    lines: [
      {
        database: "orders",
        meter: "compute_unit_seconds",
        quantity: "7200",
        pricedQuantity: "2",
        description: "Compute of shop/orders: 2 unit-hours",
        unitPrice: { amount: "0.04", currency: "USD" },
        price: { amount: "0.08", currency: "USD" },
        records: 2,
        commits: ["c0ffee"],
      },
      { meter: "connection_seconds", micros: 0, description: "Connections of shop/orders: 60 connection-seconds" },
    ],
    totalMicros: 80_000,
    total: { amount: "0.08", currency: "USD" },
  });
  expect(invoice([], "2026-04")).toMatchObject({ period: { open: false }, lines: [], total: { amount: "0.00" } });
});

test("a meter that is not known is refused, not left out", () => {
  expect(() => invoice([usage({ meter: "gpu_seconds" })])).toThrow(expect.objectContaining({ code: "NEB500" }));
});

test("the FOCUS export has a header, a row for each billed line, and the invoice's total", () => {
  const list = fc.array(
    fc.record({
      tenant: fc.constant("acme"),
      project: fc.constantFrom("shop", "web"),
      database: fc.constantFrom("orders", "carts"),
      meter: fc.constantFrom(...meterNames),
      quantity: fc.bigInt({ min: 0n, max: 10n ** 16n }).map(quantityText),
      commits: fc.array(fc.constantFrom("c0ffee", "facade"), { maxLength: 2 }),
    }),
  );
  fc.assert(
    fc.property(list, (records) => {
      const one = invoice(records);
      const [header, ...rows] = parseCsv(toFocusCsv(focusRows([one])));
      expect(header).toEqual(focusColumns);
      const at = (row: string[], name: string) => row[focusColumns.indexOf(name)] ?? "";
      for (const row of rows) expect(row).toHaveLength(focusColumns.length);
      expect(rows).toHaveLength(
        one.lines.filter(({ kind, pricedUnit }) => kind !== "usage" || pricedUnit !== null).length,
      );
      expect(checkFocus(focusRows([one]))).toEqual([]);
      const micros = rows.reduce(
        (sum, row) => sum + BigInt(at(row, "BilledCost").replace(/\.(\d+)$/, (_, p) => p.padEnd(6, "0"))),
        0n,
      );
      expect(micros).toBe(BigInt(one.totalMicros));
    }),
  );
});

test("a row of the export can be read without knowing us", () => {
  const [header = [], row = []] = parseCsv(
    toFocusCsv(focusRows([invoice([usage({ commits: ["c0ffee", "facade"] })])])),
  );
  expect(Object.fromEntries(header.map((name, i) => [name, row[i]]))).toMatchObject({
    BilledCost: "0.08",
    BillingAccountId: "acme",
    BillingPeriodStart: "2026-05-01T00:00:00Z",
    ChargeCategory: "Usage",
    ConsumedQuantity: "7200",
    PricingQuantity: "2",
    PricingUnit: "unit-hour",
    ListUnitPrice: "0.04",
    ResourceId: "acme.shop.orders",
    SubAccountId: "acme.shop",
    x_Commits: "c0ffee facade",
  });
});

test("words never become a formula in a spreadsheet, and numbers stay numbers", () => {
  const made = invoice([usage()]);
  const [line] = made.lines;
  if (line === undefined) throw new Error("no line");
  for (const word of ['=HYPERLINK("http://x.example")', "+1", "-2+3", "@SUM(A1)", "\tx", "\rx"]) {
    const [, row = []] = parseCsv(toFocusCsv(focusRows([{ ...made, lines: [{ ...line, description: word }] }])));
    expect(row[focusColumns.indexOf("ChargeDescription")]).toBe(`'${word}`);
  }
  const [, row = []] = parseCsv(toFocusCsv(focusRows([{ ...made, lines: [{ ...line, micros: -5 }] }])));
  expect(row[focusColumns.indexOf("BilledCost")]).toBe("-0.000005");
});

test("fields are quoted as RFC 4180 says", () => {
  const nasty = { ...invoice([usage()]), currency: 'a "b", c\r\nd' };
  const csv = toFocusCsv(focusRows([nasty]));
  expect(csv).toContain('"a ""b"", c\r\nd"');
  expect(parseCsv(csv)[1]?.[focusColumns.indexOf("BillingCurrency")]).toBe('a "b", c\r\nd');
  expect(csv.endsWith("\r\n")).toBe(true);
});

/** A reader of RFC 4180 that shares nothing with the writer. */
function parseCsv(csv: string): string[][] {
  const rows: string[][] = [[""]];
  let inside = false;
  for (let i = 0; i < csv.length; i++) {
    const row = rows.at(-1) as string[];
    const c = csv[i] as string;
    if (inside && c === '"' && csv[i + 1] === '"') {
      row[row.length - 1] += c;
      i++;
    } else if (c === '"') inside = !inside;
    else if (!inside && c === ",") row.push("");
    else if (!inside && c === "\r" && csv[i + 1] === "\n") {
      rows.push([""]);
      i++;
    } else row[row.length - 1] += c;
  }
  return rows.slice(0, -1);
}
