import { lstat, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Observe, Vault } from "../core/index.ts";
import type { Sql } from "../sql/index.ts";
import { prepareSpool } from "./archive.ts";
import { clearAutoConf } from "./auto-conf.ts";
import type { Groups } from "./cgroups.ts";
import { closeOrOpen, isClosed, shouldBeClosed } from "./closed.ts";
import { parseConf } from "./conf-read.ts";
import { instanceDamaged, startFailed } from "./errors.ts";
import { finishTakeover, succeed } from "./failover.ts";
import { thawPostmaster } from "./frozen.ts";
import { adminPurpose, ownerPurpose } from "./identity.ts";
import { confOf, willSucceed } from "./instance-conf.ts";
import { appendJournal, type JournalState, lastTransition } from "./journal.ts";
import { programsFor } from "./majors.ts";
import { looksWhole, type Manifest, writeIfDifferent } from "./manifest.ts";
import { type Layout, openFolder, type Place, socketFolder } from "./paths.ts";
import {
  findPostmaster,
  type Postmaster,
  processesIn,
  reloadPostmaster,
  type Started,
  type StopMode,
  startPostmaster,
  stopPostmaster,
} from "./postmaster.ts";
import type { Programs } from "./programs.ts";
import { closeToOthers, freshUser, giveTree, isServers, ownerOf, type UserRange } from "./server-user.ts";
import { deviationsOf, type SettingShown } from "./setting-values.ts";
import { restartSettings, type Settings } from "./settings.ts";
import { fencedMark, isThere, standbysIn, stopStandby } from "./standby.ts";
import { noteExposed } from "./standby-place.ts";
import { asAdmin, type Door } from "./sync.ts";
import { mustHaveItsTail } from "./tail.ts";
import { groupOf, unitsAtStart, unitsHeld } from "./units.ts";

/** What every verb of the local driver needs. */
export type Context = {
  readonly layout: Layout;
  readonly programs: Programs;
  readonly vault: Pick<Vault, "derive">;
  readonly observe: Observe;
  /** What holds servers to their units on this machine. */
  readonly groups: Groups;
  /** The users that servers have here; null: all have one. */
  readonly users: UserRange | null;
  readonly now: () => number;
  /** How long a replaced password still opens the gate. */
  readonly overlapSeconds: number;
};

const templatePurpose = "compute:template-admin";
/** What a driver derives to reach these databases and to make new ones. */
export const adminPurposes = (ids: readonly string[]): readonly string[] => [
  templatePurpose,
  ownerPurpose,
  ...ids.map(adminPurpose),
];

export const templatePassword = (vault: Pick<Vault, "derive">) => vault.derive(templatePurpose);

export function doorOf({ vault }: Context, place: Place, manifest: Manifest, { port }: Postmaster): Door {
  return {
    socketDir: place.socketDir,
    port,
    adminPassword: vault.derive(adminPurpose(manifest.id)),
    templatePassword: manifest.settled ? null : templatePassword(vault),
  };
}

export type Run = { readonly postmaster: Postmaster; readonly started: boolean; readonly restarted: readonly string[] };

/** Makes the server run with exactly the settings of its manifest, restarting it when one of them needs that. */
export async function runAsWanted(context: Context, place: Place, manifest: Manifest): Promise<Run> {
  await prepareSpool(place, manifest);
  const written = await writeConf(place, manifest);
  const cleared = await clearAutoConf(place.pgdata);
  const found = await findThawed(context, place, manifest);
  const misfit = found !== undefined && (await isClosed(place.pgdata)) !== shouldBeClosed(manifest);
  if (misfit) await stopServer(context, place, manifest.id, "fast");
  const running = misfit ? undefined : found;
  const server = running?.ready === true ? { ...running, adopted: true } : await startServer(context, place, manifest);
  const started = running?.ready !== true;
  if (!server.adopted) return { postmaster: server, started, restarted: [] };
  const pending = await loadConf(doorOf(context, place, manifest, server), server.pid, written, cleared);
  if (pending.length === 0) return { postmaster: server, started, restarted: [] };
  await stopServer(context, place, manifest.id, "fast");
  return { postmaster: await startServer(context, place, manifest), started: true, restarted: pending };
}

type Written = { readonly settings: Settings; readonly fingerprint: string; readonly changed: boolean };

