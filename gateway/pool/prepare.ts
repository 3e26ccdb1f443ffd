/** Folders, sockets and limits that the pooled endpoint needs before PgBouncer is started. */
import { chmodSync, chownSync } from "node:fs";
import { chmod, mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isPortFree, type OsUser } from "../../platform/compute/index.ts";
import { doorPort, type PoolerSettings } from "./config.ts";
import { ownFolder, sharedFolder, socketFolder } from "./files.ts";

export type PrepareOptions = {
  readonly dataDir: string;
  readonly user: OsUser | null;
  readonly port: number;
  readonly addresses?: readonly string[];
  readonly maxClients?: number;
  readonly tls?: unknown;
  readonly serverIdleSeconds?: number;
};

const loopback = ["127.0.0.1", "::1"];

export async function prepareFolders(options: PrepareOptions): Promise<PoolerSettings> {
  const { dataDir, user, port, addresses = loopback, maxClients = 10_000, tls, serverIdleSeconds = 20 } = options;
  for (const name of ["run", "log", "instances"]) {
    const made = await mkdir(join(dataDir, name), { recursive: true });
    if (made !== undefined && user !== null) await chmod(join(dataDir, name), 0o711);
  }
  await sharedFolder(join(dataDir, "run", "doors"), user);
  const folder = join(dataDir, "pool");
  await sharedFolder(folder, user);
  const socketDir = socketFolder(dataDir, "pool", ".s.PGSQL.65535");
  await ownFolder(socketDir, user);
  const responderDir = socketFolder(dataDir, "gate", `.s.PGSQL.${doorPort}`);
  await sharedFolder(responderDir, user);
  return {
    ...{ folder, socketDir, responderDir, port, tls: tls !== undefined, serverIdleSeconds },
    addresses: await addressesHere(addresses),
    maxClients: Math.min(maxClients, await mostClients()),
  };
}

/** The rest of the files that the system lends a process are for connections to servers. */
async function mostClients(): Promise<number> {
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const [, hard = "10240"] = /^Max open files\s+\S+\s+(\S+)/m.exec(limits) ?? [];
  return hard === "unlimited" ? 100_000 : Math.max(100, Math.floor((Number(hard) - 200) * 0.6));
}

/** Those of the addresses that this machine has: `::1` is not everywhere. */
async function addressesHere(wanted: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(wanted.map(async (address) => ((await isPortFree(0, address)) ? [address] : [])));
  return found.flat();
}

/** A socket that PgBouncer's user may open and nobody else. */
export async function listenForPgBouncer(
  folder: string,
  user: OsUser | null,
  listen: (path: string) => Promise<void>,
): Promise<void> {
  const path = join(folder, `.s.PGSQL.${doorPort}`);
  await rm(path, { force: true });
  await listen(path);
  if (user !== null) chownSync(path, 0, user.gid);
  chmodSync(path, user === null ? 0o600 : 0o660);
}

/** Another program is another PgBouncer. */
export async function programOf(bin: string): Promise<string> {
  const { size, mtimeMs } = await stat(bin);
  return `${bin}:${size}:${mtimeMs}`;
}
