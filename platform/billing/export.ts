import {
  billedMicros,
  checkFocus,
  type FocusInvoice,
  type FocusRow,
  type FocusType,
  focusColumns,
  focusRows,
  focusTypes,
} from "../pricing/index.ts";
import { notFocus } from "./errors.ts";

/**
 * The rows of an export, held against the rules and the invoices before anybody gets them.
 * @throws NEB546 where a rule is broken or the sum of BilledCost is another than the invoices'.
 */
export function exportRows(invoices: readonly FocusInvoice[]): FocusRow[] {
  const rows = focusRows(invoices);
  const problems = checkFocus(rows);
  const billed = invoices.reduce(
    (sum, { lines }) => sum + lines.reduce((all, { micros }) => all + BigInt(micros), 0n),
    0n,
  );
  if (billedMicros(rows) !== billed)
    problems.push(`the rows are ${billedMicros(rows)} micro-units, the invoices ${billed}`);
  if (problems.length > 0) throw notFocus(problems.slice(0, 5).join("; "));
  return rows;
}

/** Money as DECIMAL(18, 6), quantities as DECIMAL(38, 6), both exact; times as milliseconds since the epoch. */
export async function toFocusParquet(rows: readonly FocusRow[]): Promise<Uint8Array> {
  const { parquetWriteBuffer } = await import("hyparquet-writer"); // 5 MB, for the few who export by it
  const schema = [
    { name: "focus", num_children: focusColumns.length },
    ...focusColumns.map((name) => ({
      ...elements[focusTypes[name] ?? "text"],
      ...{ name, repetition_type: "OPTIONAL" as const },
    })),
  ];
  const columnData = focusColumns.map((name) => {
    const type = focusTypes[name] ?? "text";
    return { name, data: rows.map((row) => toValue(type, row[name] ?? null)) };
  });
  return new Uint8Array(parquetWriteBuffer({ schema, columnData }));
}

const elements = {
  text: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  money: { type: "INT64", converted_type: "DECIMAL", precision: 18, scale: 6 },
  decimal: { type: "FIXED_LEN_BYTE_ARRAY", type_length: 16, converted_type: "DECIMAL", precision: 38, scale: 6 },
  time: { type: "INT64", converted_type: "TIMESTAMP_MILLIS" },
} as const satisfies Record<FocusType, object>;

/** Of a decimal its millionths: a number would be a float on the way. */
function toValue(type: FocusType, text: string | null): string | bigint | Date | null {
  if (text === null || type === "text") return text;
  if (type === "time") return new Date(text);
  const [, sign = "", whole, places = ""] = /^(-?)(\d+)(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  if (whole === undefined) throw notFocus(`${JSON.stringify(text)} is no decimal with at most six places`);
  return BigInt(`${sign}${whole}${places.padEnd(6, "0")}`);
}
