import { spawnSync } from "node:child_process";
import { CommandFailure } from "../failure.ts";
import type { Credentials } from "../types.ts";

/**
 * Runs a statement as the database's owner with psql, as a user would.
 * @returns what psql prints, unaligned
 * @throws CommandFailure when there is no psql or the statement fails.
 */
export function runSql(credentials: Credentials, statement: string): string {
  const folder = process.env.NEBULA_PG_BIN;
  const { error, status, stdout, stderr } = spawnSync(
    folder === undefined ? "psql" : `${folder}/psql`,
    ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", "--command", statement],
    {
      encoding: "utf8",
      timeout: 30_000,
      env: {
        PATH: process.env.PATH,
        PGHOST: credentials.host,
        PGPORT: String(credentials.port),
        PGDATABASE: credentials.database,
        PGUSER: credentials.user,
        PGPASSWORD: credentials.password,
        PGCONNECT_TIMEOUT: "10",
      },
    },
  );
  if (error !== undefined)
    throw new CommandFailure("there is no psql to run SQL with", { hint: "`nebula doctor` says how to get one." });
  if (status !== 0) throw new CommandFailure(`psql: ${stderr.trim()}`);
  return stdout.trim();
}
