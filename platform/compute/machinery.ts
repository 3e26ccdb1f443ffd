/**
 * What backups and branches need of this machine beside the port: where an instance's parts lie, its administrator's connection, and
 * a server for a moment on a cluster that is nobody's yet.
 */
import { randomUUID } from "node:crypto";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { asNebulaError, isProvedDead, type Observe, ourHolder, type Secret } from "../core/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { quoteIdent, type Sql } from "../sql/index.ts";
import { spoolOf } from "./archive.ts";
import { clearSite, copyCluster, syncCluster } from "./cluster.ts";
import { settingLines } from "./conf.ts";
import { convertCluster } from "./convert.ts";
import { instanceBusy } from "./errors.ts";
import { flushLog } from "./flush-log.ts";
import { adminPurpose, readIdentity } from "./identity.ts";
import { withLock } from "./lock.ts";
import { knownTo, programsFor } from "./majors.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { closedFolder, folderOf, openFolder, placeOf, socketDirOf } from "./paths.ts";
import { findPostmaster, startPostmaster, stopPostmaster } from "./postmaster.ts";
import type { Programs } from "./programs.ts";
import { type Context, doorOf, templatePassword } from "./running.ts";
import { giveOwnUser, guestOf, ownerOf } from "./server-user.ts";
import { commonSettings, type Settings, socketPort } from "./settings.ts";
import { lockOf, wakeInstance } from "./suspend.ts";
import { asAdmin } from "./sync.ts";

/** An instance as it lies there. */
export type Lent = {
  readonly manifest: Manifest;
  readonly folder: string;
  readonly pgdata: string;
  /** Where its log goes; null when it has no backups. */
  readonly spool: string | null;
  readonly running: boolean;
};

/** Arguments and password of a client program of Postgres's. */
export type Address = { readonly args: readonly string[]; readonly user: string; readonly password: Secret };

export type ScratchInput = {
  /** A folder of `building`'s, made by `site`. */
  readonly site: string;
  /** The cluster, anywhere that Postgres's user may enter. */
  readonly pgdata: string;
  /** Whose administrator's password opens it. */
  readonly of: DatabaseId;
  /** Beside those of every scratch server. */
  readonly settings: Settings;
  /** Roles that may sign in with a password, beside the administrator. */
  readonly logins?: readonly string[];
  /** A copy of the template that was never started. */
  readonly fresh?: boolean;
  /** Its major version; default: that of new instances. */
  readonly version?: string;
  readonly timeoutMs: number;
};

export type Machinery = {
  /** As whom a tenant's data are handled (`server-user.ts`). */
  readonly programs: Programs;
  readonly observe: Observe;
  now(): number;
  /** undefined when there is no such instance. */
  find(id: DatabaseId): Promise<Lent | undefined>;
  ids(): Promise<readonly DatabaseId[]>;
  /** The text in a cluster that says which it is. */
  identityIn(pgdata: string): Promise<string | null>;
  adminPassword(id: DatabaseId): Secret;
  /** Nobody else changes, wakes or stops the instance meanwhile. */
  locked<T>(id: DatabaseId, body: () => Promise<T>): Promise<T>;
  /** Wakes or thaws it without anything that counts as a client. */
  wake(id: DatabaseId): Promise<void>;
  /** An administrator's connection to a running instance, and how a program gets one. */
  admin<T>(id: DatabaseId, database: string, body: (sql: Sql) => Promise<T>): Promise<T>;
  address(id: DatabaseId): Promise<Address>;
  /** The administrator's connection to an instance's database, where it answers now: undefined else. Wakes nothing. */
  peek<T>(id: DatabaseId, body: (sql: Sql) => Promise<T>): Promise<T | undefined>;
  /** `peek` while nobody freezes or stops it under the question; undefined as well when somebody has it for long. */
  glance<T>(id: DatabaseId, body: (sql: Sql) => Promise<T>): Promise<T | undefined>;
  /** Gives a cluster that stands still an OS user that nobody else has, where the machine allows it. */
  separate(pgdata: string): Promise<unknown>;
  /**
   * Everything that it wrote so far goes into the spool. Of one that stands still that was done before. Answers a moment: what was
   * acknowledged before is there, unless something waits; undefined where nobody was asked.
   */
  flush(id: DatabaseId): Promise<Date | undefined>;
  /** A folder on the instances' file system for a while; Postgres's user may enter it. Those of dead processes are cleared. */
  site<T>(body: (site: string) => Promise<T>): Promise<T>;
  /** A folder on the same file system that only we may enter. */
  closedSite<T>(body: (site: string) => Promise<T>): Promise<T>;
  /** Starts a server without network and archive, waits until it has recovered, lends it, and stops it cleanly. */
  scratch<T>(input: ScratchInput, body: Scratched<T>): Promise<T>;
  /** A cluster that is nobody's yet: a copy of the template, with a database and an owner that wait for their names. */
  take(pgdata: string): Promise<unknown>;
  copy(from: string, to: string): Promise<void>;
  /** The programs of a major version. @throws NEB349 when it is not on this machine */
  programsFor(version: string): Promise<Programs>;
  /**
   * Makes a cluster that was stopped cleanly into one of another major version; what it was is used up. @throws NEB349 when one of the two
   * is not on this machine, NEB364 when it cannot be converted
   */
  convert(input: Converting): Promise<void>;
  /** Writes a cluster through to the disk. */
  sync(pgdata: string): Promise<void>;
};

