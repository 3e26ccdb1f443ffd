/**
 * The ways to one database that `bench gateway` holds side by side: its own server by Unix socket and by TCP, a PgBouncer in session
 * mode, and the gateway's two endpoints, with TLS and without. Everything but the pgbench that is measured runs as in production.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { stopPgBouncer } from "../../gateway/pool/index.ts";
import { tlsFiles } from "../../gateway/tls/index.ts";
import {
  findPgBouncer,
  findPostgres,
  flagsOf,
  quiet,
  resolvePgBouncer,
  resolvePostgres,
} from "../../launcher/index.ts";
import {
  type InstanceWanted,
  limitsFor,
  makeLocalDriver,
  type OsUser,
  ownerOf,
  resolveOsUser,
} from "../../platform/compute/index.ts";
import { makeVault, type Scope, Secret } from "../../platform/core/index.ts";
import { freePort } from "./sides.ts";

const run = promisify(execFile);
const password = "a-password-of-a-bench";

/** One way to the database, as pgbench's arguments and environment. */
export type Way = { readonly host: string; readonly port: number; readonly database: string; readonly tls?: true };

export type Ways = {
  readonly unix: Way;
  readonly tcp: Way;
  readonly pgbouncer: Way;
  /** PgBouncer with the server's Unix socket behind it. */
  readonly pgbouncerUnix: Way;
  readonly direct: Way;
  readonly pooled: Way;
  readonly directTls: Way;
  readonly pgbouncerTls: Way;
};

export type Endpoints = {
  readonly ways: Ways;
  readonly user: string;
  /** The toolchain's pgbench, which speaks no TLS. */
  readonly pgbench: string;
  /** One that does; undefined where the system has none. */
  readonly pgbenchTls: string | undefined;
  environment(way: Way): NodeJS.ProcessEnv;
};

export async function openEndpoints(scope: Scope, scale: number): Promise<Endpoints> {
  const home = scope.add(mkdtempSync(join(tmpdir(), "nebula-bench-gw-")), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  chmodSync(home, 0o755); // where root runs it, Postgres is another user
  const dataDir = join(home, "data");
  const { binDir: pgBin } = (await findPostgres(process.env)) ?? (await resolvePostgres(process.env, quiet));
  const pgBouncer = (await findPgBouncer(process.env)) ?? (await resolvePgBouncer(process.env, quiet));
  const osUser = await resolveOsUser();
  const vault = makeVault(new Secret(Buffer.alloc(32, 5).toString("base64")));
  const driver = scope.add(await makeLocalDriver({ dataDir, pgBin, vault, spares: 0 }), async (it) => {
    for (const { id } of await it.list()) await it.stop(id, "immediate");
    await it.close();
  });
  const wanted: InstanceWanted = {
    ...{ id: "bench.gateway.orders", version: "18", units: 2, databaseName: "orders" },
    ...{ ownerRole: "orders", ownerPassword: new Secret(password), roles: [], extensions: [], allowFrom: [], tags: {} },
    ...{ storageBytes: 2 ** 40, suspendAfterSeconds: 0 },
    limits: { ...limitsFor(2), connectionsPerSecond: 0 },
  };
  const { host: socketDir, dataDir: folder } = await driver.ensure(wanted);
  const port = await freePort();
  await driver.stop(wanted.id);
  await startWithTcp({ pgBin, folder, home, port, socketPath: join(socketDir, `.s.PGSQL.${port}`) });

  const pgbench = join(pgBin, "pgbench");
  const environment = ({ tls }: Way): NodeJS.ProcessEnv => ({
    ...{ PATH: process.env.PATH, PGPASSWORD: password, PGSSLMODE: tls ? "verify-full" : "disable" },
    PGSSLROOTCERT: tlsFiles(dataDir).ca,
  });
  const unix: Way = { host: socketDir, port, database: "orders" };
  const fill = ["-i", "-q", "-s", String(scale), "-h", unix.host, "-p", String(port), "-U", "orders", "orders"];
  await run(pgbench, fill, { env: environment(unix) });

  const [direct, pooled, web, api] = [await freePort(), await freePort(), await freePort(), await freePort()];
  scope.add(dataDir, (it) => stopPgBouncer(it));
  await startGateway(scope, {
    ...{ NEBULA_DATA: dataDir, NEBULA_PG_BIN: pgBin, NEBULA_PGBOUNCER_BIN: pgBouncer.path, NEBULA_LOG_LEVEL: "warn" },
    ...{ NEBULA_GATEWAY_PORT: String(direct), NEBULA_POOL_PORT: String(pooled), NEBULA_GATEWAY_WEB_PORT: String(web) },
    NEBULA_GATEWAY_API_PORT: String(api),
  });
  const peer = { scope, home, osUser, bin: pgBouncer.path, upstreamPort: port, tls: tlsFiles(dataDir) };
  const pgbouncer = await startPeer({ ...peer, name: "tcp", upstreamHost: "127.0.0.1" });
  const behindSocket = await startPeer({ ...peer, name: "unix", upstreamHost: socketDir });
  const at = (way: number, database: string): Way => ({ host: "localhost", port: way, database });
  return {
    ...{ user: "orders", pgbench, pgbenchTls: await findPgbenchWithTls(), environment },
    ways: {
      ...{
        unix,
        tcp: at(port, "orders"),
        pgbouncer: at(pgbouncer, "orders"),
        pgbouncerUnix: at(behindSocket, "orders"),
      },
      ...{ direct: at(direct, wanted.id), pooled: at(pooled, wanted.id) },
      directTls: { ...at(direct, wanted.id), tls: true },
      pgbouncerTls: { ...at(pgbouncer, "orders"), tls: true },
    },
  };
}

type Server = {
  readonly pgBin: string;
  readonly folder: string;
  readonly home: string;
  /** An instance has none of its own. */
  readonly port: number;
  readonly socketPath: string;
};

/** The instance's own server with its own settings, and TCP on this machine for the two ways that need it. */
async function startWithTcp({ pgBin, folder, home, port, socketPath }: Server): Promise<void> {
  const hba = join(home, "pg_hba.conf");
  writeFileSync(
    hba,
    "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n",
  );
  chmodSync(hba, 0o644);
  const log = openSync(join(home, "postgres.log"), "a");
  const args = ["-D", join(folder, "pgdata"), "-c", `config_file=${join(folder, "postgresql.conf")}`];
  // Each PgBouncer keeps the sessions of its last clients.
  const tcp = [
    "-c",
    "listen_addresses=127.0.0.1",
    "-c",
    `port=${port}`,
    "-c",
    "max_connections=700",
    "-c",
    `hba_file=${hba}`,
  ];
  const owner = await ownerOf(join(folder, "pgdata"));
  const identity = owner === null ? {} : { uid: owner.uid, gid: owner.gid };
  const options = { ...identity, cwd: "/", detached: true, stdio: ["ignore", log, log] as ["ignore", number, number] };
  spawn(join(pgBin, "postgres"), [...args, ...tcp], options).unref();
  await untilOpen({ path: socketPath });
}

/** gateway/main.ts, as `nebula up` starts it. @returns its process id. */
export async function startGateway(scope: Scope, env: NodeJS.ProcessEnv): Promise<number> {
  const main = join(import.meta.dirname, "../../gateway/main.ts");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...flagsOf("gateway"), main], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  scope.add(child, end);
  const ready = once(createInterface({ input: child.stdout }), "line");
  await Promise.race([ready, once(child, "exit").then(() => Promise.reject(new Error("the gateway ended")))]);
  return child.pid ?? 0;
}

