/** `nebula up`: set-up, then one supervisor, in this process or detached. A platform that runs already is left as it is. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { resolveOsUser } from "../../platform/compute/index.ts";
import { NebulaError, type Observation } from "../../platform/core/index.ts";
import { requireGit } from "../../platform/git/index.ts";
import { type DataFolder, layout, locateData, prepareData } from "../data-folder.ts";
import { lockTimeout, processFailed } from "../errors.ts";
import { tryLock } from "../lock.ts";
import { type PlatformFile, webRows } from "../platform-file.ts";
import { columns, type Format, print } from "../print.ts";
import { findRunning, lockPath } from "../running.ts";
import { endMains } from "../shutdown.ts";
import type { Report } from "../supervise.ts";
import { supervise } from "../supervisor.ts";
import { tryPgBouncer } from "../toolchain/pgbouncer.ts";
import { resolvePostgres } from "../toolchain/postgres.ts";
import { resolvePulumi } from "../toolchain/pulumi.ts";
import { makeSay, type Say } from "../toolchain/say.ts";
import { tryVersitygw } from "../toolchain/versitygw.ts";

export type UpOptions = {
  readonly detach?: boolean;
  readonly data?: string;
  readonly port?: number;
  readonly replicas?: number;
  readonly output: Format;
};

type Tools = {
  readonly pgBin: string;
  readonly pulumiBin: string;
  /** Empty: there is none, and no pooled endpoint. */
  readonly pgBouncerBin: string;
  readonly versitygwBin: string;
};
type Start = {
  readonly folder: DataFolder;
  readonly port: number | undefined;
  /** Undefined: as many as last time. */
  readonly replicas?: number | undefined;
  readonly tools: Tools;
  readonly say: Say;
};

