/**
 * The supervisor: brings one platform up, keeps it up, takes it down. Runs inside `nebula up`, or detached in a process of its
 * own (supervise.ts).
 *
 * 1. One a data folder: it holds <data>/run/supervisor.lock for as long as it lives.
 * 2. Before anything starts, whatever a killed platform left is ended; the ledger's server is adopted instead.
 * 3. A start that fails half-way takes down what it started.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { PostgresServer } from "../platform/compute/index.ts";
import { type Observe, openScope, type Scope } from "../platform/core/index.ts";
import { type DataFolder, readSecrets, readSettings, repository, type Secrets, writeSettings } from "./data-folder.ts";
import { writeWhole } from "./files.ts";
import { type Ledger, ledgerServer, startLedger } from "./ledger.ts";
import { type MainProcess, startMain } from "./main-process.ts";
import { flagsOf, type Main, type MainKind, planMains } from "./mains.ts";
import { endOrphans, mark } from "./orphans.ts";
import { describePlatform, type PlatformFile, removePlatform, writePlatform } from "./platform-file.ts";
import { defaultPort, type Ports, portsFrom, requireFree } from "./ports.ts";
import { accessLedger } from "./recovery/access.ts";
import { type Archive, makeArchive, timesFrom } from "./recovery/archive.ts";
import { ledgerLost } from "./recovery/errors.ts";
import { backupsFolder } from "./recovery/state.ts";
import { endDatabases, endMains } from "./shutdown.ts";

export type SuperviseInput = {
  readonly folder: DataFolder;
  /** First of the ports; undefined for the one of last time, or the default. */
  readonly port: number | undefined;
  /** Portals, and as many reconcilers; undefined for the number of last time, or 1. */
  readonly replicas?: number | undefined;
  readonly pgBin: string;
  readonly pulumiBin: string;
  readonly env: NodeJS.ProcessEnv;
  readonly observe: Observe;
  readonly step: (text: string) => void;
  /** For tests: other scripts than the real mains. */
  readonly scripts?: Readonly<Record<MainKind, string>>;
};

export type Running = {
  readonly platform: PlatformFile;
  /** Set at the very first start only. */
  readonly adminToken: string | undefined;
  /** Makes the first administrator's account; set while there is none and no such token waits. */
  readonly setupToken: string | undefined;
  stop(): Promise<void>;
};

const realScripts = {
  portal: join(repository, "portal/main.ts"),
  reconciler: join(repository, "reconciler/main.ts"),
  gateway: join(repository, "gateway/main.ts"),
};

/** Brings the platform up; returns when it serves. The caller holds the lock. */
export async function supervise(input: SuperviseInput): Promise<Running> {
  const { folder, observe, step } = input;
  mustNotHaveLostLedger(folder);
  const settings = readSettings(folder);
  const ports = portsFrom(input.port ?? settings.port ?? defaultPort);
  removePlatform(folder);
  await endMains(folder, 2_000);
  const secrets = readSecrets(folder);
  const server = await ledgerServer(folder, {
    pgBin: input.pgBin,
    port: ports.ledger,
    password: secrets.ledgerPassword,
  });
  const replicas = input.replicas ?? settings.replicas ?? 1;
  const planned = planMains(ports, replicas);
  await requirePorts(server, ports, planned);
  const scope = openScope();
  try {
    step("starting the ledger");
    const logins = { ...secrets, port: ports.ledger };
    const ledger = scope.add(await startLedger(folder, server, logins, observe), (started) => started.stop());
    const archive = scope.add(openArchive(input, server, ports.ledger), (it) => it.close());
    scope.add(folder, () => endDatabases(folder, input.pgBin));
    scope.add(folder, () => endOrphans(folder.root, 2_000));
    step("starting the portal, the reconciler and the gateway");
    const env = environment(input, ports, secretFiles(folder, ledger, secrets));
    const isFirst = settings.port === undefined || settings.emptyLedger === true;
    const { mains, ...tokens } = await startMains(input, scope, planned, env, isFirst);
    if (isFirst || settings.port !== ports.portal || settings.replicas !== replicas)
      writeSettings(folder, { port: ports.portal, replicas });
    const platform = describePlatform(folder, ports, planned, {
      startedAt: new Date(),
      listens: env.NEBULA_GATEWAY_HOST || "127.0.0.1",
    });
    writePlatform(folder, platform);
    scope.add(folder, removePlatform);
    const watch = setInterval(() => {
      void ledger.look();
      for (const main of mains) main.rotate();
    }, 500);
    scope.add(watch, clearInterval);
    archive.begin();
    return { platform, ...tokens, stop: () => scope.close() };
  } catch (thrown) {
    await scope.close();
    throw thrown;
  }
}