/** Has a running server read its files anew when they are not as they should be. The caller has the lock. */
export async function reloadConf(
  context: Context,
  place: Place,
  manifest: Manifest,
  running: Postmaster,
): Promise<void> {
  const written = await writeConf(place, manifest);
  if (written.changed) await loadConf(doorOf(context, place, manifest, running), running.pid, written, false);
}

async function writeConf(place: Place, manifest: Manifest): Promise<Written> {
  if (manifest.synchronous !== true) await noteExposed(place);
  const { conf, hba, fingerprint } = await confOf(place, manifest);
  const changed = [await writeIfDifferent(place.hba, hba), await writeIfDifferent(place.conf, conf)].includes(true);
  return { settings: parseConf(conf), fingerprint, changed };
}

/**
 * Makes the server run with what its files say, and waits until it does; the settings that wait for a restart. Asked of the server
 * itself: it may have loaded something else in between and then have been given its own file back.
 */
async function loadConf(door: Door, pid: number, written: Written, reload: boolean): Promise<readonly string[]> {
  const state = await readState(door, written);
  if (state.loaded && state.stale.length === 0 && !reload) return state.pending;
  reloadPostmaster(pid);
  for (const deadline = performance.now() + 10_000; performance.now() < deadline; ) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    const now = await readState(door, written); // a new connection each time: it is born with what the postmaster has loaded
    if (now.loaded && (now.stale.length === 0 || performance.now() > deadline - 8_000)) return now.pending;
  }
  throw startFailed(`the server in ${door.socketDir} did not take its new settings; its log says why`);
}

type State = {
  readonly loaded: boolean;
  /** Differ from the file, and a reload brings them. */
  readonly stale: readonly string[];
  /** Differ from the file, and only a restart brings them. */
  readonly pending: readonly string[];
};

const readState = (door: Door, { settings, fingerprint }: Written): Promise<State> =>
  asAdmin(door, "postgres", async (sql: Sql) => {
    const shown = await showSettings(sql, Object.keys(settings));
    const { loaded } = await sql.one<{ loaded: string | null }>(
      "select current_setting('nebula.loaded', true) as loaded",
    );
    const differing = deviationsOf(settings, shown).map(({ name }) => name);
    const waiting = shown.filter(({ pendingRestart }) => pendingRestart).map(({ name }) => name);
    const pending = [...new Set([...waiting, ...differing.filter((name) => restartSettings.has(name))])].sort();
    return {
      ...{ loaded: loaded === fingerprint, pending },
      stale: differing.filter((name) => !restartSettings.has(name)),
    };
  });

/** What a server itself says of its settings. Asked in `postgres`, where no tenant has set anything. */
export const showSettings = (sql: Sql, names: readonly string[]): Promise<readonly SettingShown[]> =>
  sql.query<SettingShown>(
    `select name, setting, unit, vartype, pending_restart as "pendingRestart" from pg_settings
     where name = any($1) order by name`,
    [names.filter((name) => !ownOfAdmin.has(name))],
  );

/** What a session of the administrator has otherwise than others (`asAdmin`), so that it cannot tell. */
const ownOfAdmin: ReadonlySet<string> = new Set(["default_transaction_read_only"]);

/** The running server, made to go on when it was frozen. */
export async function findThawed(context: Context, place: Place, manifest: Manifest): Promise<Postmaster | undefined> {
  const running = await findPostmaster(place.pgdata);
  if (running?.frozen !== true) return running;
  await thawPostmaster(running.pid);
  await note(context, place, "awake", await unitsHeld(context, place, manifest));
  return { ...running, frozen: false };
}

/** Writes a transition into the journal. A disk that takes no line stops no database: usage then counts what it can prove. */
export async function note({ now }: Context, place: Place, state: JournalState, units: number): Promise<void> {
  await appendJournal(place, { state, units, atMs: now() }).catch(() => undefined);
}

type StartOptions = {
  /** Told when its process is there. */
  readonly spawned?: () => void;
};

/**
 * Starts the server with the settings of its manifest, or waits for one that is starting. Where it cannot be started and has standbys,
 * one of them takes its place and is started instead: it is where it was first of all that it is brought back.
 */
