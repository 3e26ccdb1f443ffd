import { type ChildProcess, spawn } from "node:child_process";
import { dirname, resolve as resolvePath } from "node:path";
import { type GitConfig, gitEnvironment } from "./environment.ts";
import {
  gitFailed,
  gitMissing,
  gitOutputLimit,
  gitRefused,
  gitTimeout,
  gitUnreachable,
  refUpdateFailed,
  remoteRepositoryMissing,
} from "./errors.ts";

export type RunOptions = {
  readonly input?: Buffer | string;
  /** Added to the cleaned environment, for example GIT_AUTHOR_DATE. */
  readonly env?: Readonly<Record<string, string>>;
  /** Configuration for this command only; passed by environment. */
  readonly config?: GitConfig;
  /** Exit codes that are an answer; others throw. */
  readonly okCodes?: readonly number[];
  /** Default 60,000. */
  readonly timeoutMs?: number;
  /** Default 256 MiB. */
  readonly maxOutputBytes?: number;
};

export type Ran = { readonly code: number; readonly stdout: Buffer; readonly stderr: string };

/**
 * Runs git with a fixed argument list: no shell, cleaned environment, time and output limited.
 * @throws NEB370 git is not there, NEB371 other exit code, NEB372 time-out, NEB373 output limit, NEB374/375/378 of a remote.
 */
export function runGit(dir: string | undefined, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { input, okCodes = [0], timeoutMs = 60_000, maxOutputBytes = 256 * 1024 * 1024 } = options;
  return new Promise((resolve, reject) => {
    const location = dir === undefined ? [] : ["-C", dir];
    const child = spawn("git", [...location, ...args], {
      env: gitEnvironment(options.config, { ...ceiling(dir), ...options.env }),
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    const command = `git ${args[0]}`;
    const out: Buffer[] = [];
    let outBytes = 0;
    let errors = "";
    let stopped: Error | undefined;
    const stop = (reason: Error) => {
      stopped ??= reason;
      killGroup(child);
    };
    const timer = setTimeout(() => stop(gitTimeout(`${command} did not end within ${timeoutMs} ms`)), timeoutMs);
    child.stdout.on("data", (chunk: Buffer) => {
      outBytes += chunk.length;
      if (outBytes > maxOutputBytes) stop(gitOutputLimit(`${command} wrote more than ${maxOutputBytes} bytes`));
      else out.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      if (errors.length < 16_384) errors += chunk.toString("utf8");
    });
    child.stdin.on("error", () => {}); // git may end without reading; its exit code says why
    child.on("error", (cause) => {
      clearTimeout(timer);
      reject(gitMissing("git could not be started", { cause }));
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      if (stopped) return reject(stopped);
      if (code !== null && okCodes.includes(code)) return resolve({ code, stdout: Buffer.concat(out), stderr: errors });
      reject(translate(command, code, errors));
    });
    child.stdin.end(input ?? "");
  });
}

/** git starts helpers (remote-http, index-pack) that would live on, and hold its pipes open, if it alone were killed. */
export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    child.kill("SIGKILL"); // it has just ended
  }
}

/** A folder that is no repository must not turn into the repository around it. */
export function ceiling(dir: string | undefined): Readonly<Record<string, string>> {
  return dir === undefined ? {} : { GIT_CEILING_DIRECTORIES: dirname(resolvePath(dir)) };
}

/** The one place that reads what git says on standard error. */
function translate(command: string, code: number | null, errors: string): Error {
  const said = errors.trim().split("\n").slice(-4).join("; ").slice(0, 600);
  const message = `${command} ended with ${code ?? "a signal"}: ${said}`;
  if (/Authentication failed|could not read (Username|Password)|error: 40[13]/i.test(errors))
    return gitRefused(message);
  if (
    /Repository not found|repository '.*' not found|couldn't find remote ref|does not appear to be a git/i.test(errors)
  )
    return remoteRepositoryMissing(message);
  if (
    /Could not resolve host|Failed to connect|Connection (refused|reset|timed out)|early EOF|unexpected disconnect|remote end hung up|error: 5\d\d|Operation too slow|Empty reply|RPC failed/i.test(
      errors,
    )
  )
    return gitUnreachable(message);
  if (/cannot lock ref|Unable to create '.*\.lock'/i.test(errors)) return refUpdateFailed(message);
  return gitFailed(message);
}
