/**
 * One Postgres server that outlives the process which started it: the ledger's, and the tests'.
 *
 * 1. The truth is `postmaster.pid` and the process it names; a pid that belongs to another program counts as none.
 * 2. A data folder is complete or absent: initdb fills a folder beside it, which is renamed.
 * 3. Passwords only: scram-sha-256 on TCP and on the socket; the listener is loopback.
 */
import { spawn } from "node:child_process";
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Secret } from "../platform/core/index.ts";
import { diskFull, ledgerFailed } from "./errors.ts";
import { asUser, type OsUser } from "./os-user.ts";
import { folderOf, isAlive, nameOf } from "./processes.ts";
import { run, tail } from "./toolchain/programs.ts";

export type PostgresServer = {
  readonly pgBin: string;
  /** The data folder. Its parent must be writable by `user`. */
  readonly dataDir: string;
  readonly socketDir: string;
  readonly logFile: string;
  readonly port: number;
  readonly password: Secret;
  readonly user: OsUser | undefined;
  /** Settings on top of ours, as `-c name=value`. */
  readonly settings?: Readonly<Record<string, string>>;
};

export type Postmaster = { readonly pid: number; readonly port: number; readonly ready: boolean };

/** The server's superuser role. */
export const superuser = "nebula";

export const urlOf = (server: PostgresServer, database: string): Secret =>
  new Secret(
    `postgres://${superuser}:${encodeURIComponent(server.password.reveal())}@127.0.0.1:${server.port}/${database}`,
  );

/** Makes the data folder unless it is there. @throws NEB922, NEB927 */
export async function initialise(server: PostgresServer): Promise<void> {
  if (existsSync(server.dataDir)) return;
  const draft = `${server.dataDir}.draft`;
  const passwordFile = `${server.dataDir}.password`;
  rmSync(draft, { recursive: true, force: true });
  writeFileSync(passwordFile, server.password.reveal(), { mode: 0o600 });
  if (server.user) chownSync(passwordFile, server.user.uid, server.user.gid);
  const made = await run(
    join(server.pgBin, "initdb"),
    [
      ...["--pgdata", draft, "--username", superuser, "--pwfile", passwordFile, "--auth", "scram-sha-256"],
      ...["--encoding", "UTF8", "--locale", "C", "--no-instructions", "--no-sync"],
    ],
    { cwd: "/", env: { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" }, ...asUser(server.user) },
  );
  rmSync(passwordFile, { force: true });
  if (made.code !== 0) {
    rmSync(draft, { recursive: true, force: true });
    throw failure(`initdb of ${server.dataDir} failed: ${tail(made.stderr)}`, made.stderr);
  }
  renameSync(draft, server.dataDir);
}

/** Starts the server, or adopts the one that runs. Returns when it accepts connections. @throws NEB922, NEB927 */
export async function start(server: PostgresServer, timeoutMs = 60_000): Promise<Postmaster & { adopted: boolean }> {
  const running = postmasterOf(server.dataDir);
  if (running && running.port === server.port)
    return { ...(await waitUntilReady(server, running.pid, timeoutMs)), adopted: true };
  if (running) await stop(server.dataDir, "fast");
  else rmSync(join(server.dataDir, "postmaster.pid"), { force: true });
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const before = sizeOf(server.logFile);
    const pid = launch(server);
    try {
      return { ...(await waitUntilReady(server, pid, deadline - performance.now())), adopted: false };
    } catch (thrown) {
      // The last server's backends may need a moment to notice that it died.
      const stillInUse = /shared memory block|is still in use|lock file .* already exists/.test(
        logSince(server, before),
      );
      if (!stillInUse || performance.now() > deadline) throw thrown;
      await sleep(250);
    }
  }
}

/** Stops the server of a data folder and waits until it is gone. Harmless when none runs. */
export async function stop(dataDir: string, mode: "fast" | "immediate", timeoutMs = 20_000): Promise<boolean> {
  const running = postmasterOf(dataDir);
  if (running === undefined) return false;
  const send = (signal: NodeJS.Signals) => {
    try {
      process.kill(running.pid, signal);
    } catch {}
  };
  send(mode === "fast" ? "SIGINT" : "SIGQUIT");
  const deadline = performance.now() + timeoutMs;
  let forced = mode === "immediate";
  while (isAlive(running.pid)) {
    if (performance.now() > deadline && forced) send("SIGKILL");
    else if (performance.now() > deadline - timeoutMs / 2 && !forced) {
      forced = true;
      send("SIGQUIT");
    }
    await sleep(10);
  }
  return true;
}

/** The living postmaster of a data folder. */
export function postmasterOf(dataDir: string): Postmaster | undefined {
  let lines: string[];
  try {
    lines = readFileSync(join(dataDir, "postmaster.pid"), "utf8").split("\n");
  } catch {
    return undefined;
  }
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0 || !isAlive(pid) || !serves(pid, dataDir)) return undefined;
  return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === "ready" };
}

function serves(pid: number, dataDir: string): boolean {
  const folder = folderOf(pid);
  return folder === undefined ? /postgres/.test(nameOf(pid)) : folder === resolve(dataDir);
}

function launch(server: PostgresServer): number {
  const settings = {
    listen_addresses: "127.0.0.1",
    port: String(server.port),
    unix_socket_directories: server.socketDir,
    ...server.settings,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const log = openSync(server.logFile, "a", 0o600);
  try {
    const child = spawn(join(server.pgBin, "postgres"), ["-D", server.dataDir, ...args], {
      cwd: "/",
      detached: true,
      stdio: ["ignore", log, log],
      env: { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" },
      ...asUser(server.user),
    });
    child.on("error", () => {});
    child.unref();
    if (child.pid === undefined) throw ledgerFailed(`${server.pgBin}/postgres cannot be executed`);
    return child.pid;
  } finally {
    closeSync(log);
  }
}

async function waitUntilReady(server: PostgresServer, pid: number, timeoutMs: number): Promise<Postmaster> {
  const deadline = performance.now() + timeoutMs;
  const logged = sizeOf(server.logFile);
  for (;;) {
    const now = postmasterOf(server.dataDir);
    if (now?.ready && now.pid === pid) return now;
    if (!isAlive(pid)) {
      const said = logSince(server, logged);
      throw failure(`Postgres of ${server.dataDir} ended: ${complaint(said)} (log: ${server.logFile})`, said);
    }
    if (performance.now() > deadline)
      throw ledgerFailed(`Postgres of ${server.dataDir} is not ready after ${Math.round(timeoutMs / 1000)} s`);
    await sleep(5);
  }
}

const complaint = (log: string): string =>
  log
    .split("\n")
    .findLast((line) => /FATAL|PANIC|ERROR/.test(line))
    ?.replace(/^.*?(FATAL|PANIC|ERROR): */, "") ?? tail(log, 1);

const failure = (message: string, said: string) =>
  /No space left on device/.test(said) ? diskFull(message) : ledgerFailed(message);

const sizeOf = (file: string): number => (existsSync(file) ? readFileSync(file).length : 0);
const logSince = (server: PostgresServer, offset: number): string =>
  readFileSync(server.logFile).subarray(offset).toString("utf8");

/** A folder that belongs to the database user. */
export function makeFolderFor(user: OsUser | undefined, path: string, mode: number): void {
  mkdirSync(path, { recursive: true, mode });
  if (user) chownSync(path, user.uid, user.gid);
}
