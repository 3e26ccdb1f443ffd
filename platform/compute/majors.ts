/**
 * Other major versions of Postgres than the one that new instances get: what an earlier release made runs on until it is upgraded, as long as
 * its programs are on the machine. They are looked for where the system's packages put them.
 */
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { versionUnavailable } from "./errors.ts";
import { type Programs, runProgram } from "./programs.ts";
import type { Settings } from "./settings.ts";

/** Beside the server, what `pg_upgrade` needs of the version that it comes from. */
const needed = ["postgres", "initdb", "pg_ctl", "pg_controldata", "pg_resetwal"] as const;

const usualFolders = (major: string): readonly string[] => [
  `/usr/lib/postgresql/${major}/bin`,
  `/usr/pgsql-${major}/bin`,
  `/opt/homebrew/opt/postgresql@${major}/bin`,
  `/usr/local/opt/postgresql@${major}/bin`,
];

/** As whoever runs those. @throws NEB349 when that version is not on this machine. */
export async function programsFor(programs: Programs, major: string): Promise<Programs> {
  if (major === programs.major) return programs;
  for (const bin of usualFolders(major)) {
    const version = await versionIn(bin, programs.user);
    if (version?.split(".")[0] === major) return { bin, user: programs.user, version, major };
  }
  throw versionUnavailable(
    `PostgreSQL ${major} is not on this machine: it was looked for in ${usualFolders(major).join(", ")}; ${programs.version} is here`,
    { hint: `Install the packages of PostgreSQL ${major}, or declare version "${programs.major}".` },
  );
}

async function versionIn(bin: string, user: Programs["user"]): Promise<string | undefined> {
  try {
    await Promise.all(needed.map((name) => access(join(bin, name), constants.X_OK)));
    const text = await runProgram(join(bin, "postgres"), ["--version"], { user });
    return /\(PostgreSQL\) (\d+(\.\d+)*)/.exec(text)?.[1];
  } catch {
    return undefined;
  }
}

/** Settings of ours that came with a major version: an older server would not start with them. */
const since: Readonly<Record<string, number>> = {
  allow_alter_system: 17,
  summarize_wal: 17,
  wal_summary_keep_time: 17,
  io_method: 18,
  autovacuum_worker_slots: 18,
};

/** Those that a version knows. Pure. */
export const knownTo = (major: string, settings: Settings): Settings =>
  Object.fromEntries(Object.entries(settings).filter(([name]) => (since[name] ?? 0) <= Number(major)));
