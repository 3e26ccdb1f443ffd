import { spawn } from "node:child_process";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { importFailed, importImpossible } from "./errors.ts";

export type OsIdentity = { readonly uid: number; readonly gid: number } | null;

export type Tool = {
  readonly pgBin: string;
  readonly name: "pg_dump" | "pg_restore";
  readonly args: readonly string[];
  readonly passFile: string;
  readonly user: OsIdentity;
  readonly signal: AbortSignal;
  /** Each line that it says beside its output. */
  readonly told?: (line: string) => void;
};

/** Runs one of Postgres's client tools to its end: no shell, no inherited environment, a password by file. @throws NEB697, NEB698 */
export async function runTool({ pgBin, name, args, passFile, user, signal, told }: Tool): Promise<string> {
  const path = join(pgBin, name);
  await access(path).catch(() => {
    throw importImpossible(`${name} is not in ${pgBin}`, {
      hint: "Install PostgreSQL's client tools on the platform's machine.",
    });
  });
  const child = spawn(path, [...args], {
    ...(user ?? {}),
    cwd: "/",
    env: {
      PATH: "/usr/local/bin:/usr/bin:/bin",
      LC_ALL: "C",
      TZ: "UTC",
      PGPASSFILE: passFile,
      PGCONNECT_TIMEOUT: "20",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stop = () => child.kill("SIGKILL");
  signal.addEventListener("abort", stop, { once: true });
  const last: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (/^pg_(dump|restore): (error|warning|detail|hint)/.test(line) || !line.startsWith("pg_")) last.push(line);
    if (last.length > 6) last.shift();
    told?.(line);
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", (cause) => reject(importImpossible(`${name} could not be run: ${cause.message}`, { cause })));
    child.once("close", resolve);
  }).finally(() => signal.removeEventListener("abort", stop));
  signal.throwIfAborted();
  if (code !== 0) throw importFailed(`${name} ended with ${code ?? "a signal"}: ${last.join("; ")}`);
  return output;
}
