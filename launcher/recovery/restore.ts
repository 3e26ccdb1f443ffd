/**
 * The platform from a backup, into a data folder that has no ledger. What else the folder holds - the tenants' databases above all -
 * stays as it is, running or not.
 *
 * 1. The backup is verified whole before anything is written; nothing that is there is overwritten.
 * 2. The ledger appears by rename when it is recovered, fenced off and stopped again: a failure leaves no half ledger, and of a
 *    folder that was not there, or was empty, nothing.
 * 3. Nothing is started: `nebula up` does that.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeLocalDriver, type OsUser, type PostgresServer, resolveOsUser } from "../../platform/compute/index.ts";
import { readSecretFile, type Secret } from "../../platform/core/index.ts";
import { connectOnce } from "../../platform/sql/index.ts";
import { type FencedOff, fenceOff, listInstances, prepareLedger, readStanding } from "../../platform/store/index.ts";
import { type DataFolder, layout, prepareData, readSecrets, readSettings, writeSettings } from "../data-folder.ts";
import { writeWhole } from "../files.ts";
import { databases, ledgerServer } from "../ledger.ts";
import { findFreePorts } from "../ports.ts";
import { findRunning } from "../running.ts";
import { noLogin } from "../shutdown.ts";
import { segmentOf } from "./backup.ts";
import { endedBefore } from "./ended-before.ts";
import { masterKeyWanted, momentNotReached, recoveryIncomplete, targetNotEmpty } from "./errors.ts";
import { runTool } from "./programs.ts";
import { restoreRepository } from "./repositories.ts";
import { openMasterKey, openSecrets } from "./sealed.ts";
import { layOutLog, openSource, type Source } from "./source.ts";
import { readState } from "./state.ts";
import { whoIs } from "./who.ts";

export type RestoreInput = {
  readonly from: string;
  readonly folder: DataFolder;
  readonly pgBin: string;
  readonly toTime?: Date;
  readonly masterKey?: Secret;
  readonly passphrase?: Secret;
  readonly step?: (text: string) => void;
};

export type Restored = {
  readonly from: string;
  readonly data: string;
  /** Everything that was acknowledged before is there; what came later is not. */
  readonly recoveredTo: string;
  readonly fencedOff: FencedOff;
  readonly repositories: { readonly restored: readonly string[]; readonly kept: readonly string[] };
  readonly differences: {
    /** On this machine, and not in the restored ledger: adopted when Git declares them, else shown as orphans. */
    readonly onlyOnDisk: readonly string[];
    /** In the restored ledger, and not on this machine. */
    readonly onlyInLedger: readonly string[];
  };
  readonly audit: { readonly seq: number; readonly hash: string };
};

/** @throws NEB933-937, NEB940 */
export async function restore(input: RestoreInput): Promise<Restored> {
  const { folder, from, toTime, step = () => {} } = input;
  mustHaveNoLedger(folder);
  step("verifying the backup");
  const source = await openSource(from, toTime);
  const takeBack = undoOf(folder);
  try {
    return await bringBack(input, source);
  } catch (thrown) {
    takeBack();
    throw thrown;
  }
}

async function bringBack(input: RestoreInput, source: Source): Promise<Restored> {
  const { folder, from, step = () => {} } = input;
  const user = await resolveOsUser();
  prepareData(folder, user);
  putSecrets(folder, source, input);
  const settings = readSettings(folder);
  const port = settings.port ?? source.manifest.port;
  if (port !== null) writeSettings(folder, { ...settings, port });
  step("recovering the ledger");
  const site = layout(join(folder.root, ".restoring"));
  rmSync(site.root, { recursive: true, force: true });
  try {
    const recovered = await recoverUntil(input, source, site, user);
    const repositories = await restoreRepositories(folder, source);
    renameSync(site.ledger, folder.ledger);
    return { from, data: folder.root, ...recovered, repositories };
  } finally {
    rmSync(site.root, { recursive: true, force: true });
  }
}

/** What takes away whatever was put into a folder that is new. One with something in it stays: the secrets it got are its own. */
function undoOf({ root }: DataFolder): () => void {
  const there = existsSync(root);
  if (there && readdirSync(root).length > 0) return () => {};
  return () => {
    if (!existsSync(root)) return;
    for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true, force: true });
    if (!there) rmdirSync(root);
  };
}

/**
 * Recovery to a moment needs something in the log that is later. Where nothing is although the archive was written beyond that
 * moment, nothing happened in between: then all of the log is what was asked for. Else it is refused, with the newest moment there is.
 */