export type Converting = {
  readonly site: string;
  readonly old: string;
  readonly fresh: string;
  /** Whose administrator's password opens it. */
  readonly of: DatabaseId;
  readonly from: string;
  readonly to: string;
};

/** Lends connections of the administrator's; `socket` is where other roles sign in. */
export type Scratched<T> = (
  as: (database: string) => Asking,
  socket: { readonly host: string; readonly port: number },
) => Promise<T>;

export type Asking = <T>(body: (sql: Sql) => Promise<T>) => Promise<T>;

type Locked = <T>(id: DatabaseId, body: () => Promise<T>) => Promise<T>;

export function machineryOf(context: Context, locked: Locked, take: Machinery["take"]): Machinery {
  const { layout, users, vault, observe, now } = context;
  const programs = users === null ? context.programs : { ...context.programs, user: guestOf(users) };
  const adminPassword = (id: DatabaseId) => vault.derive(adminPurpose(id));

  const mustRun = async (id: DatabaseId) => {
    const place = placeOf(layout, id);
    const manifest = await readManifest(place);
    if (manifest === undefined) throw new Error(`${id} is not there`);
    await wakeInstance(context, id);
    const running = await findPostmaster(place.pgdata);
    if (running === undefined) throw new Error(`${id} does not run`);
    return { place, manifest, door: doorOf(context, place, manifest, running), running };
  };

  const find = async (id: DatabaseId): Promise<Lent | undefined> => {
    const place = placeOf(layout, id);
    const manifest = await readManifest(place);
    if (manifest === undefined) return undefined;
    const running = (await findPostmaster(place.pgdata)) !== undefined;
    return { manifest, folder: place.folder, pgdata: place.pgdata, spool: spoolOf(place, manifest), running };
  };

  const peek = async <T>(id: DatabaseId, body: (sql: Sql) => Promise<T>): Promise<T | undefined> => {
    const place = placeOf(layout, id);
    const manifest = await readManifest(place);
    const running = manifest === undefined ? undefined : await findPostmaster(place.pgdata);
    if (manifest === undefined || running?.ready !== true || running.frozen) return undefined;
    return asAdmin(doorOf(context, place, manifest, running), manifest.databaseName, body);
  };

  const inSite = async <T>(open: (path: string) => Promise<void>, body: (site: string) => Promise<T>): Promise<T> => {
    await openFolder(layout.building);
    await clearSitesOfTheDead(layout.building);
    const site = join(layout.building, `${sitePrefix}${ourHolder().replaceAll("/", "+")}~${randomUUID()}`);
    await open(site);
    try {
      return await body(site);
    } finally {
      await clearSite(site);
    }
  };

  return {
    ...{ programs, observe, now, find, adminPassword, locked, take, peek },
    ids: async () => {
      const names = await readdir(layout.instances).catch(() => []);
      return names.filter((name) => !name.startsWith(".")) as DatabaseId[];
    },
    identityIn: readIdentity,
    wake: async (id) => {
      await wakeInstance(context, id);
    },
    admin: async (id, database, body) => asAdmin((await mustRun(id)).door, database, body),
    address: async (id) => {
      const { place, running } = await mustRun(id);
      const args = ["--host", place.socketDir, "--port", String(running.port), "--username", "nebula_admin"];
      return { args: [...args, "--no-password"], user: "nebula_admin", password: adminPassword(id) };
    },
    glance: (id, body) => withLock(lockOf(context, id), () => peek(id, body), glanceMs).catch(unlessBusy),
    separate: (pgdata) => giveOwnUser({ layout, users }, pgdata),
    flush: async (id) => {
      const place = placeOf(layout, id);
      const manifest = await readManifest(place);
      const running = await findPostmaster(place.pgdata);
      if (manifest === undefined || running?.ready !== true || running.frozen) return undefined;
      const at = new Date(now());
      await flushLog(doorOf(context, place, manifest, running), place.pgdata);
      return at;
    },
    site: (body) => inSite(openFolder, body),
    closedSite: (body) => inSite(closedFolder, body),
    scratch: (input, body) => withScratchServer(context, input, body),
    copy: (from, to) => copyCluster(from, to, false),
    programsFor: (version) => programsFor(programs, version),
    convert: async ({ of, from, to, ...folders }) =>
      convertCluster({
        ...{ ...folders, layout, adminPassword: adminPassword(of) },
        from: await programsFor(context.programs, from),
        to: await programsFor(context.programs, to),
      }),
    sync: (pgdata) => syncCluster(programs, pgdata),
  };
}

