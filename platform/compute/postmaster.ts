/**
 * One postmaster: started detached, found again by anybody, stopped.
 *
 * 1. `postmaster.pid` and the process it names are the truth; nothing of ours remembers that a server runs.
 * 2. A pid counts only when that process works in this data folder and belongs to its owner, who runs its server: a reused pid is
 *    never adopted and never killed.
 * 3. A started server survives us: own session, standard output in its log, no pipe to us.
 */
import { spawn } from "node:child_process";
import {
  copyFile,
  type FileHandle,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  stat,
  truncate,
  unlink,
} from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { diskFull, portTaken, startFailed, stopFailed } from "./errors.ts";
import { childrenOf, isStopped, stateOf, thawPostmaster } from "./frozen.ts";
import type { OsUser } from "./os-user.ts";
import { cleanEnvironment, freeBytes, identity, type Programs, saysDiskFull } from "./programs.ts";
import { ownerOf } from "./server-user.ts";

export type Postmaster = {
  readonly pid: number;
  /** Stands in its socket's name, whether or not it listens on TCP. */
  readonly port: number;
  readonly startedAt: Date;
  /** Whether it answers queries, a standby those that read; while it recovers it runs but is not ready. */
  readonly ready: boolean;
  /** Whether it stands still (`frozen.ts`): whoever connects waits until it is thawed. */
  readonly frozen: boolean;
};

export type StopMode = "smart" | "fast" | "immediate";

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The running postmaster of a data folder, or undefined. */
export async function findPostmaster(pgdata: string): Promise<Postmaster | undefined> {
  const noted = await readPidFile(pgdata);
  if (noted === undefined) return undefined;
  const [ours, frozen] = await Promise.all([worksIn(noted.pid, pgdata), isStopped(noted.pid)]);
  return ours ? { ...noted, frozen } : undefined;
}

async function readPidFile(pgdata: string): Promise<Omit<Postmaster, "frozen"> | undefined> {
  const text = await readFile(join(pgdata, "postmaster.pid"), "utf8").catch(() => undefined);
  const [pid, , startedAt, port, , , , status] = text?.split("\n") ?? [];
  if (pid === undefined || !/^\d+$/.test(pid)) return undefined;
  return {
    pid: Number(pid),
    port: Number(port ?? 0),
    startedAt: new Date(Number(startedAt ?? 0) * 1000),
    ready: status?.trim() === "ready",
  };
}

/** Invariant 2. Where there is no /proc the system only says that some process has this pid. */
async function worksIn(pid: number, pgdata: string): Promise<boolean> {
  if (process.platform !== "linux") return isAlive(pid);
  const [where, folder, owner, owned] = await Promise.all([
    readlink(`/proc/${pid}/cwd`).catch(() => undefined),
    realpath(pgdata).catch(() => undefined),
    stat(`/proc/${pid}`).catch(() => undefined),
    stat(pgdata).catch(() => undefined),
  ]);
  return where !== undefined && where === folder && owner?.uid === owned?.uid;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}

export type StartInput = {
  readonly programs: Programs;
  readonly pgdata: string;
  readonly configFile: string;
  readonly logFile: string;
  /** The folder of its Unix socket, which no other server uses. */
  readonly socketDir: string;
  /** Address and port that must be free; none for a server without TCP. */
  readonly listen?: { readonly port: number; readonly host: string };
  readonly timeoutMs?: number;
  /** Told when the process is there. */
  readonly spawned?: () => void;
  /** Named in messages. */
  readonly name: string;
};

export type Started = Postmaster & { readonly adopted: boolean };

/**
 * Starts the server unless it runs, and waits until it answers (`postmaster.pid` says so, looked at every 2 ms). One that a
 * killed starter left behind shows itself only after a moment: whatever failed, it is looked for again and adopted.
 * @throws NEB343 when the port is taken, NEB344 when the disk is full, NEB345 with the last log lines otherwise.
 */
export async function startPostmaster(input: StartInput): Promise<Started> {
  const deadline = performance.now() + (input.timeoutMs ?? 60_000);
  const adopt = async (): Promise<Started | undefined> => {
    const running = await findPostmaster(input.pgdata);
    if (running === undefined) return undefined;
    if (running.frozen) await thawPostmaster(running.pid);
    return { ...(await untilReady(input, running.pid, deadline, () => undefined)), adopted: true };
  };
  const running = await adopt();
  if (running !== undefined) return running;
  try {
    return { ...(await startFresh(input, deadline)), adopted: false };
  } catch (thrown) {
    const other = await adopt();
    if (other === undefined) throw thrown;
    return other;
  }
}

