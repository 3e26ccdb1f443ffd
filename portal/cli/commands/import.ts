import type { Command } from "commander";
import { databasePath, resolveDatabase } from "../address.ts";
import { CommandFailure, exitCodes } from "../failure.ts";
import type { Change } from "../types.ts";
import { finish } from "./change.ts";
import { connect, type Output, parsePositive, withOutput } from "./shared.ts";

/** `db import`: the address is a secret, so it may come by standard input. */
export function addImportCommand(db: Command): void {
  withOutput(
    db
      .command("import")
      .description("copy a running Postgres into a database that has no tables yet")
      .argument("<database>")
      .argument("[url]", "postgres://user:password@host:5432/database, or - to read it from standard input", "-"),
  )
    .option("--no-wait", "return when it is queued")
    .option("--timeout <seconds>", "how long to wait", parsePositive, 6 * 3600)
    .action(run);
}

type Options = Output & { readonly wait?: boolean; readonly timeout: number };

async function run(text: string, given: string, options: Options): Promise<void> {
  const url = given === "-" ? await readAll() : given;
  if (!/^postgres(ql)?:\/\//.test(url))
    throw new CommandFailure("that is no address of a running Postgres", {
      exitCode: exitCodes.usage,
      hint: "A plain SQL file is a program and is not imported. A dump in the custom format goes in with pg_restore: `nebula db url` has the address.",
    });
  const client = connect();
  const path = databasePath(await resolveDatabase(client, text));
  const change = await client.send<Change>("POST", `${path}/import`, { url });
  await finish(client, change, { ...options, wait: options.wait !== false });
}

async function readAll(): Promise<string> {
  const { text } = await import("node:stream/consumers");
  return (await text(process.stdin)).trim();
}
