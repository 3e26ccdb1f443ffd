/**
 * One main (portal, reconciler) for as long as the platform runs: started, watched, started again with back-off.
 *
 * 1. The first start either becomes ready or fails; later ends are answered by another start, never by giving up.
 * 2. The back-off is reset only after a minute of health.
 * 3. Standard error goes straight into the log file, so a main outlives a supervisor that is killed without losing its log.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, copyFileSync, openSync, readFileSync, statSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Observe } from "../platform/core/index.ts";
import type { DataFolder } from "./data-folder.ts";
import { processFailed } from "./errors.ts";
import { endByPidFile, writePid } from "./pid-file.ts";
import { tail } from "./toolchain/programs.ts";

export type MainOptions = {
  readonly name: string;
  readonly script: string;
  /** Of Node. */
  readonly flags?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly folder: DataFolder;
  readonly observe: Observe;
  /** A JSON line that the main printed, for example its ready line. */
  readonly onMessage?: (message: Readonly<Record<string, unknown>>) => void;
  readonly readyTimeoutMs?: number;
  readonly backOff?: { readonly firstMs: number; readonly mostMs: number; readonly healthyMs: number };
};

export type MainProcess = {
  pid(): number | undefined;
  /** Keeps the log under its limit; called now and then. */
  rotate(): void;
  stop(graceMs?: number): Promise<void>;
};

const usualBackOff = { firstMs: 500, mostMs: 30_000, healthyMs: 60_000 };
const logLimitBytes = 10 * 1024 * 1024;

/** Starts a main and waits until it is ready. @throws NEB926 with its last words */
export async function startMain(options: MainOptions): Promise<MainProcess> {
  const { name, folder, observe } = options;
  const backOff = options.backOff ?? usualBackOff;
  const pidFile = join(folder.run, `${name}.pid`);
  const logFile = join(folder.log, `${name}.log`);
  let child: ChildProcess;
  let stopping = false;
  let delayMs = backOff.firstMs;
  let restart: NodeJS.Timeout | undefined;

  const launch = (first?: { ready(): void; ended(how: string): void }) => {
    const startedAt = performance.now();
    let isReady = false;
    child = spawnMain(options, logFile);
    if (child.pid !== undefined) writePid(pidFile, child.pid);
    readMessages(child, logFile, (message) => {
      if (message.ready === true) {
        isReady = true;
        first?.ready();
      }
      options.onMessage?.(message);
    });
    const onEnd = (how: string) => {
      if (!isReady && first) first.ended(how);
      launchLater(how, performance.now() - startedAt);
    };
    child.on("exit", (code, signal) => onEnd(signal ?? `exit code ${code}`));
    child.on("error", (error) => onEnd(error.message));
  };
  const launchLater = (how: string, ranMs: number) => {
    if (stopping || restart) return;
    if (ranMs > backOff.healthyMs) delayMs = backOff.firstMs;
    observe({ kind: "process.ended", process: name, how, restartInMs: delayMs });
    restart = setTimeout(() => {
      restart = undefined;
      try {
        launch();
      } catch (thrown) {
        launchLater(thrown instanceof Error ? thrown.message : String(thrown), 0); // a full disk, for example
      }
    }, delayMs);
    delayMs = Math.min(delayMs * 2, backOff.mostMs);
  };
  const stop = async (graceMs = 10_000) => {
    stopping = true;
    clearTimeout(restart);
    await endByPidFile(pidFile, graceMs);
  };

  const logged = sizeOf(logFile);
  const timeoutMs = options.readyTimeoutMs ?? 180_000;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (what: string) => {
    stopping = true;
    reject(processFailed(`${name} ${what}${lastWords(logFile, logged)} (log: ${logFile})`));
  };
  const timer = setTimeout(() => fail(`is not ready after ${timeoutMs / 1000} s`), timeoutMs);
  try {
    launch({ ready: resolve, ended: (how) => fail(`ended with ${how} before it was ready`) });
    await promise;
  } catch (thrown) {
    await stop(1_000);
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
  return { pid: () => (child.exitCode === null ? child.pid : undefined), rotate: () => rotateLog(logFile), stop };
}

function spawnMain({ script, flags = [], env }: MainOptions, logFile: string): ChildProcess {
  rotateLog(logFile);
  const log = openSync(logFile, "a", 0o640);
  try {
    return spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...flags, script], {
      env,
      detached: true,
      stdio: ["ignore", "pipe", log],
    });
  } finally {
    closeSync(log);
  }
}

/** JSON lines of standard output are messages; anything else belongs into the log. */
function readMessages(
  child: ChildProcess,
  logFile: string,
  onMessage: (message: Record<string, unknown>) => void,
): void {
  if (child.stdout === null) return;
  createInterface({ input: child.stdout }).on("line", (line) => {
    const message = parse(line);
    if (message) return onMessage(message);
    const log = openSync(logFile, "a", 0o640);
    writeSync(log, `${line}\n`);
    closeSync(log);
  });
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

function lastWords(logFile: string, since: number): string {
  const said = tail(readFileSync(logFile).subarray(since).toString("utf8"), 8).split("\n").map(asSentence).join("\n");
  return said === "" ? "" : `; it said:\n${said}\n`;
}

/** A process's last line may be a fault as JSON, for a log that machines read. A person gets its sentences. */
export function asSentence(line: string): string {
  const { code, message, hint } = parse(line) ?? {};
  if (typeof code !== "string" || typeof message !== "string") return line;
  return `${code} ${message}${typeof hint === "string" ? `. ${hint}` : ""}`;
}

/** The main appends to the open file: the old part is copied away and the file cut. One older part is kept. */
export function rotateLog(logFile: string, limitBytes = logLimitBytes): void {
  if (sizeOf(logFile) < limitBytes) return;
  copyFileSync(logFile, `${logFile}.1`);
  truncateSync(logFile);
}