/** For so long a glance waits for who has the instance. */
const glanceMs = 1000;

function unlessBusy(thrown: unknown): undefined {
  if (asNebulaError(thrown).code !== instanceBusy.definition.code) throw thrown;
}

const sitePrefix = "site-";

/** What a killed process left; its servers are stopped. */
async function clearSitesOfTheDead(building: string): Promise<void> {
  for (const name of await readdir(building).catch(() => [])) {
    if (!name.startsWith(sitePrefix)) continue;
    const holder = name.slice(sitePrefix.length).split("~")[0] ?? "";
    if (isProvedDead(holder.replaceAll("+", "/"))) await clearSite(join(building, name));
  }
}

/** Lean, and without what only a server with clients needs. It is thrown away or synced as a whole, so it waits for no disk. */
const scratchSettings: Settings = {
  ...commonSettings,
  fsync: "off",
  full_page_writes: "off",
  autovacuum: "off",
  hot_standby: "off",
  shared_buffers: "128MB",
  max_connections: "10",
  max_wal_senders: "0",
  max_wal_size: "8GB",
  wal_recycle: "off",
  listen_addresses: "",
  port: String(socketPort),
};

async function withScratchServer<T>(
  { layout, programs: newest, vault }: Context,
  { site, pgdata, of, settings, timeoutMs, logins = [], fresh = false, version = newest.major }: ScratchInput,
  body: Scratched<T>,
): Promise<T> {
  const programs = await programsFor(newest, version);
  const own = join(site, `server-${randomUUID()}`);
  await mkdir(own, { mode: 0o711 });
  await openFolder(own);
  const socketDir = socketDirOf(layout, own);
  await openFolder(layout.run);
  await folderOf(await ownerOf(pgdata), socketDir);
  const [configFile, hba, logFile] = [join(own, "postgresql.conf"), join(own, "pg_hba.conf"), join(own, "log")];
  const files = { unix_socket_directories: socketDir, hba_file: hba, ident_file: "/dev/null" };
  await writeFile(configFile, settingLines(knownTo(version, { ...scratchSettings, ...settings, ...files })), {
    mode: 0o644,
  });
  const rules = ["nebula_admin", ...logins.map(quoteIdent)].map((role) => `local all ${role} scram-sha-256\n`);
  await writeFile(hba, rules.join(""), { mode: 0o644 });
  const door = {
    ...{ socketDir, port: socketPort, templatePassword: fresh ? templatePassword(vault) : null },
    adminPassword: vault.derive(adminPurpose(of)),
  };
  try {
    await startPostmaster({ programs, pgdata, configFile, logFile, socketDir, name: `a copy of ${of}`, timeoutMs });
    const lent = await body((database) => (ask) => asAdmin(door, database, ask), { host: socketDir, port: socketPort });
    await stopPostmaster(pgdata, "fast", `a copy of ${of}`, timeoutMs);
    return lent;
  } catch (thrown) {
    await stopPostmaster(pgdata, "immediate", `a copy of ${of}`);
    throw thrown;
  } finally {
    await rm(socketDir, { recursive: true, force: true });
  }
}