type Peer = {
  readonly scope: Scope;
  readonly home: string;
  readonly osUser: OsUser | null;
  readonly bin: string;
  readonly name: string;
  readonly upstreamHost: string;
  readonly upstreamPort: number;
  readonly tls: { readonly cert: string; readonly key: string };
};

/** A PgBouncer as people run it in front of a Postgres: session pooling, SCRAM on both sides. */
async function startPeer({ scope, home, osUser, bin, name, upstreamHost, upstreamPort, tls }: Peer): Promise<number> {
  const folder = join(home, `peer-${name}`);
  const port = await freePort();
  mkdirSync(folder);
  const put = (file: string, text: string) => writeFileSync(join(folder, file), text, { mode: 0o600 });
  for (const [from, to] of [
    [tls.cert, "server.pem"],
    [tls.key, "server.key"],
  ] as const)
    copyFileSync(from, join(folder, to));
  put("users.txt", `"orders" "${password}"\n`);
  put(
    "pgbouncer.ini",
    `[databases]
orders = host=${upstreamHost} port=${upstreamPort} dbname=orders
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${join(folder, "users.txt")}
pool_mode = session
max_client_conn = 1000
default_pool_size = 200
client_tls_sslmode = allow
client_tls_key_file = ${join(folder, "server.key")}
client_tls_cert_file = ${join(folder, "server.pem")}
logfile = ${join(folder, "log")}
`,
  );
  if (osUser !== null)
    for (const file of ["", "users.txt", "pgbouncer.ini", "server.pem", "server.key"])
      chownSync(join(folder, file), osUser.uid, osUser.gid);
  const identity = osUser === null ? {} : { uid: osUser.uid, gid: osUser.gid };
  const args = ["-q", join(folder, "pgbouncer.ini")];
  scope.add(spawn(bin, args, { ...identity, cwd: "/", stdio: ["ignore", "ignore", "inherit"] }), end);
  await untilOpen({ port, host: "127.0.0.1" });
  return port;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
  await ended;
  clearTimeout(timer);
}

async function untilOpen(at: { path: string } | { port: number; host: string }): Promise<void> {
  const attempt = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(at, () => resolve(true)).on("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
  for (let round = 0; !(await attempt()); round++) {
    if (round > 1000) throw new Error(`nobody listens on ${JSON.stringify(at)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
}

/** The toolchain's was built without OpenSSL. */
async function findPgbenchWithTls(): Promise<string | undefined> {
  const nobody = { ...process.env, PGSSLMODE: "require", PGCONNECT_TIMEOUT: "2" };
  const said = await run("pgbench", ["-i", "-h", "127.0.0.1", "-p", "1", "x"], { env: nobody }).catch(
    (failed: { stderr?: string; code?: unknown }) => failed,
  );
  return "code" in said && said.code !== "ENOENT" && !said.stderr?.includes("not compiled in") ? "pgbench" : undefined;
}
