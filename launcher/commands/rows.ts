/** The table of faults and attacks that a test run prints: what was tried, how often, and what the control showed. */
import { existsSync, readFileSync } from "node:fs";
import { columns } from "../print.ts";

export type RowReport = {
  readonly suite: string;
  readonly row: string;
  readonly n: number;
  readonly seed: number;
  readonly violations: number | null;
  readonly bound: string | null;
  readonly control: string | null;
  readonly without: string;
  readonly figures: Readonly<Record<string, number>>;
};

/** Newest line of each row, sorted by suite and name. */
export function readRows(file: string): RowReport[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
  const byRow = new Map(
    lines.map((line) => JSON.parse(line) as RowReport).map((row) => [`${row.suite} ${row.row}`, row]),
  );
  return [...byRow.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

export const rowTable = (rows: readonly RowReport[]): string =>
  columns([
    ["SUITE", "ROW", "N", "BROKEN", "BOUND", "CONTROL (BROKEN IN N)", "SEED", "FIGURES"],
    ...rows.map(({ suite, row, n, violations, bound, control, without, seed, figures }) => [
      suite,
      row,
      String(n),
      String(violations ?? "?"),
      bound ?? "?",
      control === null ? "?" : without === "" ? control : `${control} without ${without}`,
      String(seed),
      Object.entries(figures)
        .map(([name, value]) => `${name} ${value}`)
        .join(", "),
    ]),
  ]);