async function recoverUntil(
  input: RestoreInput,
  source: Source,
  site: DataFolder,
  user: OsUser | null,
): Promise<Recovered> {
  const { toTime, from } = input;
  if (toTime === undefined) return recoverLedger(input, source, site, user);
  try {
    return await recoverLedger(input, source, site, user);
  } catch (thrown) {
    const newest = endedBefore(site);
    if (newest === undefined) throw thrown;
    rmSync(site.root, { recursive: true, force: true });
    const written = readState(from)?.recoverableAt ?? null;
    if (written !== null && toTime <= new Date(written)) {
      const { toTime: _, ...rest } = input;
      return { ...(await recoverLedger(rest, source, site, user)), recoveredTo: toTime.toISOString() };
    }
    const last = Math.max(newest?.getTime() ?? 0, written === null ? 0 : Date.parse(written));
    const where = last === 0 ? "before" : `at ${new Date(last).toISOString()}`;
    throw momentNotReached(`${from} ends ${where}; ${toTime.toISOString()} is later`, { cause: thrown });
  }
}

export function mustHaveNoLedger(folder: DataFolder): void {
  if (findRunning(folder)) throw targetNotEmpty(`the platform in ${folder.root} runs; stop it first: nebula down`);
  if (existsSync(folder.ledger))
    throw targetNotEmpty(`${folder.ledger} is there`, {
      hint: `Choose an empty folder with --data, or put the old ledger aside: mv ${folder.ledger} ${folder.ledger}.aside`,
    });
}

/** The master key from wherever it is, then the secrets that it opens. What is there already stays. */
function putSecrets(folder: DataFolder, { set }: Source, { masterKey: given, passphrase }: RestoreInput): void {
  const file = join(folder.secrets, "master.key");
  const sealed = join(set, "keys", "master-key.sealed.json");
  const masterKey = existsSync(file)
    ? readSecretFile(file)
    : (given ??
      (passphrase !== undefined && existsSync(sealed)
        ? openMasterKey(readFileSync(sealed, "utf8"), passphrase)
        : undefined));
  if (masterKey === undefined) throw masterKeyWanted(`${file} is not there, and the backup does not hold it in clear`);
  const secrets = openSecrets(masterKey, readFileSync(join(set, "keys", "secrets.sealed.json"), "utf8"));
  const put = (path: string, text: string) => existsSync(path) || writeWhole(path, text, 0o600);
  put(file, masterKey.reveal());
  for (const [name, text] of Object.entries(secrets)) put(join(folder.secrets, name), text);
  const wrapped = join(set, "keys", "wrapped-keys.json");
  if (existsSync(wrapped)) put(join(folder.secrets, "wrapped-keys.json"), readFileSync(wrapped, "utf8"));
}

type Recovered = Pick<Restored, "recoveredTo" | "fencedOff" | "differences" | "audit">;

async function recoverLedger(
  input: RestoreInput,
  source: Source,
  site: DataFolder,
  user: OsUser | null,
): Promise<Recovered> {
  const { folder, pgBin, toTime } = input;
  const { ledgerPassword, appPassword } = readSecrets(folder);
  for (const path of [site.root, site.run, site.log, site.ledger]) openFolder(path);
  const log = join(site.root, "log-of-the-archive");
  await layOutLog(source.log, log);
  await unpackBase(source, site, log, { toTime, user });
  const port = await findFreePorts(); // a rehearsal beside the platform that was backed up meets nobody
  const startTimeoutMs = 3_600_000;
  const server = await ledgerServer(site, { pgBin, port, password: ledgerPassword, startTimeoutMs });
  const owner = server.socketUrl(databases.ledger);
  try {
    await server.start().catch((cause: unknown) => {
      throw recoveryIncomplete(`the ledger does not recover: ${String((cause as Error).message)}`, { cause });
    });
    const recoveredTo = await untilRecovered(server, source, toTime);
    await clearRecoverySettings(site);
    return await connectOnce(owner, async (sql) => {
      await prepareLedger(sql, appPassword);
      const fencedOff = await fenceOff(sql, {
        ...{ kind: "restore", recoveredTo, by: whoIs() },
        details: { from: source.manifest.consistentAt, base: source.manifest.endedAt },
      });
      const { audit } = await readStanding(sql);
      const rows = await listInstances(sql);
      const differences = await compareWith(folder, pgBin, rows);
      return { recoveredTo: recoveredTo.toISOString(), fencedOff, differences, audit };
    });
  } finally {
    await server.stop("fast");
  }
}

