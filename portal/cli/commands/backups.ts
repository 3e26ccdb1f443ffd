import type { Command } from "commander";
import { databasePath, resolveDatabase } from "../address.ts";
import type { Client } from "../client.ts";
import { CommandFailure, exitCodes } from "../failure.ts";
import { followOperation } from "../follow.ts";
import { printData, printRows, say } from "../output.ts";
import type { Backups, Change, Database, RestorePreview } from "../types.ts";
import { confirmByName } from "./ask.ts";
import { dropUndefined, type Following, finish, mustBeMergeable, withFollowing } from "./change.ts";
import { connect, type Output, parsePositive, withOutput } from "./shared.ts";

export function addBackupCommands(db: Command): void {
  withOutput(
    db.command("backups").description("what is kept of a database, and what can be restored").argument("<database>"),
  ).action(list);
  withOutput(db.command("backup").description("take a backup now").argument("<database>"))
    .option("--full", "a full one, whatever was due")
    .option("--no-wait", "return when it is queued")
    .option("--timeout <seconds>", "how long to wait", parsePositive, 3600)
    .action(take);
  withFollowing(
    db
      .command("restore")
      .description("a database as it was: as a new one (--into), or in place (--in-place)")
      .argument("<database>"),
  )
    .option("--at <moment>", "everything that was committed until then, for example 2026-11-20T10:00:00Z")
    .option("--point <id>", "a restore point: `nebula db show` lists them (in place)")
    .option("--backup <label>", "a backup as it was taken (in place)")
    .option("--into <name>", "open a pull request that declares a new database of that moment")
    .option("--in-place", "replace what is in the database; what came later is lost")
    .option("--preview", "change nothing; say what a restore in place would change")
    .option("-y, --yes", "do not ask")
    .action(restore);
}

async function list(text: string, { output }: Output): Promise<void> {
  const client = connect();
  const found = await client.get<Backups>(`${databasePath(await resolveDatabase(client, text))}/backups`);
  if (output !== "table") return printData(found, output);
  const { recoverableFrom, recoverableTo, problem, verifiedAt } = found;
  say(
    recoverableFrom === null
      ? "nothing can be restored yet"
      : `any moment from ${recoverableFrom} to ${recoverableTo ?? recoverableFrom} and the seconds since can be restored`,
  );
  if (verifiedAt !== null) say(`a restore was last tried at ${verifiedAt}`);
  if (problem !== null) say(`! ${problem}`);
  printRows(
    found.items,
    [
      { title: "BACKUP", value: (row) => row.label },
      { title: "KIND", value: (row) => row.kind },
      { title: "ENDED", value: (row) => row.endedAt },
      { title: "STORED", value: (row) => `${(row.storedBytes / 2 ** 20).toFixed(1)} MiB` },
      { title: "BY", value: (row) => row.operation ?? "schedule" },
    ],
    output,
  );
}

async function take(
  text: string,
  options: Output & { readonly full?: boolean; readonly wait?: boolean; readonly timeout: number },
): Promise<void> {
  const client = connect();
  const path = databasePath(await resolveDatabase(client, text));
  const body = options.full === true ? { kind: "full" } : {};
  const change = await client.send<Change>("POST", `${path}/backup`, body);
  await finish(client, change, { ...options, wait: options.wait !== false });
}

type Restore = Following & {
  readonly at?: string;
  readonly point?: string;
  readonly backup?: string;
  readonly into?: string;
  readonly inPlace?: boolean;
  readonly preview?: boolean;
  readonly yes?: boolean;
};

async function restore(text: string, options: Restore): Promise<void> {
  const ways = [options.into !== undefined, options.inPlace === true, options.preview === true].filter(Boolean).length;
  if (ways !== 1)
    throw usage("say one of --into NAME, --in-place and --preview", "--into makes a new database and loses nothing.");
  const client = connect();
  const address = await resolveDatabase(client, text);
  const path = databasePath(address);
  if (options.into !== undefined) return restoreInto(client, path, options.into, options);
  const { at, point, backup } = options;
  const target = dropUndefined({ at, point, backup });
  if (options.preview === true) return preview(client, path, target, options);
  if (options.yes !== true)
    await confirmByName(address.database, `What was written to ${address.database} after that will be lost.`);
  const body = { ...target, confirm: address.database };
  await finish(client, await client.send<Change>("POST", `${path}/restore`, body), { ...options, wait: true });
}

/** A branch without an end, with backups like those of what it is a copy of. */
async function restoreInto(client: Client, path: string, name: string, options: Restore): Promise<void> {
  if (options.at === undefined) throw usage("--into needs --at", "Points and backups are restored in place.");
  mustBeMergeable(options);
  const { spec } = await client.get<Database>(path);
  const days = Math.max(1, Math.round((spec?.backups.retentionSeconds ?? 0) / 86_400));
  const body = { name, at: options.at, backups: { retention: `${days}d` }, autoMerge: options.autoMerge === true };
  await finish(client, await client.send<Change>("POST", `${path}/branches`, body), options);
}

async function preview(client: Client, path: string, target: object, options: Restore): Promise<void> {
  const { operation } = await client.send<Change>("POST", `${path}/restore`, { ...target, preview: true });
  const ended = await followOperation(client, operation.id, options.timeout * 1000);
  const found = ended.result as RestorePreview | null;
  if (found === null || options.output !== "table") return printData(ended, options.output);
  const { from, to, tables } = found;
  say(`what was committed ${from === null ? "since then" : `after ${from}`} and until ${to} would be lost`);
  if (tables.length === 0) say("no table has another number of rows");
  const rows = (count: number | null) => (count === null ? "not there" : String(count));
  printRows(
    tables,
    [
      { title: "TABLE", value: (row) => row.table },
      { title: "NOW", value: (row) => rows(row.rowsNow) },
      { title: "THEN", value: (row) => rows(row.rowsThen) },
    ],
    options.output,
  );
}

const usage = (message: string, hint: string) => new CommandFailure(message, { exitCode: exitCodes.usage, hint });
