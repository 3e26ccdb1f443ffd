/** `nebula status`: what runs, where, since when, how much memory, which versions. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { makeLocalDriver } from "../../platform/compute/index.ts";
import type { HealthReport } from "../../platform/core/index.ts";
import { type DataFolder, layout, locateData, readSecrets, repository } from "../data-folder.ts";
import { ledgerServer } from "../ledger.ts";
import { readPid } from "../pid-file.ts";
import { webRows } from "../platform-file.ts";
import { columns, type Format, print } from "../print.ts";
import { memoryOf } from "../processes.ts";
import { backupsFolder, readState } from "../recovery/state.ts";
import { findRunning, type RunningPlatform } from "../running.ts";
import { noLogin } from "../shutdown.ts";
import { findPostgres } from "../toolchain/postgres.ts";
import { findPulumi } from "../toolchain/pulumi.ts";
import { healthLines, readHealth } from "./health.ts";

type ProcessStatus = {
  readonly name: string;
  readonly pid: number | null;
  readonly port: number | null;
  /** With the processes it started; null where the system does not tell. */
  readonly memoryBytes: number | null;
  /** What it says of itself; null: it is not asked, or does not answer. */
  readonly health: HealthReport | null;
};

export async function status(options: { readonly data?: string; readonly output: Format }): Promise<void> {
  const folder = layout(locateData(options.data, process.env));
  const running = findRunning(folder);
  const versions = await versionsOf(process.env);
  const processes = running ? await processesOf(folder, running) : [];
  const memoryBytes = processes.reduce((sum, one) => sum + (one.memoryBytes ?? 0), 0);
  const backups = backupStatus(folder);
  const data = {
    running: running !== undefined,
    backups,
    ...running?.platform,
    data: folder.root,
    processes,
    memoryBytes,
    versions,
  };
  await print(data, options.output, () =>
    [
      running ? `NebulaDB runs since ${running.platform.startedAt}` : `NebulaDB does not run in ${folder.root}`,
      ...(running ? ["", columns(toRows(processes)), ...healthLines(processes), "", columns(addresses(running))] : []),
      "",
      backups.text,
      columns(Object.entries(versions).map(([name, version]) => [name, version ?? "not found"])),
    ].join("\n"),
  );
}

/** How far back a loss of the ledger would throw the platform now. */
function backupStatus(folder: DataFolder) {
  const backups = backupsFolder(folder.root, process.env);
  const state = backups === undefined ? undefined : readState(backups);
  const at = state?.recoverableAt ?? null;
  const ageSeconds = at === null ? null : Math.max(0, Math.round((Date.now() - Date.parse(at)) / 1000));
  const since = ageSeconds === null ? "nothing can be recovered yet" : `newest recoverable point ${ageSeconds} s ago`;
  const problem = state?.problem ? ` (${state.problem})` : "";
  const text = backups === undefined ? "backups  off" : `backups  ${since}${problem}, in ${backups}`;
  return { folder: backups ?? null, recoverableAt: at, ageSeconds, problem: state?.problem ?? null, text };
}

const megabytes = (bytes: number | null) => (bytes === null ? "-" : `${Math.round(bytes / 1e6)} MB`);

const toRows = (processes: readonly ProcessStatus[]) => [
  ["PROCESS", "PID", "PORT", "MEMORY", "HEALTH"],
  ...processes.map((one) => [
    ...[one.name, String(one.pid ?? "down"), String(one.port ?? "-"), megabytes(one.memoryBytes)],
    one.health?.status ?? "-",
  ]),
];

const addresses = ({ platform }: RunningPlatform) => [
  ["portal", platform.url],
  ["forge", platform.forgeApiUrl],
  [
    "clone",
    `git clone ${platform.forgeUrl}/nebula/tenants.git`,
    "user admin; password in secrets/git-token of the data folder",
  ],
  ["reconciler", platform.reconcilerUrl],
  ["databases", `${platform.endpoints.host}:${platform.endpoints.direct}`, `pooled on ${platform.endpoints.pooled}`],
  ...webRows(platform),
  ["data", platform.data],
];

async function processesOf(folder: DataFolder, { platform, supervisor }: RunningPlatform): Promise<ProcessStatus[]> {
  const children = readChildren();
  const entry = (name: string, pid: number | undefined, port: number | null): ProcessStatus => ({
    name,
    pid: pid ?? null,
    port,
    memoryBytes: pid === undefined ? null : memoryOfTree(pid, children),
    health: null,
  });
  const main = async (name: string, port: number): Promise<ProcessStatus> => ({
    ...entry(name, readPid(join(folder.run, `${name}.pid`))?.pid, port),
    health: await readHealth(port),
  });
  const postgres = await findPostgres(process.env);
  const own = [
    { ...entry("supervisor", supervisor.pid, null), memoryBytes: memoryOf(supervisor.pid) ?? null },
    ...(await Promise.all(platform.processes.map(({ name, port }) => main(name, port)))),
  ];
  if (postgres === undefined) return own;
  const { ledgerPassword } = readSecrets(folder);
  const { binDir: pgBin } = postgres;
  const server = await ledgerServer(folder, { pgBin, port: platform.ports.ledger, password: ledgerPassword });
  const driver = await makeLocalDriver({ dataDir: folder.root, pgBin, vault: noLogin });
  const databases = (await driver.list()).filter((instance) => instance.running);
  return [
    ...own,
    entry("ledger", (await server.find())?.pid, platform.ports.ledger),
    ...databases.map((instance) => entry(instance.id, instance.pid ?? undefined, null)),
  ];
}

type Children = ReadonlyMap<number, readonly number[]>;

function readChildren(): Children {
  if (process.platform !== "linux") return new Map();
  const pairs = readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const parent = /\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, "utf8"))?.[1];
      return [{ pid: Number(name), parent: Number(parent) }];
    } catch {
      return [];
    }
  });
  const byParent = Map.groupBy(pairs, (pair) => pair.parent);
  return new Map([...byParent].map(([parent, list]) => [parent, list.map((pair) => pair.pid)]));
}

function memoryOfTree(pid: number, children: Children): number {
  const below = (children.get(pid) ?? []).reduce((sum, child) => sum + memoryOfTree(child, children), 0);
  return (memoryOf(pid) ?? 0) + below;
}

async function versionsOf(env: NodeJS.ProcessEnv) {
  const [postgres, pulumi] = await Promise.all([findPostgres(env), findPulumi(env)]);
  const manifest = join(repository, "package.json");
  const own = existsSync(manifest) ? (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version : null;
  return {
    nebula: own,
    node: process.versions.node,
    postgres: postgres?.version ?? null,
    pulumi: pulumi?.version ?? null,
  };
}