/** A new ledger beside databases of an old one would take them for somebody else's. @throws NEB939 */
function mustNotHaveLostLedger({ ledger, instances, root }: DataFolder): void {
  if (existsSync(ledger) || !existsSync(instances)) return;
  const databases = readdirSync(instances).filter((name) => !name.startsWith("."));
  if (databases.length > 0)
    throw ledgerLost(`${root} has ${databases.length} databases and no ledger`, { fields: { databases } });
}

function openArchive({ folder, pgBin, env, observe }: SuperviseInput, server: PostgresServer, port: number): Archive {
  const access = accessLedger(folder, server, pgBin, port);
  return makeArchive({ access, backups: backupsFolder(folder.root, env), observe, times: timesFrom(env) });
}

/** All at once, except at the very first start, when the first one makes what the others read. */
async function startMains(
  { folder, observe, scripts = realScripts }: SuperviseInput,
  scope: Scope,
  planned: readonly Main[],
  env: NodeJS.ProcessEnv,
  isFirstStart: boolean,
) {
  let adminToken: string | undefined;
  let setupToken: string | undefined;
  const onMessage = (message: Readonly<Record<string, unknown>>) => {
    if (typeof message.adminToken === "string") adminToken = message.adminToken;
    if (typeof message.setupToken === "string") setupToken = message.setupToken;
  };
  const start = async ({ name, kind, env: own }: Main) => {
    const held: { main?: MainProcess } = scope.add({}, ({ main }: { main?: MainProcess }) => main?.stop());
    const told = { env: { ...env, ...own }, flags: flagsOf(kind), onMessage };
    held.main = await startMain({ name, script: scripts[kind], folder, observe, ...told });
    return held.main;
  };
  const starting: Promise<MainProcess>[] = [];
  for (const main of planned) {
    starting.push(start(main));
    if (isFirstStart && starting.length === 1) await starting[0];
  }
  const started = await Promise.allSettled(starting);
  const failed = started.find((one) => one.status === "rejected");
  if (failed) throw failed.reason;
  const mains = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  return { mains, adminToken, setupToken };
}

async function requirePorts(
  server: PostgresServer,
  { ledger, forge, direct }: Ports,
  planned: readonly Main[],
): Promise<void> {
  const others = { ...Object.fromEntries(planned.map(({ name, port }) => [name, port])), forge, direct };
  const adopted = (await server.find())?.port === ledger;
  await requireFree(adopted ? others : { ...others, ledger }, "nebula up");
}

/** What the mains may know, as files: an environment is inherited and shown. */
function secretFiles(folder: DataFolder, { url, forgeUrl }: Ledger, { masterKeyFile }: Secrets): NodeJS.ProcessEnv {
  const [ledgerFile, forgeFile] = [join(folder.secrets, "ledger-url"), join(folder.secrets, "forge-url")];
  writeWhole(ledgerFile, url.reveal(), 0o600);
  writeWhole(forgeFile, forgeUrl.reveal(), 0o600);
  return {
    NEBULA_LEDGER_URL_FILE: ledgerFile,
    NEBULA_FORGE_DATABASE_URL_FILE: forgeFile,
    NEBULA_MASTER_KEY_FILE: masterKeyFile,
    NEBULA_MASTER_KEY_PREVIOUS_FILE: `${masterKeyFile}.previous`,
  };
}

function environment(input: SuperviseInput, ports: Ports, secrets: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...input.env,
    ...mark(input.folder.root),
    NEBULA_MODE: input.env.NEBULA_MODE || "development",
    NEBULA_DATA: input.folder.root,
    NEBULA_PORT: String(ports.portal),
    ...secrets,
    NEBULA_PG_BIN: input.pgBin,
    NEBULA_PULUMI_BIN: input.pulumiBin,
    NEBULA_BACKUPS: backupsFolder(input.folder.root, input.env) ?? "off",
  };
}
