import { readFileSync } from "node:fs";
import { text as readAll } from "node:stream/consumers";
import { type Command, InvalidArgumentError, Option } from "commander";
import { databasePath, resolveDatabase } from "../address.ts";
import { CommandFailure, exitCodes } from "../failure.ts";
import { printData, say } from "../output.ts";
import { failureOf, printAnswer, printCsv } from "../sql/print.ts";
import { promptSql } from "../sql/prompt.ts";
import { pagesAfter, runSql } from "../sql/run.ts";
import type { SqlOptions, SqlTarget } from "../sql/types.ts";
import { collect, connect, type Output, parsePositive, withOutput } from "./shared.ts";
import { forgetHistory, keepQuery, printHistory, printQueries, readQuery } from "./sql-kept.ts";

type Options = Output & {
  readonly command?: string;
  readonly file?: string;
  readonly query?: string;
  readonly write?: boolean;
  readonly transaction: SqlOptions["transaction"];
  readonly explain?: boolean;
  readonly analyze?: boolean;
  readonly param: readonly string[];
  readonly maxRows: number;
  readonly all?: boolean;
  readonly csv?: boolean;
  readonly timeout: number;
  readonly timeZone?: string;
  readonly remember: boolean;
  readonly history?: boolean;
  readonly search?: string;
  readonly forget?: boolean;
  readonly queries?: boolean;
  readonly save?: string;
  readonly shared?: boolean;
};

/** `nebula sql`: statements in a database, through the portal: it wakes when it sleeps, and no password is needed. */
export function addSqlCommand(program: Command): void {
  withOutput(
    program
      .command("sql")
      .description("run SQL in a database: -c, -f, standard input, or a prompt; reads only unless --write")
      .argument("<database>"),
  )
    .option("-c, --command <sql>", "statements to run")
    .option("-f, --file <file>", "a file of statements")
    .option("--query <name>", "a query that is kept in the project")
    .addOption(
      new Option("--read-only", "only read: a read-only transaction and role (the default)").conflicts("write"),
    )
    .option("--write", "let it write, as the database's owner")
    .addOption(
      new Option("--transaction <how>", "all: everything or nothing; each: every statement for itself")
        .choices(["auto", "all", "each"])
        .default("auto"),
    )
    .option("--explain", "show the plan, and run nothing")
    .option("--analyze", "run it and show the plan with times; what it wrote is undone")
    .option("--param <value>", "for $1, then $2, ...; \\N is null", collect, [])
    .option("--max-rows <n>", "rows of a statement", parsePositive, 1000)
    .option("--all", "every row of one select, page by page")
    .option("--csv", "rows as CSV")
    .option("--timeout <seconds>", "for the whole request, 240 at most", parseSeconds, 30)
    .option("--time-zone <zone>", "in which moments are shown")
    .option("--no-remember", "keep it out of the history")
    .option("--history", "show what you ran there")
    .option("--search <text>", "with --history: lines that hold it")
    .option("--forget", "with --history: forget all of it")
    .option("--queries", "show the queries that are kept in the project")
    .option("--save <name>", "keep the statements as a query instead of running them")
    .option("--shared", "with --save: for everybody who may run SQL in the project")
    .action(run);
}

async function run(address: string, options: Options): Promise<void> {
  const client = connect();
  const found = await resolveDatabase(client, address);
  const target: SqlTarget = { client, path: databasePath(found), name: found.database };
  if (options.history === true)
    return options.forget === true ? forgetHistory(target) : printHistory(target, options.search, options.output);
  if (options.queries === true) return printQueries(client, found, options.output);
  const asked = optionsOf(options);
  const sql = options.query === undefined ? await statements(options) : await readQuery(client, found, options.query);
  if (options.save !== undefined) return keepQuery(client, found, { ...options, name: options.save, sql });
  if (sql === undefined) return promptSql(target, asked);
  if (options.all === true) return printAll(target, sql, asked, options);
  const answer = await runSql(target, sql, asked);
  if (options.output === "table") printAnswer(answer, options.csv === true ? "csv" : "table");
  else printData(answer, options.output);
  const failure = failureOf(answer, sql);
  if (failure !== undefined) throw failure;
}

const optionsOf = (options: Options): SqlOptions => ({
  mode: options.write === true ? "write" : "read",
  transaction: options.transaction,
  explain: options.analyze === true ? "analyze" : options.explain === true ? "plan" : "none",
  parameters: options.param.map((value) => (value === "\\N" ? null : value)),
  maxRows: Math.min(10_000, options.maxRows),
  timeoutMs: options.timeout * 1000,
  timeZone: options.timeZone ?? null,
  remember: options.remember,
});

/** undefined: somebody will type them. */
async function statements({ command, file }: Options): Promise<string | undefined> {
  if (command !== undefined) return command;
  if (file !== undefined) return readText(file);
  return process.stdin.isTTY ? undefined : readAll(process.stdin);
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandFailure(`${file} cannot be read: ${why}`, { exitCode: exitCodes.usage });
  }
}

/** CSV as it comes; for programs, one JSON list of rows. */
async function printAll(target: SqlTarget, sql: string, asked: SqlOptions, { output }: Options): Promise<void> {
  const answer = await runSql(target, sql, { ...asked, maxRows: 5000 }, true);
  const failure = failureOf(answer, sql);
  if (failure !== undefined) throw failure;
  const [{ columns = [], rows = [] } = {}] = answer.results;
  const kept = [...rows];
  if (output === "table") printCsv(columns, rows);
  let count = rows.length;
  if (answer.cursor !== null)
    for await (const more of pagesAfter(target, answer.cursor)) {
      count += more.length;
      if (output === "table") printCsv(null, more);
      else kept.push(...more);
    }
  if (output === "table") say(`(${count} rows)`);
  else printData({ columns, rows: kept }, output);
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0) || seconds > 240) throw new InvalidArgumentError("must be a number of seconds up to 240");
  return seconds;
}
