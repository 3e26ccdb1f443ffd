import { spawnSync } from "node:child_process";
import type { Command } from "commander";
import { databasePath, resolveDatabase } from "../address.ts";
import { CommandFailure, exitCodes } from "../failure.ts";
import { printData } from "../output.ts";
import type { Credentials, Database } from "../types.ts";
import { connect, type Output, withOutput } from "./shared.ts";
import { verifiedUrls } from "./url.ts";

type Options = Output & { readonly psql?: boolean; readonly env?: boolean; readonly role?: string };

/** `db connect`: the address, environment variables, or a session. */
export function addConnectCommand(db: Command): void {
  withOutput(db.command("connect").description("print how to connect").argument("<database>"))
    .option("--psql", "open psql")
    .option("--env", "print environment variables")
    .option("--role <role>", "another role than the owner")
    .action(run);
}

async function run(text: string, options: Options): Promise<void> {
  const client = connect();
  const path = databasePath(await resolveDatabase(client, text));
  if (options.psql === true) mustAnswer(await client.get<Database>(path));
  const found = await client.get<Credentials>(`${path}/credentials`, { role: options.role });
  const { direct } = verifiedUrls(found.endpoints);
  const environment = { ...environmentOf(found, direct), PGPASSWORD: found.password };
  if (options.psql === true) return openPsql(environment);
  if (options.env === true)
    return void process.stdout.write(
      Object.entries({ DATABASE_URL: direct, ...environment })
        .map(([key, value]) => `${key}=${value}\n`)
        .join(""),
    );
  if (options.output !== "table") return printData(found, options.output);
  process.stdout.write(`${direct}\n`);
}

/** What libpq reads: where it is, and that it is verified to be that. */
function environmentOf({ user }: Credentials, url: string): Record<string, string> {
  const { hostname, port, pathname, searchParams } = new URL(url);
  const place = { PGHOST: hostname, PGPORT: port, PGDATABASE: decodeURIComponent(pathname.slice(1)), PGUSER: user };
  const [mode, root] = [searchParams.get("sslmode"), searchParams.get("sslrootcert")];
  return { ...place, ...(mode === null ? {} : { PGSSLMODE: mode }), ...(root === null ? {} : { PGSSLROOTCERT: root }) };
}

/** Of what does not wake for a client: why, and what to do. A server that is not there would only refuse the connection. */
const whyNot: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  Creating: ["is being made", "`nebula ops list` shows how far it is; try again when it is Ready."],
  Paused: ["is paused", "`nebula db resume` starts it again."],
  Retired: ["is retired: stopped, and kept", "Take `retire: true` out of its declaration and merge that."],
  Removed: ["is deleted", "`nebula db backups` shows what can still be restored into a new database."],
  Expired: ["is a branch whose time is over", "Extend its ttl in its file and merge that, or delete the file."],
  Failed: ["does not run", "`nebula db show` and `nebula ops list` say why; the platform tries to start it again."],
};

/** @throws CommandFailure (exit 5) when it is stopped on purpose or not there. */
export function mustAnswer({ id, phase, reason }: Pick<Database, "id" | "phase" | "reason">): void {
  if (phase === null)
    throw new CommandFailure(`${id} has not been made yet (${reason})`, {
      exitCode: exitCodes.conflict,
      hint: "`nebula db show` and `nebula ops list` say what it waits for.",
    });
  const [what, hint] = whyNot[phase] ?? [];
  if (what !== undefined)
    throw new CommandFailure(`${id} ${what}, so nobody can connect`, { exitCode: exitCodes.conflict, hint });
}

function openPsql(environment: Readonly<Record<string, string>>): void {
  const candidates = [process.env.NEBULA_PG_BIN && `${process.env.NEBULA_PG_BIN}/psql`, "psql"].filter(
    (path) => path !== undefined && path !== "",
  );
  for (const psql of candidates) {
    const { error, status } = spawnSync(psql as string, [], {
      stdio: "inherit",
      env: { ...process.env, ...environment },
    });
    if (error !== undefined) continue;
    process.exitCode = status ?? 1;
    return;
  }
  throw new CommandFailure("there is no psql on this machine", {
    hint: "`nebula doctor` says how to get one; without --psql the address is printed.",
  });
}
