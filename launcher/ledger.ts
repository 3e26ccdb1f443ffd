/** The ledger's Postgres: where it is, lean settings, its two databases with their schema and logins, kept alive. */
import { createHash } from "node:crypto";
import { globSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makePostgresServer, type PostgresServer } from "../platform/compute/index.ts";
import type { Observe, Secret } from "../platform/core/index.ts";
import { connectionUrl, connectOnce } from "../platform/sql/index.ts";
import {
  appRole,
  archiveRole,
  forgeRole,
  prepareArchive,
  prepareForge,
  prepareLedger,
} from "../platform/store/index.ts";
import type { DataFolder } from "./data-folder.ts";

export type Ledger = {
  /** As nebula_app, for the mains. */
  readonly url: Secret;
  /** As the owner of the forge's database, for the forge. */
  readonly forgeUrl: Secret;
  /** Starts it again when it died; called now and then. */
  look(): Promise<void>;
  stop(): Promise<void>;
};

/** Makes and migrates everything; backups by hand and bases are taken as it too. No main has its password. */
export const ownerRole = "nebula";
export const databases = { ledger: "nebula", forge: "forge" };

const settings = {
  shared_buffers: "32MB",
  max_connections: "200",
  maintenance_work_mem: "32MB",
  max_wal_size: "256MB",
  min_wal_size: "32MB",
  // Continuous backup (launcher/recovery): a receiver, a base backup, a backup by hand, and some to spare.
  wal_level: "replica",
  max_wal_senders: "6",
  max_replication_slots: "4",
  // Between the start of a base backup and its own slot nothing else keeps what it needs.
  wal_keep_size: "64MB",
  // Where nobody receives for long, the archive begins anew from a fresh base; the disk is not filled for its sake.
  max_slot_wal_keep_size: "512MB",
  max_parallel_workers_per_gather: "0",
  autovacuum_max_workers: "1",
};

type LedgerInput = {
  readonly pgBin: string;
  readonly port: number;
  readonly password: Secret;
  readonly startTimeoutMs?: number;
};

/** The server of a data folder, running or not. */
export const ledgerServer = (folder: DataFolder, input: LedgerInput): Promise<PostgresServer> =>
  makePostgresServer({
    dataDir: folder.ledger,
    socketDir: socketFolder(folder),
    logFile: join(folder.log, "ledger.log"),
    databases: Object.values(databases),
    settings,
    replication: [ownerRole, archiveRole],
    ...input,
  });

/** A socket's path is at most 107 bytes. */
export function socketFolder(folder: DataFolder): string {
  const own = join(folder.run, "ledger");
  if (Buffer.byteLength(own) + "/.s.PGSQL.65535.lock".length <= 107) return own;
  return join(tmpdir(), `ndb-ledger-${createHash("sha256").update(folder.root).digest("hex").slice(0, 16)}`);
}

/**
 * A killed postmaster's socket lock names its pid; where nobody has reaped that process, Postgres takes it for living. The
 * folder is the ledger's alone, so with no server in the data folder there is none on the socket.
 */
async function clearSockets(folder: DataFolder): Promise<void> {
  for (const file of globSync(".s.PGSQL.*", { cwd: socketFolder(folder) }))
    await rm(join(socketFolder(folder), file), { force: true });
}

type Logins = {
  readonly port: number;
  readonly appPassword: Secret;
  readonly forgePassword: Secret;
  readonly archivePassword: Secret;
};

/** Makes, starts or adopts it, and brings it to this version as its owner: the mains may not. */
export async function startLedger(
  folder: DataFolder,
  server: PostgresServer,
  { port, appPassword, forgePassword, archivePassword }: Logins,
  observe: Observe,
): Promise<Ledger> {
  const start = async () => {
    if (!(await server.find())) await clearSockets(folder);
    await server.start();
  };
  await start();
  await connectOnce(server.socketUrl(databases.ledger), (owner) => prepareLedger(owner, appPassword));
  await connectOnce(server.socketUrl(databases.forge), (owner) => prepareForge(owner, forgePassword));
  await connectOnce(server.socketUrl("postgres"), (owner) => prepareArchive(owner, archivePassword));
  const url = (user: string, password: Secret, database: string) =>
    connectionUrl({ host: "127.0.0.1", port, user, password, database });
  let restart: Promise<unknown> | undefined;
  let stopping = false;
  return {
    url: url(appRole, appPassword, databases.ledger),
    forgeUrl: url(forgeRole, forgePassword, databases.forge),
    async look() {
      if (stopping || restart || (await server.find()) || stopping || restart) return;
      observe({ kind: "process.ended", process: "ledger", how: "killed", restartInMs: 0 });
      restart = start().catch(() => {}); // the next look tries again; the ledger's log says why
      await restart;
      restart = undefined;
    },
    async stop() {
      stopping = true;
      await restart;
      await server.stop("fast");
    },
  };
}
