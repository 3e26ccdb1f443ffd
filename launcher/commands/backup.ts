/** `nebula backup`, `nebula backup verify`, `nebula restore`, `nebula rebuild`: the platform itself, lost and found. */
import { join } from "node:path";
import { readSecretFile, Secret } from "../../platform/core/index.ts";
import { requireGit } from "../../platform/git/index.ts";
import { layout, locateData } from "../data-folder.ts";
import { columns, type Format, print } from "../print.ts";
import { accessRunning } from "../recovery/access.ts";
import { takeBackup } from "../recovery/backup.ts";
import { masterKeyWanted, secretFileUnusable } from "../recovery/errors.ts";
import { rebuild as rebuildPlatform } from "../recovery/rebuild.ts";
import { restore as restorePlatform } from "../recovery/restore.ts";
import { verifySource } from "../recovery/source.ts";
import { exportTenant as takeAway } from "../recovery/tenant-export.ts";
import { resolvePostgres } from "../toolchain/postgres.ts";
import { makeSay } from "../toolchain/say.ts";

type Common = { readonly data?: string; readonly output: Format };

/** How the platform that was brought back is started: where --data was given, it must be given again. */
const upOf = ({ data }: Common): string =>
  `nebula up --detach${data === undefined ? "" : ` --data ${/^[\w./-]+$/.test(data) ? data : `'${data.replaceAll("'", "'\\''")}'`}`}`;

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

export async function backup(
  options: Common & { readonly to?: string; readonly withKeys?: boolean; readonly passphraseFile?: string },
): Promise<void> {
  const folder = layout(locateData(options.data, process.env));
  const { binDir } = await resolvePostgres(process.env, makeSay());
  const access = await accessRunning(folder, binDir);
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, "-");
  const to = options.to ?? join(folder.root, "backups", "by-hand", stamp);
  const passphrase = options.withKeys ? requirePassphrase(options.passphraseFile) : undefined;
  const began = performance.now();
  const manifest = await takeBackup(access, to, { kind: "full", ...(passphrase === undefined ? {} : { passphrase }) });
  const { consistentAt, bytes, standing, repositories, commit, version, files } = manifest;
  const seconds = (performance.now() - began) / 1000;
  const about = { consistentAt, bytes, version, commit, files: files.length, projects: standing.projects };
  const report = { backup: to, ...about, audit: standing.audit, seconds, withKeys: passphrase !== undefined };
  await print(report, options.output, () =>
    [
      `backup ${to}`,
      columns([
        ["  everything before", consistentAt],
        ["  size", `${megabytes(bytes)} in ${files.length} files, after ${seconds.toFixed(1)} s`],
        [
          "  ledger",
          `${standing.projects} projects, ${standing.instances} databases, audit line ${standing.audit.seq}`,
        ],
        ["  repositories", String(repositories.length)],
      ]),
      passphrase === undefined
        ? `The master key is not in it: keep ${join(folder.secrets, "master.key")} somewhere else, or nothing can be restored.`
        : "The master key is in it, sealed under your passphrase: whoever has both has everything.",
    ].join("\n"),
  );
}

export async function verify(from: string | undefined, options: Common): Promise<void> {
  const folder = from ?? join(locateData(options.data, process.env), "backups");
  const verified = await verifySource(folder);
  const backups = verified.map(({ path, manifest: { kind, consistentAt, endedAt, bytes, files } }) => {
    return { path, kind, consistentAt, endedAt, bytes, files: files.length };
  });
  await print({ verified: backups }, options.output, () =>
    backups.map((one) => `ok  ${one.path}  ${one.files} files, ${megabytes(one.bytes)}, ${one.endedAt}`).join("\n"),
  );
}

type RestoreOptions = Common & {
  readonly from: string;
  readonly toTime?: Date;
  readonly masterKey?: string;
  readonly passphraseFile?: string;
};

