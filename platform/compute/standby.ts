/** One standby: made as a copy of its primary, started, stopped, taken away. */
import { randomUUID } from "node:crypto";
import { access, constants, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Sql } from "../sql/index.ts";
import { removeTree } from "./cluster.ts";
import { standbyRole } from "./conf.ts";
import { standbyFailed } from "./errors.ts";
import { adminPurpose } from "./identity.ts";
import { roomOf, standbyConf } from "./instance-conf.ts";
import { programsFor } from "./majors.ts";
import { type Manifest, syncFolder, writeIfDifferent } from "./manifest.ts";
import { folderOf, openFolder, type Place, socketFolder } from "./paths.ts";
import { findPostmaster, type StopMode, startPostmaster, stopPostmaster } from "./postmaster.ts";
import { type Programs, runProgram } from "./programs.ts";
import type { Context } from "./running.ts";
import { ownerOf } from "./server-user.ts";
import { socketPort } from "./settings.ts";
import { type StandbyPlace, standbyPlace, standbysOf } from "./standby-place.ts";
import type { Door } from "./sync.ts";
import { groupOf } from "./units.ts";

export const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const programsOf = ({ programs }: Context, { version }: Manifest): Promise<Programs> => programsFor(programs, version);

/** The standbys whose copies are there, whether they run or not. */
export async function standbysIn(context: Context, place: Place, id: string): Promise<readonly StandbyPlace[]> {
  const names = await readdir(standbysOf(place).folder).catch(() => []);
  return names
    .filter((name) => /^\d+$/.test(name))
    .map((name) => standbyPlace(context.layout, place, id, Number(name)))
    .sort((a, b) => a.number - b.number);
}

/** An administrator's way to one. */
export const doorTo = ({ vault }: Context, { id }: Manifest, { socketDir }: StandbyPlace): Door => ({
  ...{ socketDir, port: socketPort, templatePassword: null },
  adminPassword: vault.derive(adminPurpose(id)),
});

/** Copies the running primary. The standby's folder appears whole, or not at all; what killed makers left goes first. */
export async function cloneStandby(
  context: Context,
  place: Place,
  manifest: Manifest,
  standby: StandbyPlace,
): Promise<void> {
  const { folder, passFile } = standbysOf(place);
  const [programs, user] = await Promise.all([programsOf(context, manifest), ownerOf(place.pgdata)]);
  const prefix = `.new-${standby.number}-`;
  for (const name of await readdir(folder).catch(() => []))
    if (name.startsWith(prefix)) await removeTree(join(folder, name));
  const site = join(folder, `${prefix}${randomUUID()}`);
  await openFolder(site);
  const pgdata = join(site, "pgdata");
  try {
    await folderOf(user, pgdata);
    const from = `host='${place.socketDir}' port=${socketPort} user=${standbyRole} passfile='${passFile}'`;
    const how = ["--wal-method=stream", "--checkpoint=fast", `--slot=${standby.name}`, "--no-password"];
    await runProgram(join(programs.bin, "pg_basebackup"), ["--pgdata", pgdata, "--dbname", from, ...how], {
      user,
      background: true,
    });
    await makeMark(pgdata, "standby.signal");
    await rename(site, standby.folder);
    await syncFolder(folder);
  } catch (cause) {
    await removeTree(site);
    const words = cause instanceof Error ? cause.message : String(cause);
    throw standbyFailed(`${manifest.id}: standby ${standby.number} could not be copied: ${words}`, { cause });
  }
}

/** Lies in the folder of a primary that was replaced: it is never started again. */
export const fencedMark = "nebula.fenced";

type Mark = "standby.signal" | typeof fencedMark;

/** An empty file by which a server, or whoever starts it, knows what it is. It lies in the server's own folder: no link is followed. */
export async function makeMark(pgdata: string, name: Mark): Promise<void> {
  const user = await ownerOf(pgdata);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW;
  const handle = await open(join(pgdata, name), flags, 0o600);
  try {
    if (user !== null) await handle.chown(user.uid, user.gid);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncFolder(pgdata);
}

/** Starts it, or adopts it; it reads its own log to the end and then its primary's. The caller has the instance's lock. */
export async function startStandby(
  context: Context,
  place: Place,
  manifest: Manifest,
  standby: StandbyPlace,
  timeoutMs = 30_000,
): Promise<void> {
  const { layout } = context;
  const [programs, user] = await Promise.all([programsOf(context, manifest), ownerOf(standby.pgdata)]);
  if ((await findPostmaster(standby.pgdata)) === undefined) {
    const room = await roomOf(programs, standby.pgdata);
    await writeIfDifferent(standby.conf, standbyConf(place, manifest, standby, room));
  }
  await Promise.all([openFolder(layout.log), openFolder(layout.run)]);
  await socketFolder(user, programs.user, standby.socketDir);
  const { pgdata, conf: configFile, log: logFile, socketDir } = standby;
  const name = `${manifest.id}~${standby.number}`;
  const files = { pgdata, configFile, logFile, socketDir };
  await startPostmaster({ programs, ...files, name, timeoutMs });
}

export async function stopStandby({ groups }: Context, standby: StandbyPlace, mode: StopMode = "fast"): Promise<void> {
  await stopPostmaster(standby.pgdata, mode, standby.folder);
  await groups.remove(groupOf(standby));
  await rm(standby.socketDir, { recursive: true, force: true });
}

/** Takes it away, and with its slot the log that was kept for it. */
export async function removeStandby(context: Context, standby: StandbyPlace, primary: Sql | undefined): Promise<void> {
  await stopStandby(context, standby, "immediate");
  await removeTree(standby.folder);
  await primary?.query(
    "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active",
    [standby.name],
  );
}

/** Everything about the standbys of an instance that does not run, a primary that was replaced too. */
export async function removeStandbys(place: Place): Promise<void> {
  const { folder, fenced } = standbysOf(place);
  await removeTree(folder);
  await removeTree(fenced);
}