export async function up(options: UpOptions): Promise<void> {
  const say = makeSay();
  const began = performance.now();
  const prepared = await prepareStart(layout(locateData(options.data, process.env)), options.port, say);
  const start = { ...prepared, replicas: options.replicas };
  const announce: Announce = (platform, { adminToken, setupToken }) => {
    say.line(`NebulaDB is up, after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    const tokens = { ...(adminToken ? { adminToken } : {}), ...(setupToken ? { setupToken } : {}) };
    return printPlatform(platform, { alreadyRunning: false, ...tokens }, options.output);
  };
  if (!options.detach) return runHere(start, options, announce);
  const started = await startDetached(start);
  if (started.kind === "theirs") await announceRunning(started.platform, options, say);
  else await announce(started.value.platform, started.value);
}

/** The tools, unless the platform runs already, which needs none. @throws NEB370, NEB923-925 naming the one that is missing */
export async function prepareStart(folder: DataFolder, port: number | undefined, say: Say): Promise<Start> {
  prepareData(folder, await resolveOsUser());
  if (findRunning(folder))
    return { folder, port, say, tools: { pgBin: "", pulumiBin: "", pgBouncerBin: "", versitygwBin: "" } };
  await requireGit();
  const postgres = await resolvePostgres(process.env, say);
  const pulumi = await resolvePulumi(process.env, say);
  const pgBouncerBin = (await tryPgBouncer(process.env, say))?.path ?? "";
  const versitygwBin = (await tryVersitygw(process.env, say)) ?? "";
  return { folder, port, say, tools: { pgBin: postgres.binDir, pulumiBin: pulumi.path, pgBouncerBin, versitygwBin } };
}

type FirstTokens = { readonly adminToken?: string | undefined; readonly setupToken?: string | undefined };
type Announce = (platform: PlatformFile, tokens: FirstTokens) => Promise<void>;

async function runHere(start: Start, options: UpOptions, announce: Announce): Promise<void> {
  const { folder, say } = start;
  const turn = await untilOurs(folder, async () => tryLock(lockPath(folder)) || undefined);
  if (turn.kind === "theirs") return announceRunning(turn.platform, options, say);
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  let signals = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      ask();
      if (++signals > 1) void endMains(folder, 0);
    });
  try {
    const observe = (o: Observation) => {
      if (o.kind === "process.ended")
        say.line(`${o.process} ended (${o.how}); it starts again in ${o.restartInMs / 1000} s`);
    };
    const running = await supervise({
      folder,
      port: start.port,
      replicas: start.replicas,
      ...start.tools,
      env: {
        ...process.env,
        NEBULA_PGBOUNCER_BIN: start.tools.pgBouncerBin,
        NEBULA_VERSITYGW_BIN: start.tools.versitygwBin,
      },
      observe,
      step: say.step,
    });
    await announce(running.platform, running);
    say.line("Ctrl-C stops it.");
    await asked;
    say.step("stopping");
    await running.stop();
    say.done();
  } finally {
    say.done();
    rmSync(lockPath(folder), { recursive: true, force: true });
  }
}

type Ready = Extract<Report, { kind: "ready" }>;

/** Starts a supervisor of its own process, unless the platform runs already. */
export async function startDetached(start: Start): Promise<Turn<Ready>> {
  const turn = await untilOurs(start.folder, async () => {
    const report = await launch(start);
    return report.kind === "busy" ? undefined : report;
  });
  start.say.done();
  if (turn.kind === "theirs") return turn;
  if (turn.value.kind === "failed") throw revive(turn.value);
  return { kind: "ours", value: turn.value };
}

type Turn<T> =
  | { readonly kind: "ours"; readonly value: T }
  | { readonly kind: "theirs"; readonly platform: PlatformFile };

/** Tries to become the one who starts, until that works or somebody else has started the platform. */
async function untilOurs<T>(folder: DataFolder, attempt: () => Promise<T | undefined>): Promise<Turn<T>> {
  const deadline = performance.now() + 180_000;
  for (;;) {
    const found = findRunning(folder);
    if (found) return { kind: "theirs", platform: found.platform };
    const value = await attempt();
    if (value !== undefined) return { kind: "ours", value };
    if (performance.now() > deadline)
      throw lockTimeout(`another nebula starts or stops the platform in ${folder.root} and does not finish`);
    await sleep(100);
  }
}

/** Starts the supervisor and listens until it is ready, busy or failed. */
function launch({ folder, port, replicas, tools, say }: Start): Promise<Exclude<Report, { kind: "step" }>> {
  const log = openSync(join(folder.log, "supervisor.log"), "a", 0o640);
  const script = join(import.meta.dirname, "../supervise.ts");
  const asked = [port, replicas].map((number) => (number === undefined ? "" : String(number)));
  const args = ["--disable-warning=ExperimentalWarning", script, folder.root, ...asked];
  const child = spawn(process.execPath, args, {
    cwd: "/",
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
    env: {
      ...process.env,
      NEBULA_PG_BIN: tools.pgBin,
      NEBULA_PULUMI_BIN: tools.pulumiBin,
      NEBULA_PGBOUNCER_BIN: tools.pgBouncerBin,
      NEBULA_VERSITYGW_BIN: tools.versitygwBin,
    },
  });
  closeSync(log);
  return new Promise((resolve, reject) => {
    child.on("message", (message) => {
      const report = message as Report;
      if (report.kind === "step") return say.step(report.text);
      letGo(child);
      resolve(report);
    });
    child.on("error", reject);
    child.on("exit", (code, signal) =>
      reject(
        processFailed(`the supervisor ended with ${signal ?? `exit code ${code}`} (log: ${folder.log}/supervisor.log)`),
      ),
    );
  });
}

function letGo(child: ChildProcess): void {
  child.removeAllListeners();
  if (child.connected) child.disconnect();
  child.unref();
}

const revive = ({ code, message, hint, status }: Extract<Report, { kind: "failed" }>) =>
  new NebulaError({ code: code as `NEB${number}`, title: message, status, hint, retry: false }, message);

async function announceRunning(platform: PlatformFile, options: UpOptions, say: Say): Promise<void> {
  say.line(`NebulaDB is running already, since ${platform.startedAt}`);
  if (options.port !== undefined && options.port !== platform.ports.portal)
    say.line(`It keeps port ${platform.ports.portal}; to change it, run \`nebula down\` first.`);
  const portals = platform.processes.filter(({ name }) => name.startsWith("portal")).length;
  if (options.replicas !== undefined && options.replicas !== portals)
    say.line(`It keeps ${portals} portal${portals === 1 ? "" : "s"}; to change that, run \`nebula down\` first.`);
  await printPlatform(platform, { alreadyRunning: true }, options.output);
}

const hasMailServer = (env: NodeJS.ProcessEnv): boolean => Boolean(env.NEBULA_SMTP_URL || env.NEBULA_SMTP_URL_FILE);

function printPlatform(
  platform: PlatformFile,
  more: { readonly alreadyRunning: boolean } & FirstTokens,
  format: Format,
): Promise<void> {
  const rows = [
    ["  portal", platform.url, `API reference at ${platform.url}/docs`],
    ["  forge", platform.forgeUrl, `GitHub's REST API at ${platform.forgeApiUrl}`],
    ["  reconciler", platform.reconcilerUrl, "/health, /ready, /metrics"],
    [
      "  databases",
      `${platform.endpoints.host}:${platform.endpoints.direct}`,
      `pooled on ${platform.endpoints.pooled}`,
    ],
    ...webRows(platform).map(([what, ...more]) => [`  ${what}`, ...more]),
    ["  data", platform.data],
    ...(hasMailServer(process.env)
      ? []
      : [["  mail", join(platform.data, "mail"), "files, until NEBULA_SMTP_URL is set"]]),
  ];
  const token = more.adminToken
    ? `\n\n  An administrator's token, shown this once and kept in secrets/admin-token:\n  ${more.adminToken}`
    : "";
  const setUp = more.setupToken
    ? `\n\n  No administrator has an account yet. Yours, by a token that works once (secrets/setup-token):\n` +
      "  ./nebula account setup --email YOU@EXAMPLE"
    : "";
  return print({ ...platform, ...more }, format, () => `${columns(rows)}${token}${setUp}`);
}