export async function restore(options: RestoreOptions): Promise<void> {
  const say = makeSay();
  await requireGit();
  const { binDir } = await resolvePostgres(process.env, say);
  const passphrase = readPassphrase(options.passphraseFile);
  const began = performance.now();
  const restored = await restorePlatform({
    from: options.from,
    folder: layout(locateData(options.data, process.env)),
    pgBin: binDir,
    ...(options.toTime === undefined ? {} : { toTime: options.toTime }),
    ...(options.masterKey === undefined ? {} : { masterKey: secretFrom(options.masterKey) }),
    ...(passphrase === undefined ? {} : { passphrase }),
    step: say.step,
  }).finally(say.done);
  const seconds = (performance.now() - began) / 1000;
  const { fencedOff: off, differences, repositories } = restored;
  await print({ ...restored, seconds }, options.output, () =>
    [
      `restored ${restored.data} to ${restored.recoveredTo}, after ${seconds.toFixed(1)} s`,
      `  ended: ${off.sessionsEnded} sessions, ${off.tokensVoided} one-time tokens; leases cleared: ${off.leasesCleared}; fences go on from ${off.fenceFloor}`,
      `  queued: ${off.redeployed} projects are brought in line at the next start; not repeated: ${off.cancelled} operations`,
      `  repositories: ${repositories.restored.length} restored, ${repositories.kept.length} were there`,
      ...differences.onlyOnDisk.map((id) => `  on this machine, not in the ledger: ${id}`),
      ...differences.onlyInLedger.map((id) => `  in the ledger, not on this machine: ${id}`),
      `API keys that were revoked after that moment work again: look through \`nebula key list\`. Start it: ${upOf(options)}`,
    ].join("\n"),
  );
}

type RebuildOptions = Common & {
  readonly git?: string;
  readonly port?: number;
  readonly masterKey?: string;
  readonly keys?: string;
};

export async function rebuild(options: RebuildOptions): Promise<void> {
  const say = makeSay();
  await requireGit();
  const { binDir } = await resolvePostgres(process.env, say);
  const rebuilt = await rebuildPlatform({
    folder: layout(locateData(options.data, process.env)),
    pgBin: binDir,
    ...(options.git === undefined ? {} : { git: options.git }),
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.masterKey === undefined ? {} : { masterKey: secretFrom(options.masterKey) }),
    ...(options.keys === undefined ? {} : { keysFile: options.keys }),
    step: say.step,
  }).finally(say.done);
  await print(rebuilt, options.output, () =>
    [
      `a new ledger for ${rebuilt.data}, from the declarations of ${rebuilt.commit.slice(0, 7)}`,
      `  ${rebuilt.declared} databases are declared, ${rebuilt.databases.length} are on this machine, ${rebuilt.databases.filter(({ running }) => running).length} run`,
      ...rebuilt.undeclared.map((id) => `  not declared, left as it is: ${id}`),
      "Lost with the old ledger: users, API keys, pull requests, usage, audit, tenants' own secrets. Owners get new passwords.",
      `Start it: ${upOf(options)}`,
    ].join("\n"),
  );
}

export async function exportTenant(
  tenant: string,
  options: Common & { readonly to?: string; readonly withoutData?: boolean },
): Promise<void> {
  const folder = layout(locateData(options.data, process.env));
  const { binDir } = await resolvePostgres(process.env, makeSay());
  const access = await accessRunning(folder, binDir);
  const to = options.to ?? `${tenant}-export`;
  const exported = await takeAway(access, { tenant, to, data: options.withoutData !== true });
  const bytes = exported.files.reduce((sum, one) => sum + one.bytes, 0);
  await print(exported, options.output, () =>
    [
      `exported ${tenant} to ${exported.folder}: ${exported.files.length} files, ${megabytes(bytes)}`,
      `  databases dumped: ${exported.databases.join(", ") || "none"}`,
      "  No credential is in it. Declarations: git clone declarations/*.bundle; data: pg_restore databases/*.dump",
    ].join("\n"),
  );
}

/** From a file, else NEBULA_BACKUP_PASSPHRASE. */
function readPassphrase(file: string | undefined): Secret | undefined {
  if (file !== undefined) return secretFrom(file);
  const { NEBULA_BACKUP_PASSPHRASE: given } = process.env;
  return given ? new Secret(given) : undefined;
}

function secretFrom(file: string): Secret {
  try {
    return readSecretFile(file);
  } catch (cause) {
    throw secretFileUnusable((cause as Error).message, { cause });
  }
}

function requirePassphrase(file: string | undefined): Secret {
  const passphrase = readPassphrase(file);
  if (passphrase === undefined || passphrase.reveal().length < 12)
    throw masterKeyWanted("--with-keys seals the master key under a passphrase of at least 12 characters", {
      hint: "Give it by --passphrase-file FILE (mode 0600) or NEBULA_BACKUP_PASSPHRASE.",
    });
  return passphrase;
}
