/** Disasters for a platform that was started as a user starts it, and a client that keeps a book of its own meanwhile. */
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { makeLocalRunner } from "../../platform/compute/index.ts";
import { Secret } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { connectionUrl, makePool } from "../../platform/sql/index.ts";
import { eventually } from "../harness/eventually.ts";
import type { Platform } from "../system/platform.ts";

/** Continuous backup as in production, with its waiting times shortened: NEBULA_BACKUP_TIMES. */
export const hurried = JSON.stringify({ beginAfterMs: 200, everyMs: 500, firstBaseAfterMs: 500, upkeepEveryMs: 1_000 });

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

const folderOf = (pid: number): string => {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
};

/** Every process that belongs to a data folder, except the tenants' servers: those have the folder `instances/` under them. */
export function controlProcesses(data: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      if (pid === process.pid || folderOf(pid).startsWith(`${data}/instances/`)) return false;
      const command = read(`/proc/${pid}/cmdline`);
      if (command.includes(`${data}/instances/`)) return false;
      return command.includes(data) || read(`/proc/${pid}/environ`).split("\0").includes(`NEBULA_SUPERVISED=${data}`);
    });
}

/** kill -9 of the whole control plane, ledger included, until nothing of it is left. The tenants' servers go on. */
export const killControlPlane = (data: string) =>
  eventually("no process of the control plane is left", () => {
    const left = controlProcesses(data);
    for (const pid of left) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended in between.
      }
    }
    return left.length === 0;
  });

/** Process ids of the tenants' postmasters by instance. */
export function postmasters(data: string): Record<string, number> {
  const found: Record<string, number> = {};
  if (!existsSync(`${data}/instances`)) return found;
  for (const id of readdirSync(`${data}/instances`)) {
    if (id.startsWith(".")) continue;
    const pid = Number(read(`${data}/instances/${id}/pgdata/postmaster.pid`).split("\n")[0]);
    if (pid > 0) found[id] = pid;
  }
  return found;
}

type Shown = {
  readonly name: string;
  readonly phase: string | null;
  readonly status: string;
};

export async function listDatabases(platform: Platform): Promise<readonly Shown[]> {
  const listed = await platform.nebula("db", "list", "-o", "json");
  if (listed.code !== 0) return [];
  const answer = JSON.parse(listed.stdout) as readonly Shown[] | { readonly items: readonly Shown[] };
  return "items" in answer ? answer.items : (answer as readonly Shown[]);
}

export const untilReady = (platform: Platform, databases: number, timeoutMs = 90_000) =>
  eventually(
    `${databases} databases are ready`,
    async () => {
      const all = await listDatabases(platform);
      return all.length === databases && all.every(({ status, phase }) => status === "Ready" && phase === "Ready");
    },
    { timeoutMs, everyMs: 500 },
  );

export const untilRecoverable = (platform: Platform, since: Date) =>
  eventually(
    "everything so far can be recovered",
    () => {
      const text = read(`${platform.data}/backups/state.json`);
      const at = text === "" ? null : (JSON.parse(text) as { recoverableAt: string | null }).recoverableAt;
      return at !== null && new Date(at) >= since;
    },
    { timeoutMs: 60_000, everyMs: 200 },
  );

export async function createDatabase(platform: Platform, name: string): Promise<void> {
  const size = ["--min", "0.25", "--max", "0.25", "--storage", "1Gi", "--tag", "owner=test"];
  const opened = await platform.nebula("db", "create", `acme/shop/${name}`, ...size, "--auto-merge", "-o", "json");
  if (opened.code !== 0) throw new Error(opened.stderr);
}

/** The owner's address as a user is told it: through the gateway. */
export async function addressOf(platform: Platform, database: string): Promise<Secret> {
  const told = await platform.nebula("db", "connect", database, "-o", "json");
  if (told.code !== 0) throw new Error(told.stderr);
  return new Secret((JSON.parse(told.stdout) as { readonly url: string }).url);
}

/** The same owner at the server's own socket, which needs nothing of the platform. */
export async function ownAddressOf(platform: Platform, database: string): Promise<Secret> {
  const { username: user, password } = new URL((await addressOf(platform, database)).reveal());
  const pgBin = process.env.NEBULA_PG_BIN ?? "";
  const runner = await makeLocalRunner({ dataDir: platform.data, pgBin });
  const seen = await runner.observe(database.replaceAll("/", ".") as DatabaseId);
  if (seen === undefined) throw new Error(`${database} is not on this machine`);
  return connectionUrl({
    ...{ host: seen.host, port: seen.socketPort, database: seen.databaseName },
    ...{ user, password: new Secret(decodeURIComponent(password)) },
  });
}

export type Client = {
  readonly acknowledged: readonly number[];
  readonly errors: readonly string[];
  /** The longest time without an answer. */
  longestSilenceMs(): number;
  stop(): Promise<void>;
  /** Ids that stand in the database. */
  kept(): Promise<ReadonlySet<number>>;
};

/** Two sessions that commit a row at a time, noted when the server has said "committed", and hold their connections. */
export async function startClient(url: Secret): Promise<Client> {
  const pool = makePool({ url, max: 2, applicationName: "client" });
  await pool.query("create table if not exists book (id int primary key, at timestamptz default now())");
  const acknowledged: number[] = [];
  const errors: string[] = [];
  let [next, stopping, silenceMs, answeredAt] = [0, false, 0, performance.now()];
  const acknowledge = (id: number) => {
    acknowledged.push(id);
    silenceMs = Math.max(silenceMs, performance.now() - answeredAt);
    answeredAt = performance.now();
  };
  const write = async () => {
    while (!stopping) {
      const id = ++next;
      await pool.query("insert into book (id) values ($1)", [id]).then(
        () => acknowledge(id),
        (failure: Error) => errors.push(failure.message),
      );
      await sleep(5);
    }
  };
  const writers = [write(), write()];
  return {
    ...{ acknowledged, errors, longestSilenceMs: () => silenceMs },
    kept: async () => new Set((await pool.query<{ id: number }>("select id from book")).map(({ id }) => id)),
    async stop() {
      stopping = true;
      await Promise.all(writers);
      await pool.close();
    },
  };
}

/** One line beside those of the faults and attacks. */
export function printFigures(row: string, figures: Readonly<Record<string, number>>): void {
  const line = { suite: "dr", row, n: 1, seed: 0, violations: 0, bound: "a drill", control: "-", without: "", figures };
  const file = process.env.NEBULA_ROWS;
  if (file) appendFileSync(file, `${JSON.stringify(line)}\n`);
  else console.log(JSON.stringify({ row, ...figures }));
}

export const clearMachine = (data: string): void => {
  for (const pid of [...controlProcesses(data), ...Object.values(postmasters(data))])
    spawnSync("kill", ["-9", String(pid)]);
};