async function startFresh(input: StartInput, deadline: number): Promise<Postmaster> {
  await clearRemains(input.pgdata, input.socketDir);
  await mustBeFree(input);
  await rotateLog(input.logFile);
  const [log, user] = await Promise.all([open(input.logFile, "a", 0o640), ownerOf(input.pgdata)]);
  try {
    const { size } = await log.stat();
    const { pid, ended } = launch(input, log, user);
    input.spawned?.();
    try {
      return await untilReady(input, pid, deadline, ended);
    } catch (thrown) {
      throw await explain(input, size, thrown);
    }
  } finally {
    await log.close();
  }
}

function launch({ programs, pgdata, configFile, name }: StartInput, log: FileHandle, user: OsUser | null) {
  const args = ["-D", pgdata, "-c", `config_file=${configFile}`];
  const child = spawn(join(programs.bin, "postgres"), args, {
    ...identity(user),
    cwd: "/",
    env: cleanEnvironment,
    detached: true,
    stdio: ["ignore", log.fd, log.fd],
  });
  let ended: string | undefined;
  child.on("exit", (code, signal) => {
    ended = `it ended with ${signal ?? code}`;
  });
  child.on("error", (thrown) => {
    ended = thrown.message;
  });
  child.unref();
  if (child.pid === undefined) throw startFailed(`${name}: postgres could not be run`);
  return { pid: child.pid, ended: () => ended };
}

async function untilReady(
  { pgdata, name }: StartInput,
  pid: number,
  deadline: number,
  ended: () => string | undefined,
) {
  for (let round = 0; ; round++) {
    const noted = await readPidFile(pgdata);
    if (noted?.pid === pid && noted.ready) return { ...noted, frozen: false };
    const end = ended();
    if (end !== undefined) throw startFailed(`${name}: ${end}`);
    if (round % 64 === 63 && !isAlive(pid)) throw startFailed(`${name}: it ended before it was ready`);
    if (round % 64 === 63 && !(await isFolder(pgdata))) throw startFailed(`${name}: its folder is gone`);
    if (performance.now() > deadline) throw startFailed(`${name}: not ready in time`);
    await pause(2);
  }
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/**
 * What a killed postmaster leaves: its pid file and its socket's lock file, which would block a start as long as the pid is
 * somebody's or waits to be reaped, and perhaps backends that have not noticed, which would hold its shared memory.
 */
export async function clearRemains(pgdata: string, socketDir: string): Promise<void> {
  for (const name of await readdir(socketDir).catch(() => []))
    if (name.startsWith(".s.PGSQL.")) await unlink(join(socketDir, name)).catch(() => undefined);
  if ((await readPidFile(pgdata)) === undefined) return;
  for (const pid of await processesIn(pgdata)) {
    kill(pid, "SIGKILL");
    await gone(pid, pgdata, 5000);
  }
  await unlink(join(pgdata, "postmaster.pid")).catch(() => undefined);
}

/** Everything that works in a data folder as its owner: a server, or what a killed one left. */
export async function processesIn(pgdata: string): Promise<number[]> {
  const entries = process.platform === "linux" ? await readdir("/proc") : [];
  const pids = entries.filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(async (pid) => ((await worksIn(pid, pgdata)) ? [pid] : [])));
  return found.flat();
}

type ServerFiles = { readonly pgdata: string; readonly conf: string; readonly log: string };

/**
 * Ends every process of a server, at once; also when its folder has been deleted or moved under it, or its pid file has, or its
 * postmaster died before them, and nothing else would find them any more.
 * @throws NEB348 when one does not end: then it is not known what it still does.
 */
export async function killServer(server: ServerFiles): Promise<void> {
  const pids = new Set<number>();
  for (const deadline = performance.now() + 20_000; ; await pause(5)) {
    const before = pids.size;
    for (const pid of await processesOf(server)) {
      pids.add(pid);
      kill(pid, "SIGKILL");
    }
    const left = (await Promise.all([...pids].map(stateOf))).filter(
      (state) => state !== undefined && !/[ZX]/.test(state),
    );
    // who was made while the others were counted shows itself in the next look
    if (left.length === 0 && pids.size === before) return;
    if (performance.now() > deadline) throw stopFailed(`${server.pgdata}: ${left.length} processes do not end`);
  }
}

