import { printRows } from "../output.ts";
import { printable } from "../sql/print.ts";

/** What a pull request's migrations would do, as the portal serves it. */
export type MigrationReview = {
  readonly database: string;
  readonly files: readonly string[];
  /** On what they were rehearsed, or why they were not. */
  readonly on: string;
  readonly findings: readonly {
    readonly level: string;
    readonly id: string;
    readonly risk?: string;
    readonly path: string;
    readonly line: number;
    readonly message: string;
    readonly hint: string;
    readonly allowed?: string | null;
  }[];
  readonly rehearsal: Rehearsal | null;
  /** What is amiss after them and was not before. */
  readonly advice?: readonly {
    readonly level: string;
    readonly title: string;
    readonly object: string;
    readonly fix?: string;
  }[];
};

type Touched = { readonly table: string; readonly rows: number; readonly bytes: number };
type Rehearsal = {
  readonly problem?: unknown;
  readonly difference: readonly string[];
  readonly byHand?: readonly string[];
  readonly files?: readonly {
    readonly path: string;
    readonly statements: readonly {
      readonly line: number;
      readonly ms: number;
      readonly locks: readonly (Touched & { readonly mode: string })[];
    }[];
    readonly rewrites: readonly Touched[];
  }[];
};

/** The rehearsal of each database's new migrations: the rules that they meet, what they lock, and what the schema becomes. */
export function printMigrations(stack: string, reviews: readonly MigrationReview[]): void {
  for (const review of reviews) if (review.files.length > 0) printOne(stack, review);
}

function printOne(stack: string, { database, files, on, findings, rehearsal, advice = [] }: MigrationReview): void {
  const failed = rehearsal?.problem == null ? "" : ", and failed there";
  line(`\nMigrations of ${stack}.${database}: ${files.join(", ")}`);
  line(rehearsal === null ? on : `rehearsed on ${on}${failed}`);
  table("Rules", findings, [
    ["WHERE", ({ path, line: at }) => `${nameOf(path)}:${at}`],
    ["RULE", ({ id, level, allowed }) => `${id} (${allowed == null ? level : "allowed"})`],
    ["IT", ({ message }) => message],
    ["RISK", ({ risk }) => risk],
    ["WAY OUT", ({ hint, allowed }) => allowed ?? hint],
  ]);
  table("Locks and rewrites", effectsOf(rehearsal), [
    ["WHERE", ({ where }) => where],
    ["TAKES", ({ takes }) => takes],
    ["ON", ({ on }) => on.table],
    ["ROWS", ({ on }) => on.rows],
    ["SIZE", ({ on }) => `${Math.ceil(on.bytes / 1024)} KiB`],
  ]);
  table("New advice", advice, [
    ["LEVEL", ({ level }) => level],
    ["WHAT", ({ title }) => title],
    ["ON", ({ object }) => object],
    ["WAY OUT", ({ fix }) => fix],
  ]);
  lines("Schema", rehearsal?.difference ?? []);
  lines("Changed by hand before, and in no migration", rehearsal?.byHand ?? []);
}

function effectsOf(rehearsal: Rehearsal | null) {
  return (rehearsal?.files ?? []).flatMap(({ path, statements, rewrites }) => [
    ...statements.flatMap(({ line: at, ms, locks }) =>
      locks.map((lock) => ({ where: `${nameOf(path)}:${at}`, takes: `lock ${lock.mode} (${ms} ms)`, on: lock })),
    ),
    ...rewrites.map((on) => ({ where: nameOf(path), takes: "writes every row anew", on })),
  ]);
}

type Cell = string | number | null | undefined;

function table<Row>(title: string, rows: readonly Row[], columns: readonly [string, (row: Row) => Cell][]): void {
  if (rows.length === 0) return;
  line(`  ${title}`);
  printRows(
    rows,
    columns.map(([name, value]) => ({ title: name, value: (row: Row) => printable(String(value(row) ?? "-")) })),
    "table",
  );
}

const most = 200;

function lines(title: string, all: readonly string[]): void {
  if (all.length === 0) return;
  line(`  ${title}`);
  for (const one of all.slice(0, most)) line(`    ${printable(one)}`);
  if (all.length > most) line(`    ... and ${all.length - most} more: -o json`);
}

const nameOf = (path: string): string => path.split("/").at(-1) ?? path;
const line = (text: string): void => void process.stdout.write(`${text}\n`);
