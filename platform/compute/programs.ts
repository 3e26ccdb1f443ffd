import { spawn } from "node:child_process";
import { access, constants as fsConstants, statfs } from "node:fs/promises";
import { constants as osConstants, setPriority } from "node:os";
import { join } from "node:path";
import { internalError, NebulaError } from "../core/index.ts";
import { diskFull, programsMissing } from "./errors.ts";
import { mustReach, type OsUser, resolveOsUser } from "./os-user.ts";

/** The Postgres programs of one folder and the user they run as. */
export type Programs = {
  readonly bin: string;
  readonly user: OsUser | null;
  /** For example `18.6` and `18`. */
  readonly version: string;
  readonly major: string;
};

/** @throws NEB341 when the folder holds no working `postgres` and `initdb`. */
export async function findPrograms(pgBin: string, osUser?: string): Promise<Programs> {
  const user = await resolveOsUser(osUser);
  for (const name of ["postgres", "initdb"])
    await access(join(pgBin, name), fsConstants.X_OK).catch((cause) => {
      throw programsMissing(`${join(pgBin, name)} is missing or not executable`, { cause });
    });
  await mustReach(user, pgBin, "the Postgres programs");
  const text = await runProgram(join(pgBin, "postgres"), ["--version"], { user }).catch((cause) => {
    throw programsMissing(`${join(pgBin, "postgres")} does not run: ${String(cause.message)}`, { cause });
  });
  const version = /(\d+)(\.\d+)*/.exec(text.replace(/^.*\(PostgreSQL\)/, ""))?.[0];
  if (version === undefined) throw programsMissing(`${pgBin} answered "${text.trim()}" when asked for its version`);
  return { bin: pgBin, user, version, major: version.split(".")[0] ?? version };
}

/** What a Postgres program gets to see of our environment: nothing but where programs are. */
export const cleanEnvironment = { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };

export const identity = (user: OsUser | null) => (user === null ? {} : { uid: user.uid, gid: user.gid });

type RunOptions = {
  readonly user: OsUser | null;
  /** Leaves the processor and the disk to others. */
  readonly background?: boolean;
  readonly cwd?: string;
  /** Beside the clean one. */
  readonly environment?: Readonly<Record<string, string>>;
};

/**
 * Runs a program to its end; its standard output. No shell, no inherited environment.
 * @throws NEB344 when it ran into a full disk, NEB900 with its last words otherwise.
 */
export function runProgram(
  path: string,
  args: readonly string[],
  { user, background = false, cwd = "/", environment = {} }: RunOptions,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, [...args], {
      ...{ ...identity(user), cwd },
      env: { ...cleanEnvironment, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let complaint = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      complaint = (complaint + text).slice(-4000);
    });
    child.on("error", (cause) => reject(internalError(`${path} could not be run: ${cause.message}`, { cause })));
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(output);
      // a program that says nothing there has said it on its standard output
      const words = (complaint.trim() || output.slice(-2000).trim()).split("\n").slice(-6).join("; ");
      const fault = saysDiskFull(complaint) ? diskFull : internalError;
      reject(fault(`${path} ended with ${signal ?? code}: ${words}`));
    });
    if (background && child.pid !== undefined) lowerPriority(child.pid);
  });
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, osConstants.priority.PRIORITY_LOW);
  } catch {
    // it has ended already
  }
}

/** What the system's own text for ENOSPC and EDQUOT looks like under LC_ALL=C: programs and server logs say no more. */
export const saysDiskFull = (text: string): boolean => /No space left on device|Disk quota exceeded/.test(text);

export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** A failure of the file system as a coded fault where it is a known one; everything else as it came. */
export function translateFs(thrown: unknown, what: string): unknown {
  if (thrown instanceof NebulaError || typeof thrown !== "object" || thrown === null) return thrown;
  const { code } = thrown as { code?: unknown };
  return code === "ENOSPC" || code === "EDQUOT" ? diskFull(`no space left while ${what}`, { cause: thrown }) : thrown;
}