/** Which Postgres's user may pass through. */
function openFolder(path: string): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o711);
}

type Target = { readonly toTime: Date | undefined; readonly user: OsUser | null };

async function unpackBase({ set, log }: Source, site: DataFolder, logFolder: string, { toTime, user }: Target) {
  const pgdata = join(site.ledger, "pgdata");
  mkdirSync(pgdata, { mode: 0o700 });
  const untar = (name: string, to: string) =>
    runTool("tar", ["-xzf", join(set, "ledger", name), "-C", to, "--no-same-owner"]);
  await untar("base.tar.gz", pgdata);
  await untar("pg_wal.tar.gz", join(pgdata, "pg_wal"));
  if (log.length > 0) {
    const quoted = logFolder.replaceAll("'", "'\\''").replaceAll("%", "%%");
    const settings = [
      `restore_command = '${`cp '${quoted}/%f' '%p'`.replaceAll("'", "''")}'`,
      "recovery_target_timeline = 'current'",
      "recovery_target_action = 'promote'",
      ...(toTime === undefined ? [] : [`recovery_target_time = '${toTime.toISOString().replace("Z", "+00")}'`]),
    ];
    writeFileSync(join(pgdata, "postgresql.auto.conf"), `${settings.join("\n")}\n`, { mode: 0o600 });
    writeFileSync(join(pgdata, "recovery.signal"), "", { mode: 0o600 });
  }
  chmodSync(pgdata, 0o700);
  if (user !== null) await runTool("chown", ["-R", "-h", `${user.uid}:${user.gid}`, pgdata]);
}

/** Waits for the promotion; the moment that the ledger came back to. @throws NEB937 when the log ended before it should */
async function untilRecovered(
  server: PostgresServer,
  { log, manifest }: Source,
  toTime: Date | undefined,
): Promise<Date> {
  const url = server.socketUrl(databases.ledger);
  for (const deadline = performance.now() + 600_000; performance.now() < deadline; await sleep(50)) {
    const now = await connectOnce(url, (sql) =>
      sql.one<{ recovering: boolean; lsn: string | null; at: Date | null }>(
        `select pg_is_in_recovery() as recovering,
           case when not pg_is_in_recovery() then pg_current_wal_flush_lsn()::text end as lsn,
           (select max(at) from (select max(created_at) as at from operations union all select max(last_seen_at) from replicas) seen) as at`,
      ),
    );
    if (now.recovering) continue;
    const last = log.at(-1)?.name;
    if (last === undefined) return new Date(manifest.consistentAt);
    const reached = segmentOf(Number.parseInt(last.slice(0, 8), 16), now.lsn ?? "0/0");
    if (toTime === undefined && reached < last)
      throw recoveryIncomplete(
        `the log goes to ${last}, and recovery ended in ${reached}: something in between is damaged`,
      );
    return toTime ?? now.at ?? new Date(manifest.endedAt);
  }
  throw recoveryIncomplete("the ledger did not finish its recovery within ten minutes");
}

const clearRecoverySettings = async (site: DataFolder): Promise<void> =>
  writeFileSync(join(site.ledger, "pgdata", "postgresql.auto.conf"), "");

async function restoreRepositories(folder: DataFolder, source: Source): Promise<Restored["repositories"]> {
  const [restored, kept]: [string[], string[]] = [[], []];
  for (const one of source.repositories) {
    const made = await restoreRepository(one.source, join(folder.root, "forge"), one.name, one.head);
    (made ? restored : kept).push(one.name);
  }
  return { restored, kept };
}

type Row = { readonly id: string; readonly phase: string };

async function compareWith(folder: DataFolder, pgBin: string, rows: readonly Row[]): Promise<Restored["differences"]> {
  const driver = await makeLocalDriver({ dataDir: folder.root, pgBin, vault: noLogin, spares: 0 });
  const onDisk = new Set<string>((await driver.list()).map(({ id }) => id));
  const known = new Set(rows.filter(({ phase }) => phase !== "Removed").map(({ id }) => id));
  return {
    onlyOnDisk: [...onDisk].filter((id) => !known.has(id)).sort(),
    onlyInLedger: rows
      .filter(({ id, phase }) => !["Removed", "Creating", "Expired"].includes(phase) && !onDisk.has(id))
      .map(({ id }) => id)
      .sort(),
  };
}
