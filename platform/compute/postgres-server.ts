import { lstat, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Secret } from "../core/index.ts";
import { connectionUrl, connectOnce, quoteIdent } from "../sql/index.ts";
import { makeCluster, syncCluster } from "./cluster.ts";
import { settingLines } from "./conf.ts";
import { instanceDamaged } from "./errors.ts";
import { withLock } from "./lock.ts";
import { looksWhole, writeIfDifferent } from "./manifest.ts";
import { mustReach } from "./os-user.ts";
import { folderOf, openFolder } from "./paths.ts";
import { findPostmaster, type Postmaster, type StopMode, startPostmaster, stopPostmaster } from "./postmaster.ts";
import { findPrograms, translateFs } from "./programs.ts";
import { commonSettings, type Settings } from "./settings.ts";

export type PostgresServerOptions = {
  /** Its own folder: pgdata/, postgresql.conf, pg_hba.conf. */
  readonly dataDir: string;
  readonly pgBin: string;
  /** TCP on 127.0.0.1. */
  readonly port: number;
  /** Folder of the Unix socket; belongs to the user that runs Postgres. */
  readonly socketDir: string;
  readonly password: Secret;
  readonly superuser?: string;
  readonly databases?: readonly string[];
  readonly settings?: Settings;
  readonly osUser?: string;
  readonly logFile?: string;
  /** Roles that may take base backups and stream the log, through the Unix socket. Beside the superuser they may nothing else. */
  readonly replication?: readonly string[];
  /** How long a start may take; recovery from a backup takes longer than others. */
  readonly startTimeoutMs?: number;
};

export type PostgresServer = {
  /** Makes it when it is not there, starts it when it does not run, adopts it when it does; then its databases exist. */
  start(): Promise<{ readonly created: boolean; readonly adopted: boolean; readonly pid: number }>;
  /** False when it did not run. */
  stop(mode?: StopMode): Promise<boolean>;
  find(): Promise<Postmaster | undefined>;
  /** The superuser's address over TCP. */
  url(database: string): Secret;
  /** The same through the Unix socket. */
  socketUrl(database: string): Secret;
};

/** One ordinary server of our own, without tenants: the ledger's, and the tests'. Detached like an instance. */
export async function makePostgresServer(options: PostgresServerOptions): Promise<PostgresServer> {
  const { dataDir, port, socketDir, password, superuser = "nebula", databases = [], replication = [] } = options;
  const programs = await findPrograms(options.pgBin, options.osUser);
  const [pgdata, conf, hba] = ["pgdata", "postgresql.conf", "pg_hba.conf"].map((name) => join(dataDir, name)) as [
    string,
    string,
    string,
  ];
  const logFile = options.logFile ?? join(dataDir, "log");
  const name = `the server in ${dataDir}`;
  const url = (database: string) => connectionUrl({ host: "127.0.0.1", port, user: superuser, password, database });
  const socketUrl = (database: string) => connectionUrl({ host: socketDir, port, user: superuser, password, database });

  const create = async (): Promise<boolean> => {
    if (await looksWhole(pgdata)) return false;
    if ((await lstat(pgdata).catch(() => undefined)) !== undefined)
      throw instanceDamaged(`${pgdata} is there but is no whole cluster`);
    const site = join(dataDir, "building");
    await rm(site, { recursive: true, force: true });
    await folderOf(programs.user, site);
    try {
      const fresh = join(site, "pgdata");
      await makeCluster(programs, fresh, superuser, password);
      await syncCluster(programs, fresh);
      await rename(fresh, pgdata);
    } finally {
      await rm(site, { recursive: true, force: true });
    }
    return true;
  };

  const writeConf = async () => {
    const settings: Settings = {
      ...commonSettings,
      max_connections: "100",
      shared_buffers: "64MB",
      ...options.settings,
      port: String(port),
      listen_addresses: "127.0.0.1",
      unix_socket_directories: socketDir,
      hba_file: hba,
    };
    const text = settingLines(settings);
    const rules = [
      ...replication
        .filter((role) => role !== superuser)
        .flatMap((it) => [`local all ${it} reject`, `host all ${it} all reject`]),
      "local all all scram-sha-256",
      "host all all 127.0.0.1/32 scram-sha-256",
      ...replication.map((role) => `local replication ${role} scram-sha-256`),
    ];
    const [newRules, newSettings] = [
      await writeIfDifferent(hba, `${rules.join("\n")}\n`),
      await writeIfDifferent(conf, text),
    ];
    return newRules || newSettings;
  };

  const makeDatabases = () =>
    connectOnce(socketUrl("postgres"), async (sql) => {
      const there = await sql.query<{ datname: string }>("select datname from pg_database");
      for (const database of databases)
        if (!there.some(({ datname }) => datname === database))
          await sql.query(`create database ${quoteIdent(database)}`);
    });

  const startNow = async () => {
    await openFolder(dataDir);
    await mustReach(programs.user, dataDir, "the data folder");
    const created = await create();
    const changed = await writeConf();
    await folderOf(programs.user, socketDir);
    await openFolder(dirname(logFile));
    // other settings than those it runs with: by a restart, which costs 50 ms and needs no list of what may be reloaded
    if (changed && !created) await stopPostmaster(pgdata, "fast", name);
    const listen = { port, host: "127.0.0.1" };
    const timeout = options.startTimeoutMs === undefined ? {} : { timeoutMs: options.startTimeoutMs };
    const input = { programs, pgdata, configFile: conf, logFile, socketDir, listen, name, ...timeout };
    const running = await startPostmaster(input);
    await makeDatabases();
    return { created, adopted: running.adopted, pid: running.pid };
  };

  return {
    start: () =>
      withLock(`server:${dataDir}`, startNow).catch((thrown) => {
        throw translateFs(thrown, `starting ${name}`);
      }),
    stop: (mode = "fast") => withLock(`server:${dataDir}`, () => stopPostmaster(pgdata, mode, name)),
    find: () => findPostmaster(pgdata),
    url,
    socketUrl,
  };
}
