import Table from "cli-table3";
import { stringify } from "yaml";
import { describeRecord } from "./record.ts";

export const formats = ["table", "json", "yaml"] as const;
export type Format = (typeof formats)[number];

export type Column<Row> = { readonly title: string; readonly value: (row: Row) => string | number | null | undefined };

/** Data goes to standard output: a table for people, the whole rows for programs. */
export function printRows<Row>(rows: readonly Row[], columns: readonly Column<Row>[], format: Format): void {
  if (format !== "table") return printData(rows, format);
  const table = new Table({
    head: columns.map((column) => column.title),
    chars: plain,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
  });
  for (const row of rows) table.push(columns.map((column) => String(column.value(row) ?? "-")));
  process.stdout.write(`${rows.length === 0 ? "nothing to show" : table.toString().replaceAll(/ +$/gm, "")}\n`);
}

/** One thing: lines for people. */
export function printRecord(record: Readonly<Record<string, unknown>>, format: Format): void {
  if (format !== "table") return printData(record, format);
  for (const line of describeRecord(record)) process.stdout.write(`${line}\n`);
}

export function printData(data: unknown, format: Format): void {
  process.stdout.write(format === "yaml" ? stringify(data) : `${JSON.stringify(data, null, 2)}\n`);
}

/** Talk goes to standard error, so that standard output stays data. */
export const say = (line: string): void => void process.stderr.write(`${line}\n`);

const plain = Object.fromEntries(
  [
    "top",
    "top-mid",
    "top-left",
    "top-right",
    "bottom",
    "bottom-mid",
    "bottom-left",
    "bottom-right",
    "left",
    "left-mid",
    "mid",
    "mid-mid",
    "right",
    "right-mid",
    "middle",
  ].map((name) => [name, ""]),
);
