import { formatMoney, type InvoiceLine } from "../pricing/index.ts";
import { exact, factsOf, footnote, type Printable, partyLines, titleOf } from "./html.ts";

const margin = 50;
const right = 545;
const bottom = 770;
/** Left edges, and where right-aligned ones end: an amount of seventeen characters has its place in one line. */
const at = { position: margin, what: 75, quantity: 285, price: 370, amount: 450 };

/** An invoice as PDF (A4). The same invoice gives the same pages: nothing is read from a clock. */
export async function invoicePdf(invoice: Printable): Promise<Buffer> {
  const made = invoice.issuedAt ?? new Date(invoice.madeAt);
  const info = {
    Title: titleOf(invoice),
    Author: invoice.issuer.name,
    Creator: "NebulaDB",
    CreationDate: made,
    ModDate: made,
  };
  const { default: PDFDocument } = await import("pdfkit"); // with its fonts 15 MB, which most processes never need
  const document = new PDFDocument({ size: "A4", margin, info });
  const parts: Buffer[] = [];
  document.on("data", (part: Buffer) => parts.push(part));
  const ended = new Promise<void>((resolve, reject) => document.on("end", resolve).on("error", reject));
  writeHead(document, invoice);
  writeLines(document, invoice);
  document.end();
  await ended;
  return Buffer.concat(parts);
}

function writeHead(document: PDFKit.PDFDocument, invoice: Printable): void {
  document
    .font("Helvetica-Bold")
    .fontSize(20)
    .text(printable(titleOf(invoice)));
  document.moveDown(0.5).font("Helvetica").fontSize(10);
  for (const line of partyLines(invoice.issuer)) document.text(printable(line));
  document.moveDown().font("Helvetica-Bold").text("To").font("Helvetica");
  for (const line of partyLines(invoice.billTo ?? { name: invoice.tenant })) document.text(printable(line));
  document.moveDown();
  for (const line of factsOf(invoice)) document.text(printable(line));
  document.moveDown();
}

function writeLines(document: PDFKit.PDFDocument, invoice: Printable): void {
  writeTitles(document, invoice.currency);
  for (const line of invoice.lines) {
    const height = document.heightOfString(printable(line.description), { width: at.quantity - at.what - 5 }) + 4;
    if (document.y + height > bottom) {
      document.addPage();
      writeTitles(document, invoice.currency);
    }
    writeLine(document, line, height);
  }
  const y = document.y + 6;
  document
    .moveTo(margin, y - 3)
    .lineTo(right, y - 3)
    .stroke();
  document.font("Helvetica-Bold").text("Total", at.what, y);
  document.text(printable(formatMoney(invoice.totalMicros, invoice.currency)), at.price, y, {
    width: right - at.price,
    align: "right",
  });
  document
    .font("Helvetica")
    .fontSize(8)
    .moveDown(2)
    .text(printable(footnote(invoice)), margin);
}

function writeTitles(document: PDFKit.PDFDocument, currency: string): void {
  const { y } = document;
  document.font("Helvetica-Bold").fontSize(9);
  document.text("#", at.position, y).text("What", at.what, y);
  document.text("Quantity", at.quantity, y, { width: at.price - at.quantity - 5, align: "right" });
  document.text("Price", at.price, y, { width: at.amount - at.price - 5, align: "right" });
  document.text(currency, at.amount, y, { width: right - at.amount, align: "right" });
  document
    .moveTo(margin, y + 12)
    .lineTo(right, y + 12)
    .stroke();
  document.font("Helvetica").fontSize(9);
  document.y = y + 16;
}

function writeLine(document: PDFKit.PDFDocument, line: InvoiceLine, height: number): void {
  const { y } = document;
  const { position, description, pricedQuantity, unitPrice, micros } = line;
  document.text(String(position), at.position, y);
  document.text(printable(description), at.what, y, { width: at.quantity - at.what - 5 });
  if (pricedQuantity !== null) {
    document.text(pricedQuantity, at.quantity, y, { width: at.price - at.quantity - 5, align: "right" });
    document.text(unitPrice.amount, at.price, y, { width: at.amount - at.price - 5, align: "right" });
  }
  document.text(exact(micros), at.amount, y, { width: right - at.amount, align: "right" });
  document.y = y + height;
}

/** The fonts that every reader has know Latin letters alone; another letter would be printed as a wrong one. */
const printable = (text: string): string => text.replaceAll(/[^\u0020-\u007e\u00a0-\u00ff]/gu, "?");
