import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { databasePath, resolveDatabase } from "../address.ts";
import type { Client } from "../client.ts";
import { CommandFailure, exitCodes } from "../failure.ts";
import { followOperation } from "../follow.ts";
import { printData, printRows, say } from "../output.ts";
import type { Change, Migration } from "../types.ts";
import { type Following, finish, mustBeMergeable, withFollowing } from "./change.ts";
import { connect, type Output, parsePositive, withOutput } from "./shared.ts";

/** `db migrations`, `db new-migration`, `db migrate`, `db diff`, `db pull`. */
export function addMigrationCommands(db: Command): void {
  withOutput(
    db.command("migrations").description("migrations of a database, and which of them ran").argument("<database>"),
  ).action(list);
  withFollowing(
    db
      .command("new-migration")
      .description("open a pull request that adds a migration")
      .argument("<database>")
      .argument("<name>", "what it does, for example add_totals"),
  )
    .option("-f, --file <file>", "its SQL; - reads it from standard input", "-")
    .option("--direct", "run it at once, without a file: on a branch only")
    .action(add);
  withOutput(
    db
      .command("migrate")
      .description("run the migrations that are merged and have not run, those that wait for somebody's word too")
      .argument("<database>"),
  )
    .option("--no-wait", "return when it is queued")
    .option("--timeout <seconds>", "how long to wait", parsePositive, 600)
    .action(migrate);
  withOutput(
    db
      .command("diff")
      .description("the SQL of what was changed by hand, past the migrations; wakes the database")
      .argument("<database>"),
  )
    .option("--undo", "the SQL that takes it back")
    .option("--timeout <seconds>", "how long to wait", parsePositive, 120)
    .action(diff);
  withFollowing(
    db
      .command("pull")
      .description("open a pull request that makes a migration of what was changed by hand")
      .argument("<database>"),
  )
    .option("--name <name>", "of the migration", "changed_by_hand")
    .action(pull);
}

const shownStates: Readonly<Record<string, string>> = {
  changed: "applied, text changed",
  removed: "applied, file gone",
};

async function list(text: string, { output }: Output): Promise<void> {
  const client = connect();
  const found = await client.get<{ items: Migration[]; fingerprint: string | null; lookedAt: string | null }>(
    `${databasePath(await resolveDatabase(client, text))}/migrations`,
  );
  if (output !== "table") return printData(found, output);
  printRows(
    found.items,
    [
      { title: "MIGRATION", value: (row) => row.file },
      { title: "STATE", value: (row) => shownStates[row.state] ?? (row.adopted ? "applied, by hand" : row.state) },
      { title: "APPLIED", value: (row) => row.appliedAt },
      { title: "COMMIT", value: (row) => row.commit?.slice(0, 7) ?? null },
      { title: "WHY", value: (row) => row.message },
    ],
    output,
  );
}

type AddOptions = Following & { readonly file: string; readonly direct?: boolean };

async function add(text: string, name: string, options: AddOptions): Promise<void> {
  mustBeMergeable(options);
  const sql = options.file === "-" ? await readAll() : readFileSync(options.file, "utf8");
  const client = connect();
  const path = databasePath(await resolveDatabase(client, text));
  const body = {
    name,
    sql,
    ...(options.direct === true ? { direct: true } : { autoMerge: options.autoMerge === true }),
  };
  const change = await client.send<Change>("POST", `${path}/migrations`, body);
  await finish(client, change, options.direct === true ? { ...options, wait: true } : options);
}

async function readAll(): Promise<string> {
  const { text } = await import("node:stream/consumers");
  return text(process.stdin);
}

async function migrate(
  text: string,
  options: Output & { readonly wait?: boolean; readonly timeout: number },
): Promise<void> {
  const client = connect();
  const change = await client.send<Change>("POST", `${databasePath(await resolveDatabase(client, text))}/migrate`);
  await finish(client, change, { ...options, wait: options.wait !== false });
}

type Difference = {
  readonly fingerprint: string;
  readonly expected: string | null;
  readonly lines: readonly string[];
  readonly sql: string;
  readonly undo: string;
};

async function differenceOf(client: Client, path: string, timeoutSeconds: number): Promise<Difference> {
  const { operation } = await client.send<Change>("POST", `${path}/schema/diff`);
  const ended = await followOperation(client, operation.id, timeoutSeconds * 1000);
  return ended.result as unknown as Difference;
}

async function diff(
  text: string,
  options: Output & { readonly undo?: boolean; readonly timeout: number },
): Promise<void> {
  const client = connect();
  const path = databasePath(await resolveDatabase(client, text));
  const found = await differenceOf(client, path, options.timeout);
  if (options.output !== "table") return printData(found, options.output);
  for (const line of found.lines) say(`  ${line}`);
  if (found.lines.length === 0) return say("the schema is what the migrations give");
  process.stdout.write(`${options.undo === true ? found.undo : found.sql}\n`);
}

async function pull(text: string, options: Following & { readonly name: string }): Promise<void> {
  mustBeMergeable(options);
  const client = connect();
  const path = databasePath(await resolveDatabase(client, text));
  const { lines, sql, fingerprint } = await differenceOf(client, path, options.timeout);
  for (const line of lines) say(`  ${line}`);
  if (lines.length === 0)
    throw new CommandFailure("there is nothing to pull: the schema is what the migrations give", {
      exitCode: exitCodes.conflict,
      hint: "`nebula db migrations` lists them.",
    });
  const body = {
    ...{ name: options.name, autoMerge: options.autoMerge === true },
    sql: `-- nebula: already-in ${fingerprint}\n\n${sql}\n`,
  };
  await finish(client, await client.send<Change>("POST", `${path}/migrations`, body), options);
}
