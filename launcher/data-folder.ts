/**
 * The data folder: where everything of one platform lives, who may read it, and the secrets made at first start.
 *
 *   secrets/  keys, passwords, addresses that hold one (0600)     ledger/     the ledger's Postgres
 *   run/      pid files, the ledger's socket, platform.json        instances/  tenants' Postgres (platform/compute)
 *   log/      one file a process                                   settings.json  port and replicas, remembered
 *   forge/    the embedded Git host (portal)                       cache/      what can be made again
 *   backups/  the continuous backup, unless it goes elsewhere
 *
 * 1. A secret is made once and never overwritten; losing one is an error, not a reason to make another.
 * 2. Nobody else may enter it; where root runs it, the database user may pass through, but not into secrets/, forge/ and cache/.
 */
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { OsUser } from "../platform/compute/index.ts";
import { NebulaError, readSecretFile, type Secret } from "../platform/core/index.ts";
import { dataFolderUnusable, diskFull, folderClosed } from "./errors.ts";
import { translateFolderError, writeWhole } from "./files.ts";
import { canEnter } from "./os-user.ts";

export const repository = resolve(import.meta.dirname, "..");

export type DataFolder = {
  readonly root: string;
  readonly secrets: string;
  readonly run: string;
  readonly log: string;
  readonly ledger: string;
  readonly instances: string;
};

export function layout(root: string): DataFolder {
  const at = (name: string) => join(root, name);
  return {
    root,
    secrets: at("secrets"),
    run: at("run"),
    log: at("log"),
    ledger: at("ledger"),
    instances: at("instances"),
  };
}

/**
 * Argument, NEBULA_DATA, else `.nebula` beside the code. Where root's checkout is closed to the database user, a folder of its
 * own under /var/lib/nebuladb.
 */
export function locateData(asked: string | undefined, env: NodeJS.ProcessEnv): string {
  if (asked) return resolve(asked);
  if (env.NEBULA_DATA) return resolve(env.NEBULA_DATA);
  const beside = join(repository, ".nebula");
  if (process.getuid?.() !== 0 || isOpenToAll(repository)) return beside;
  const name = `${basename(repository)}-${createHash("sha256").update(repository).digest("hex").slice(0, 8)}`;
  return join("/var/lib/nebuladb", name);
}

function isOpenToAll(path: string): boolean {
  const { mode } = statSync(path);
  return (mode & 0o001) !== 0 && (dirname(path) === path || isOpenToAll(dirname(path)));
}

/** Makes what is missing and proves that it can be used. @throws NEB921, NEB922, NEB929 */
export function prepareData(folder: DataFolder, user: OsUser | null, minimumFreeBytes = 200 * 1024 * 1024): void {
  try {
    mkdirSync(folder.root, { recursive: true, mode: 0o700 });
    if (user) chmodSync(folder.root, 0o711);
    const { bavail, bsize } = statfsSync(folder.root);
    if (bavail * bsize < minimumFreeBytes)
      throw diskFull(`${folder.root} has ${Math.round((bavail * bsize) / 2 ** 20)} MB left, too little to start`);
    for (const name of ["secrets", "forge", "cache"])
      mkdirSync(join(folder.root, name), { recursive: true, mode: 0o700 });
    mkdirSync(folder.log, { recursive: true, mode: 0o755 });
    mkdirSync(folder.run, { recursive: true, mode: 0o755 });
    const trial = join(folder.secrets, `.trial-${process.pid}`);
    writeFileSync(trial, "x");
    rmSync(trial);
  } catch (thrown) {
    throw thrown instanceof NebulaError ? thrown : translateFolderError(thrown, folder.root);
  }
  if (user && !canEnter(folder.run, user)) {
    const closed = closedFolder(folder.run, user);
    throw folderClosed(`Postgres runs as the OS user ${user.name}, who may not enter ${closed}`, {
      hint: `Choose another place with --data, for example /var/lib/nebuladb, or open this one: chmod o+x ${closed}`,
    });
  }
}

function closedFolder(path: string, user: OsUser): string {
  const parent = dirname(path);
  return parent !== path && !canEnter(parent, user) ? closedFolder(parent, user) : path;
}

export type Secrets = {
  readonly masterKeyFile: string;
  /** Of the ledger's owner: the supervisor alone uses it. */
  readonly ledgerPassword: Secret;
  /** What the mains log in with; made anew when they are lost, for the owner can set them. */
  readonly appPassword: Secret;
  readonly forgePassword: Secret;
  /** What the receiver of the ledger's log logs in with. */
  readonly archivePassword: Secret;
};

/** The installation's secrets, made at first start. @throws NEB921 when one is lost. */
export function readSecrets(folder: DataFolder): Secrets {
  const masterKeyFile = join(folder.secrets, "master.key");
  const passwordFile = join(folder.secrets, "ledger-password");
  for (const [file, encoding] of [
    [masterKeyFile, "base64"],
    [passwordFile, "base64url"],
  ] as const) {
    if (existsSync(file)) continue;
    if (existsSync(folder.ledger))
      throw dataFolderUnusable(`${file} is missing, and the data in ${folder.root} cannot be read without it`, {
        hint: "Put the file back from your backup, or start anew with another folder (--data DIR).",
      });
    writeWhole(file, randomBytes(32).toString(encoding), 0o600);
  }
  const made = (name: string) => {
    const file = join(folder.secrets, name);
    if (!existsSync(file)) writeWhole(file, randomBytes(32).toString("base64url"), 0o600);
    return readSecretFile(file);
  };
  return {
    masterKeyFile,
    ledgerPassword: readSecretFile(passwordFile),
    appPassword: made("app-password"),
    forgePassword: made("forge-password"),
    archivePassword: made("archive-password"),
  };
}

type Settings = {
  readonly port?: number;
  /** Portals and reconcilers of last time: `up` after `down` brings back what was there. */
  readonly replicas?: number;
  /** After a rebuild: the next start makes what the first one makes. */
  readonly emptyLedger?: boolean;
};

const settingsFile = (folder: DataFolder) => join(folder.root, "settings.json");

export function readSettings(folder: DataFolder): Settings {
  try {
    return JSON.parse(readFileSync(settingsFile(folder), "utf8")) as Settings;
  } catch {
    return {};
  }
}

export const writeSettings = (folder: DataFolder, settings: Settings): void =>
  writeWhole(settingsFile(folder), `${JSON.stringify(settings)}\n`, 0o644);
