/**
 * The one PgBouncer of a data folder: started detached, adopted after a restart of the gateway, started again when it dies.
 *
 * 1. It outlives us, like the postmasters: who is connected to it stays so while the gateway is away.
 * 2. One that answers on the console with our password and was started with today's unchangeable settings is adopted; any other is
 *    ended first.
 * 3. The console's connection is the heartbeat: its end is taken for PgBouncer's end.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { open, readFile, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isPortFree, type OsUser } from "../../platform/compute/index.ts";
import { type Observe, reportFault } from "../../platform/core/index.ts";
import { type ConsoleRow, openConsole, type PoolConsole } from "./console.ts";
import { poolerFailed, poolerPortTaken } from "./errors.ts";
import { findPid, stopPgBouncer, writePid } from "./pid.ts";

export type PoolerOptions = {
  readonly bin: string;
  readonly dataDir: string;
  readonly user: OsUser | null;
  readonly iniFile: string;
  /** The console's socket. */
  readonly consolePath: string;
  readonly consolePassword: string;
  readonly addresses: readonly string[];
  readonly port: number;
  /** Of the settings that only a restart changes, and of the program. */
  readonly fingerprint: string;
  readonly logFile: string;
  readonly observe: Observe;
  /** It runs; `inherited`: and did so before us. */
  readonly onUp?: (how: "started" | "inherited" | "found again") => void;
};

export type Pooler = {
  /** Starts keeping it alive; settles when it is up for the first time, or the first attempt has failed. */
  begin(): Promise<void>;
  isUp(): boolean;
  /** @throws NEB722 */
  ask(command: string): Promise<readonly ConsoleRow[]>;
  /** Makes it read its files again; nothing while it is down. */
  reload(): Promise<void>;
  /** Lets go of it. It goes on. */
  close(): Promise<void>;
};

const firstDelayMs = 100;
const mostDelayMs = 5_000;
const readyMs = 10_000;

export function makePooler(options: PoolerOptions): Pooler {
  const { observe } = options;
  const closing = new AbortController();
  let live: PoolConsole | undefined;
  let looping: Promise<void> = Promise.resolve();

  const keepAlive = async (first: () => void) => {
    let delayMs = firstDelayMs;
    let isKnown = false;
    while (!closing.signal.aborted) {
      const since = performance.now();
      try {
        const adopted = await adopt(options);
        const console = adopted ?? (await start(options));
        if (closing.signal.aborted) return console.close();
        live = console;
        options.onUp?.(adopted === undefined ? "started" : isKnown ? "found again" : "inherited");
        isKnown = true;
        first();
        await console.ended;
        live = undefined;
        if (closing.signal.aborted) return;
        observe({ kind: "process.ended", process: "pgbouncer", how: "its console closed", restartInMs: firstDelayMs });
      } catch (thrown) {
        reportFault(observe, "gateway.pool", thrown);
        first();
      }
      if (performance.now() - since > 60_000) delayMs = firstDelayMs;
      await sleep(delayMs, undefined, { signal: closing.signal }).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, mostDelayMs);
    }
  };

  const ask = (command: string) =>
    live?.ask(command) ?? Promise.reject(poolerFailed("PgBouncer does not run at the moment"));
  return {
    begin: () =>
      new Promise((resolve) => {
        looping = keepAlive(resolve);
      }),
    isUp: () => live !== undefined,
    ask,
    reload: async () => {
      if (live !== undefined) await ask("RELOAD");
    },
    async close() {
      closing.abort();
      live?.close();
      await looping;
    },
  };
}

const fingerprintFile = ({ dataDir }: PoolerOptions) => join(dataDir, "run", "pgbouncer.started");

/** The one that runs, when it is ours and as it should be; one that is not is ended. */
async function adopt(options: PoolerOptions): Promise<PoolConsole | undefined> {
  if ((await findPid(options.dataDir)) === undefined) return undefined;
  const started = await readFile(fingerprintFile(options), "utf8").catch(() => "");
  const console =
    started === options.fingerprint
      ? await openConsole(options.consolePath, options.consolePassword).catch(() => undefined)
      : undefined;
  if (console === undefined) {
    await stopPgBouncer(options.dataDir);
    return undefined;
  }
  await console.ask("RELOAD");
  return console;
}

/** @throws NEB720, NEB721 */
async function start(options: PoolerOptions): Promise<PoolConsole> {
  const { bin, dataDir, user, iniFile, logFile, port, addresses, observe } = options;
  for (const address of addresses)
    if (!(await isPortFree(port, address))) throw poolerPortTaken(`port ${port} of ${address} is in use`);
  const since = (await stat(logFile).catch(() => undefined))?.size ?? 0;
  const log = openSync(logFile, "a", 0o640);
  let end: string | undefined;
  try {
    const child = spawn(bin, [iniFile], {
      ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
      cwd: "/",
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
      detached: true,
      stdio: ["ignore", "ignore", log],
    });
    child.on("exit", (code, signal) => {
      end = `it ended with ${signal ?? `exit code ${code}`}`;
    });
    child.on("error", (thrown) => {
      end = thrown.message;
    });
    child.unref();
    if (child.pid !== undefined) await writePid(dataDir, child.pid);
    await writeFile(fingerprintFile(options), options.fingerprint);
    const console = await untilReady(options, () => end);
    observe({ kind: "process.started", process: "pgbouncer", version: options.fingerprint });
    return console;
  } catch (thrown) {
    await stopPgBouncer(dataDir, 0);
    const said = await lastWords(logFile, since);
    throw poolerFailed(`${thrown instanceof Error ? thrown.message : String(thrown)}${said}`, { cause: thrown });
  } finally {
    closeSync(log);
  }
}

async function untilReady(options: PoolerOptions, ended: () => string | undefined): Promise<PoolConsole> {
  for (const deadline = performance.now() + readyMs; ; await sleep(10)) {
    const console = await openConsole(options.consolePath, options.consolePassword).catch(() => undefined);
    if (console !== undefined) {
      // It warns and goes on without TCP when the port was taken in between.
      for (const address of options.addresses)
        if (!(await answers(options.port, address))) {
          console.close();
          throw new Error(`it does not listen on ${address}`);
        }
      return console;
    }
    const end = ended();
    if (end !== undefined) throw new Error(end);
    if (performance.now() > deadline) throw new Error(`it is not ready after ${readyMs / 1000} s`);
  }
}

const answers = (port: number, address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const host = address === "*" || address === "0.0.0.0" ? "127.0.0.1" : address;
    const socket = connect({ port, host });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });

async function lastWords(logFile: string, since: number): Promise<string> {
  const handle = await open(logFile, "r").catch(() => undefined);
  if (handle === undefined) return "";
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(8_192), 0, 8_192, since);
    const lines = buffer.subarray(0, bytesRead).toString("utf8").trim().split("\n").slice(-6).join("\n");
    return lines === "" ? "" : `; it said:\n${lines}`;
  } finally {
    await handle.close();
  }
}
