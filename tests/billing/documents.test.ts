import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  closeMonth,
  exportRows,
  type IssuedInvoice,
  invoiceHtml,
  invoiceLetter,
  invoicePdf,
  toFocusParquet,
  voidInvoice,
} from "../../platform/billing/index.ts";
import { billedMicros, focusColumns, toFocusCsv } from "../../platform/pricing/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { declare, later, may, prices, use } from "./ground.ts";

let db: TestDatabase;
let invoice: IssuedInvoice;
let papers: readonly IssuedInvoice[];

beforeAll(async () => {
  db = await testDatabase();
  const billTo = { name: 'Shop <&> "Söhne"', address: ["1 Road", "Town"], email: "bills@shop.example", taxId: "DE1" };
  await declare(db.sql, {
    book: {
      ...prices,
      plans: { standard: { feeMicros: 25_000_000, minimumMicros: 0, included: { computeUnitHour: "1" } } },
      tenants: { shop: { billTo, tax: { name: "VAT", rateMicros: 190_000 } } },
      issuer: { name: "Nebula Ltd", address: ["2 Road"], taxId: "X9" },
    },
  });
  await use(
    db.sql,
    { hour: 1, quantity: "7201.5" },
    { hour: 1, meter: "storage_byte_hours", quantity: "123456789012" },
  );
  const closed = await closeMonth(db.sql, { tenant: "shop", month: may.month, nowMs: later });
  if (closed.kind !== "issued") throw new Error(closed.kind);
  invoice = closed.invoice;
  const reversed = await voidInvoice(db.sql, { invoice: invoice.id, reason: "x", nowMs: later });
  papers = [reversed.invoice, reversed.creditNote];
});
afterAll(() => db?.close());

test("the export of an invoice is its total to the micro-unit, in every format", async () => {
  const rows = exportRows([invoice]);
  expect(billedMicros(rows)).toBe(BigInt(invoice.totalMicros));
  const csv = toFocusCsv(rows);
  expect(csv.split("\r\n")).toHaveLength(rows.length + 2);
  expect(rows.every(({ InvoiceIssuerName }) => InvoiceIssuerName === "Nebula Ltd")).toBe(true);
  const bytes = await toFocusParquet(rows);
  const read = await parquetReadObjects({ file: bytes.buffer.slice(0, bytes.byteLength) as ArrayBuffer });
  const exact = parquetMetadata(bytes.buffer.slice(0, bytes.byteLength) as ArrayBuffer).schema.filter(
    ({ scale }) => scale === 6,
  );
  expect(exact.map(({ name }) => name)).toEqual(focusColumns.filter((name) => /Cost$|Price$|Quantity$/.test(name)));
  expect(read.map((row) => Object.keys(row))).toEqual(rows.map(() => [...focusColumns]));
  const micros = read.reduce((sum, row) => sum + Math.round(Number(row.BilledCost) * 1_000_000), 0);
  expect(micros).toBe(invoice.totalMicros);
  for (const [index, row] of read.entries()) {
    expect(row.ChargeDescription).toBe(rows[index]?.ChargeDescription);
    expect(row.ResourceId ?? null).toBe(rows[index]?.ResourceId);
    expect(row.BillingPeriodStart).toEqual(new Date(may.fromMs));
    expect(Number(row.PricingQuantity ?? 0)).toBeCloseTo(Number(rows[index]?.PricingQuantity ?? 0), 6);
  }
});

test("an invoice and its credit note are nothing together, and a line that was tampered with is not exported", () => {
  expect(billedMicros(exportRows(papers))).toBe(0n);
  const [line, ...others] = invoice.lines;
  if (line === undefined) throw new Error("no line");
  const tampered = { ...invoice, lines: [{ ...line, unitMicros: 1_000_000_000 }, ...others] };
  expect(() => exportRows([tampered])).toThrow(expect.objectContaining({ code: "NEB546" }));
});

test("the page says what the invoice says, and nothing of it is taken for markup", () => {
  const html = invoiceHtml(invoice);
  for (const text of [
    "Invoice INV-000001",
    "Nebula Ltd",
    "VAT 19 %",
    "Tax number DE1",
    "Shop &lt;&amp;&gt; &quot;Söhne&quot;",
  ])
    expect(html).toContain(text);
  expect(html).not.toContain("<&>");
  expect(html).not.toMatch(/<script|src=|href=/);
  const sum = [...html.matchAll(/<td class="n">(-?[\d.]+)<\/td><\/tr>/g)].length;
  expect(sum).toBe(invoice.lines.length);
});

test("the PDF is one, is the same each time, and goes on over pages", async () => {
  const pdf = await invoicePdf(invoice);
  expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
  expect(pdf.subarray(-6).toString()).toContain("EOF");
  const pages = (of: Buffer) => of.toString("latin1").match(/\/Type \/Page\b(?!s)/g)?.length;
  expect(pages(pdf)).toBe(1);
  expect((await invoicePdf(invoice)).equals(pdf)).toBe(true);
  const many = Array.from({ length: 120 }, (_, i) => ({
    ...(invoice.lines[0] as (typeof invoice.lines)[number]),
    position: i + 1,
  }));
  expect(pages(await invoicePdf({ ...invoice, lines: many }))).toBeGreaterThan(2);
});

test("the letter has the amount in its subject and the document with it", async () => {
  const letter = await invoiceLetter(invoice);
  expect(letter.subject).toContain("INV-000001");
  expect(letter.subject).toContain(`${invoice.total.amount} USD`);
  expect(letter.attachments).toMatchObject([{ name: "INV-000001.pdf", type: "application/pdf" }]);
  expect((await invoiceLetter(papers[1] as IssuedInvoice)).subject).toContain("Credit note CN-000001");
});
