/** Answers as people and programs read them. Rows go to standard output, everything about them to standard error. */
import { CommandFailure, exitCodes } from "../failure.ts";
import { printRows, say } from "../output.ts";
import type { Column, Row, SqlAnswer, SqlProblem, SqlResult } from "./types.ts";

export function printAnswer(answer: SqlAnswer, as: "table" | "csv"): void {
  for (const { severity, message, hint } of answer.notices)
    say(`${severity}: ${message}${hint === null ? "" : ` (${hint})`}`);
  if (answer.noticesLost > 0) say(`... and ${answer.noticesLost} more notices`);
  for (const result of answer.results) printResult(result, as);
  if (answer.wokeMs !== null) say(`(it slept; woke in ${Math.round(answer.wokeMs)} ms)`);
}

function printResult(result: SqlResult, as: "table" | "csv"): void {
  const { command, rowCount, columns, rows, truncated, plan } = result;
  if (plan !== null) return void process.stdout.write(`${planText(plan)}\n`);
  if (columns.length === 0) return say(rowCount === null ? command : `${command} ${rowCount}`);
  if (as === "csv") printCsv(columns, rows);
  else {
    if (rows.length > 0) printRows(rows, tableColumns(columns), "table");
    else process.stdout.write(`${columns.map(({ name }) => name).join("  ")}\n`);
    say(`(${rows.length} ${rows.length === 1 ? "row" : "rows"}${truncated ? ", and more: --max-rows or --all" : ""})`);
  }
  if (as === "csv" && truncated) say(`only the first ${rows.length} rows: --max-rows or --all gives more`);
}

const tableColumns = (columns: readonly Column[]) =>
  columns.map(({ name }, at) => ({ title: name, value: (row: Row) => printable(row[at] ?? null) }));

/** What a database holds must not steer a terminal. */
export const printable = (cell: string | null): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  cell === null ? "" : cell.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd");

/** RFC 4180. Nothing between commas is null; an empty text is quoted. */
export function printCsv(columns: readonly Column[] | null, rows: readonly Row[]): void {
  const lines = rows.map((row) => row.map(csvCell).join(","));
  if (columns !== null) lines.unshift(columns.map(({ name }) => csvCell(name)).join(","));
  if (lines.length > 0) process.stdout.write(`${lines.join("\r\n")}\r\n`);
}

const csvCell = (cell: string | null): string => {
  if (cell === null) return "";
  return cell === "" || /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
};

type PlanNode = { readonly [name: string]: unknown } & { readonly Plans?: readonly PlanNode[] };

/** The tree as text, one line a node. */
export function planText(plan: unknown): string {
  const [top] = plan as readonly { readonly Plan: PlanNode; readonly [name: string]: unknown }[];
  if (top === undefined) return "";
  const lines: string[] = [];
  const walk = (node: PlanNode, depth: number) => {
    const of = node["Relation Name"] ?? node["Index Name"] ?? node["CTE Name"];
    const actual =
      node["Actual Rows"] === undefined
        ? ""
        : `  actual ${node["Actual Total Time"]} ms, ${node["Actual Rows"]} rows, ${node["Actual Loops"]}x`;
    const what = `${node["Node Type"]}${of === undefined ? "" : ` on ${of}`}`;
    lines.push(
      `${"  ".repeat(depth)}${depth === 0 ? "" : "-> "}${what}  cost ${node["Total Cost"]}, ${node["Plan Rows"]} rows${actual}`,
    );
    for (const name of ["Index Cond", "Filter", "Hash Cond", "Join Filter", "Sort Key"])
      if (node[name] !== undefined) lines.push(`${"  ".repeat(depth + 1)}   ${name}: ${String(node[name])}`);
    for (const child of node.Plans ?? []) walk(child, depth + 1);
  };
  walk(top.Plan, 0);
  for (const name of ["Planning Time", "Execution Time"])
    if (top[name] !== undefined) lines.push(`${name}: ${top[name]} ms`);
  return lines.join("\n");
}

/** undefined when it was done. */
export function failureOf(answer: SqlAnswer, sql: string): CommandFailure | undefined {
  if (answer.status === "done") return undefined;
  const { problem, status, transaction } = answer;
  const said = problem === null ? status : describe(problem, sql);
  const became = transaction === "rolled-back" ? "\nEverything of this request was undone." : "";
  return new CommandFailure(`${status === "failed" ? "" : `${status}: `}${said}${became}`, {
    exitCode: status === "timed-out" ? exitCodes.timeout : exitCodes.error,
    hint: problem?.hint ?? undefined,
    code: problem?.sqlstate,
  });
}

function describe({ severity, message, detail, line, column, where }: SqlProblem, sql: string): string {
  const text = line === null ? undefined : sql.split("\n")[line - 1];
  const shown =
    text === undefined || column === null
      ? ""
      : `\nline ${line}: ${text}\n${" ".repeat(`line ${line}: `.length + column - 1)}^`;
  return `${severity}: ${message}${shown}${detail === null ? "" : `\n${detail}`}${where === null ? "" : `\n${where}`}`;
}