async function processesOf(server: ServerFiles): Promise<readonly number[]> {
  const postmaster = await findPostmaster(server.pgdata);
  const found = new Set([...(postmaster === undefined ? [] : [postmaster.pid]), ...(await strays(server))]);
  for (const pid of found) for (const child of await childrenOf(pid)) found.add(child);
  return [...found];
}

/** Those that work in the folder, or in one that had its name; who was started with its file of settings; who writes into its log. */
async function strays({ pgdata, conf, log }: ServerFiles): Promise<readonly number[]> {
  if (process.platform !== "linux") return [];
  const own = new Set([await realpath(pgdata).catch(() => pgdata), pgdata]);
  const logs = new Set([await realpath(log).catch(() => log), log]);
  const nameOf = async (link: string) => (await readlink(link).catch(() => "")).replace(/ \(deleted\)$/, "");
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = await Promise.all(
    pids.map(async (pid) => {
      if (own.has(await nameOf(`/proc/${pid}/cwd`))) return [Number(pid)];
      // of one whose postmaster is gone and whose folder was moved nothing else says whose it is
      if (logs.has(await nameOf(`/proc/${pid}/fd/2`))) return [Number(pid)];
      const said = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      return said.split("\0").includes(`config_file=${conf}`) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
  }
}

async function mustBeFree({ listen, name }: StartInput): Promise<void> {
  if (listen === undefined) return;
  if (!(await isPortFree(listen.port, listen.host)))
    throw portTaken(`${name}: port ${listen.port} is in use by another program`, { fields: { port: listen.port } });
}

/** Whether a server could listen there now. `*` means every address. */
export function isPortFree(port: number, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: host === "*" ? "0.0.0.0" : host, exclusive: true }, () =>
      probe.close(() => resolve(true)),
    );
  });
}

/** Why it did not start, from what can be checked and from what it said since. */
async function explain(input: StartInput, since: number, thrown: unknown): Promise<unknown> {
  const said = (await readFile(input.logFile).catch(() => Buffer.alloc(0))).subarray(since).toString("utf8");
  const detail = { cause: thrown };
  if (saysDiskFull(said) || (await freeBytes(input.pgdata).catch(() => Infinity)) === 0)
    return diskFull(`${input.name}: no space left to start in ${input.pgdata}`, detail);
  await mustBeFree(input);
  const lines = said.trim().split("\n").slice(-6).join("\n");
  const message = thrown instanceof Error ? thrown.message : `${input.name} did not start`;
  return startFailed(lines === "" ? message : `${message}; its log says:\n${lines}`, detail);
}

const signals = { smart: "SIGTERM", fast: "SIGINT", immediate: "SIGQUIT" } as const;

/**
 * Stops the server and waits until its process is gone; false when it did not run. A mode that does not succeed within its
 * time is followed by the next harder one; `immediate` costs a recovery at the next start and loses nothing.
 * @throws NEB348 when even that did not help.
 */
export async function stopPostmaster(
  pgdata: string,
  mode: StopMode,
  name: string,
  patienceMs = 20_000,
): Promise<boolean> {
  const running = await findPostmaster(pgdata);
  if (running === undefined) return false;
  const order: readonly StopMode[] = ["smart", "fast", "immediate"];
  for (const step of order.slice(order.indexOf(mode))) {
    kill(running.pid, signals[step]);
    if (running.frozen) await thawPostmaster(running.pid); // the signal is there when it goes on
    if (await gone(running.pid, pgdata, patienceMs)) return true;
  }
  throw stopFailed(`${name}: process ${running.pid} does not end`);
}

async function gone(pid: number, pgdata: string, patienceMs: number): Promise<boolean> {
  const deadline = performance.now() + patienceMs;
  while (await worksIn(pid, pgdata)) {
    if (performance.now() > deadline) return false;
    await pause(2);
  }
  return true;
}

/** Makes a running server read its settings again. */
export function reloadPostmaster(pid: number): void {
  kill(pid, "SIGHUP");
}

const logLimitBytes = 8 * 1024 * 1024;

/**
 * Keeps a log under its limit with one older part. The server appends to the open file, so while it runs the old part is copied
 * away and the file cut; what is written between the two is lost, which a log may.
 */
export async function rotateLog(logFile: string, running = false): Promise<void> {
  const found = await stat(logFile).catch(() => undefined);
  if (found === undefined || found.size < logLimitBytes) return;
  if (!running) return rename(logFile, `${logFile}.1`);
  await copyFile(logFile, `${logFile}.1`);
  await truncate(logFile);
}