export async function startServer(
  context: Context,
  place: Place,
  manifest: Manifest,
  options: StartOptions = {},
): Promise<Started> {
  await finishTakeover(context, place, manifest);
  try {
    return await startHere(context, place, manifest, options);
  } catch (thrown) {
    if (!(await succeed(context, place, manifest, thrown))) throw thrown;
    return startHere(context, place, manifest, options);
  }
}

async function startHere(
  context: Context,
  place: Place,
  manifest: Manifest,
  { spawned = () => undefined }: StartOptions,
): Promise<Started> {
  const { observe } = context;
  const { id, version } = manifest;
  const programs = await programsFor(context.programs, version);
  if (!(await looksWhole(place.pgdata))) throw instanceDamaged(`${id}: ${place.pgdata} lacks its control file`);
  if (await isThere(join(place.pgdata, fencedMark)))
    throw instanceDamaged(`${id}: ${place.pgdata} is that of a primary that was replaced`);
  await giveItsUser(context, place);
  const [units] = await Promise.all([
    unitsAtStart(context, place, manifest),
    ...[writeConf(place, manifest), makeFolders(context, place), prepareSpool(place, manifest)],
    closeOrOpen(place.pgdata, manifest),
  ]);
  const began = performance.now();
  const { pgdata, conf: configFile, log: logFile, socketDir } = place;
  let noted: Promise<unknown> | undefined;
  const begun = () => {
    // while the server starts, which takes longer
    noted = Promise.all([note(context, place, "awake", units), rm(place.asleep, { force: true })]);
    spawned();
  };
  try {
    const files = { pgdata, configFile, logFile, socketDir };
    const succeeds = (manifest.replicas ?? 0) > 0 && (await willSucceed(place));
    await mustHaveItsTail(context, place, manifest, programs);
    const started = await startPostmaster({ programs, ...files, spawned: begun, name: id });
    if (succeeds) await reloadConf(context, place, manifest, started);
    if (started.adopted) await noteAdopted(context, place, units);
    else observe({ kind: "instance.started", instance: id, durationMs: performance.now() - began });
    await noted;
    return started;
  } catch (thrown) {
    await noted;
    if (noted !== undefined) await note(context, place, "stopped", units);
    throw thrown;
  }
}

/** The socket's folder: its server's own, and who runs PgBouncer may pass through. */
async function makeFolders({ programs, layout }: Context, place: Place): Promise<void> {
  await Promise.all([openFolder(layout.log), openFolder(layout.run)]);
  await socketFolder(await ownerOf(place.pgdata), programs.user, place.socketDir);
}

/** An instance of an earlier release gets a user of its own when its server starts, unless something of it still runs. */
async function giveItsUser({ layout, users }: Context, place: Place): Promise<void> {
  const owner = await ownerOf(place.pgdata);
  if (users === null || owner === null || isServers(owner, users) || (await processesIn(place.pgdata)).length > 0)
    return;
  const fresh = await freshUser(layout, users);
  if ((await lstat(place.spool).catch(() => undefined)) !== undefined) await giveTree(fresh, place.spool);
  await giveTree(fresh, place.pgdata);
  await closeToOthers({ users }, place.folder);
}

/** A server that somebody else began, or that was frozen: unless its journal says so already. */
async function noteAdopted(context: Context, place: Place, units: number): Promise<void> {
  await rm(place.asleep, { force: true });
  if ((await lastTransition(place))?.state !== "awake") await note(context, place, "awake", units);
}

/** Stops a server that runs, frozen or not. `becomes` is what its journal says from then on. */
export async function stopServer(
  context: Context,
  place: Place,
  id: string,
  mode: StopMode,
  becomes: JournalState = "stopped",
): Promise<void> {
  const began = performance.now();
  const ran = await stopPostmaster(place.pgdata, mode, id);
  // after their primary: what it wrote as its last they have
  for (const standby of await standbysIn(context, place, id)) await stopStandby(context, standby, mode);
  if (!ran) return;
  context.observe({ kind: "instance.stopped", instance: id, durationMs: performance.now() - began });
  await note(context, place, becomes, 0);
  await context.groups.remove(groupOf(place));
}

/** Removes what a server leaves outside its folder. */
export async function removeSocket(place: Place): Promise<void> {
  await rm(place.socketDir, { recursive: true, force: true });
}
