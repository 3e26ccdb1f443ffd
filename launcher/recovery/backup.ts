/**
 * A backup of the platform: the ledger's cluster with every role, the forge's repositories, the vault's keys as they are wrapped, and
 * the few secrets that a restored platform needs, sealed under the master key. Taken while everything works.
 *
 * 1. It appears by rename when it is whole, or not at all.
 * 2. The master key is not in it, unless sealed under a passphrase: whoever has a backup has nothing without the key.
 * 3. Tenants' databases are not in it: they are backed up for themselves.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { productVersion, readSecretFile, type Secret } from "../../platform/core/index.ts";
import { runGit } from "../../platform/git/index.ts";
import { readStanding } from "../../platform/store/index.ts";
import { readSettings, repository } from "../data-folder.ts";
import { withLock } from "../lock.ts";
import type { LedgerAccess } from "./access.ts";
import { targetNotEmpty } from "./errors.ts";
import { keysOf } from "./kept-keys.ts";
import { type Manifest, type ManifestFacts, writeManifest } from "./manifest.ts";
import { runTool, toolPath } from "./programs.ts";
import { bundleRepositories } from "./repositories.ts";
import { sealMasterKey, sealSecrets } from "./sealed.ts";

export type BackupOptions = {
  /** `full` stands for itself; `base` is what the continuous log is applied to, and has no repositories. */
  readonly kind: ManifestFacts["kind"];
  readonly passphrase?: Secret;
  readonly background?: boolean;
};

/** Files of secrets/ that a restored platform needs and cannot make anew. */
const sealedFiles = ["ledger-password", "admin-token"];

/** @throws NEB932, NEB935 */
export async function takeBackup(access: LedgerAccess, target: string, options: BackupOptions): Promise<Manifest> {
  const folder = resolve(target);
  if (existsSync(folder) && readdirSync(folder).length > 0) throw targetNotEmpty(`${folder} is not empty`);
  mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
  const site = `${folder}.part-${process.pid}`;
  rmSync(site, { recursive: true, force: true });
  try {
    mkdirSync(site, { mode: 0o700 });
    // One at a time: the end of one throws away log that the beginning of another needs.
    const manifest = await withLock(join(access.folder.run, "backup.lock"), () => fill(access, site, options));
    if (existsSync(folder)) rmdirSync(folder);
    renameSync(site, folder);
    return manifest;
  } finally {
    rmSync(site, { recursive: true, force: true });
  }
}

async function fill(access: LedgerAccess, site: string, options: BackupOptions): Promise<Manifest> {
  const { folder, pgBin } = access;
  const { kind, background = false } = options;
  const before = await access.owner(async (sql) => ({
    ...(await sql.one<{ now: Date; postgres: string; systemIdentifier: string; databases: string[] }>(
      `select clock_timestamp() as now, current_setting('server_version') as postgres,
         (select system_identifier::text from pg_control_system()) as "systemIdentifier",
         (select array_agg(datname::text order by datname) from pg_database where not datistemplate) as databases`,
    )),
    standing: await readStanding(sql),
    keys: await keysOf(sql),
  }));
  const ledger = join(site, "ledger");
  const how = ["--format=tar", "--compress=client-gzip:1", "--wal-method=stream", "--manifest-checksums=SHA256"];
  await runTool(
    toolPath(pgBin, "pg_basebackup"),
    ["--pgdata", ledger, ...how, "--checkpoint=fast", ...access.target()],
    { passFile: access.passFile, background },
  );
  const { now: endedAt } = await access.owner((sql) => sql.one<{ now: Date }>("select clock_timestamp() as now"));
  const { timeline, startSegment } = rangeOf(join(ledger, "backup_manifest"));
  const repositories =
    kind === "full" ? await bundleRepositories(join(folder.root, "forge"), site, "repositories") : [];
  putKeys(access, site, before.keys, options);
  return writeManifest(site, {
    kind,
    version: productVersion(),
    commit: await commitOf(),
    startedAt: before.now.toISOString(),
    consistentAt: before.now.toISOString(),
    endedAt: endedAt.toISOString(),
    postgres: before.postgres,
    ledger: { systemIdentifier: before.systemIdentifier, timeline, startSegment, databases: before.databases },
    standing: before.standing,
    repositories,
    port: readSettings(folder).port ?? null,
  });
}

function putKeys({ folder }: LedgerAccess, site: string, wrapped: string | undefined, { passphrase }: BackupOptions) {
  const keys = join(site, "keys");
  mkdirSync(keys, { mode: 0o700 });
  const put = (name: string, text: string) => writeFileSync(join(keys, name), text, { mode: 0o600, flush: true });
  const masterKey = readSecretFile(join(folder.secrets, "master.key"));
  if (wrapped !== undefined) put("wrapped-keys.json", wrapped);
  const files = sealedFiles.flatMap((name) => {
    const file = join(folder.secrets, name);
    return existsSync(file) ? [[name, readFileSync(file, "utf8")] as const] : [];
  });
  put("secrets.sealed.json", sealSecrets(masterKey, Object.fromEntries(files)));
  if (passphrase !== undefined) put("master-key.sealed.json", sealMasterKey(masterKey, passphrase));
}

type Ranges = { readonly "WAL-Ranges": readonly { readonly Timeline: number; readonly "Start-LSN": string }[] };

/** From which segment of the log on it is to be replayed. */
function rangeOf(file: string): { readonly timeline: number; readonly startSegment: string } {
  const { "WAL-Ranges": ranges } = JSON.parse(readFileSync(file, "utf8")) as Ranges;
  const { Timeline: timeline, "Start-LSN": lsn } = ranges.at(-1) ?? { Timeline: 1, "Start-LSN": "0/0" };
  return { timeline, startSegment: segmentOf(timeline, lsn) };
}

const segmentBytes = 16 * 1024 * 1024;

/** The name of the file of the log that holds a position: segments of 16 MB, as `initdb` makes them. */
export function segmentOf(timeline: number, lsn: string): string {
  const [high = "0", low = "0"] = lsn.split("/");
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, "0");
  return hex(timeline) + hex(Number.parseInt(high, 16)) + hex(Math.floor(Number.parseInt(low, 16) / segmentBytes));
}

const commitOf = (): Promise<string | null> =>
  runGit(repository, ["rev-parse", "HEAD"]).then(
    ({ stdout }) => stdout.toString("utf8").trim(),
    () => null,
  );
