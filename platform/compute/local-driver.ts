import { mkdir, readdir } from "node:fs/promises";
import { asNebulaError, ignoreObservations, type Observe, reportFault, type Vault } from "../core/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { findGroups, type Groups } from "./cgroups.ts";
import { clearDrafts, ensureInstance } from "./ensure.ts";
import { instanceBusy, instanceDamaged, instanceMissing, meantToBeStopped } from "./errors.ts";
import { readFacts } from "./facts.ts";
import { finalCopiesIn, purgeCopies, putAside } from "./final-copies.ts";
import { readGateOf } from "./gate.ts";
import { type GateSettings, makeGate } from "./gate-write.ts";
import { ownerTag } from "./identity.ts";
import { inspectInstance } from "./inspect.ts";
import { readJournal } from "./journal.ts";
import { runnerOf } from "./local-runner.ts";
import { withLock } from "./lock.ts";
import { type Machinery, machineryOf } from "./machinery.ts";
import { programsFor } from "./majors.ts";
import { type Manifest, readManifest, writeManifest } from "./manifest.ts";
import { type Origin, replaceData } from "./origin.ts";
import { mustReach } from "./os-user.ts";
import { layoutOf, placeOf } from "./paths.ts";
import { findPostmaster, rotateLog, type StopMode } from "./postmaster.ts";
import { findPrograms, translateFs } from "./programs.ts";
import { type Context, doorOf, findThawed, startServer, stopServer, templatePassword } from "./running.ts";
import { findServerUsers, guestOf } from "./server-user.ts";
import { removeStandbys, standbysIn } from "./standby.ts";
import { tendStorage } from "./storage-limit.ts";
import { lockOf } from "./suspend.ts";
import { asAdmin } from "./sync.ts";
import { makeTemplate, measure } from "./template.ts";
import { readTraces } from "./traces.ts";
import type { ComputeDriver, Ensured, InstanceMeasured, InstanceObserved, InstanceWanted } from "./types.ts";
import { type Conversion, upgradeInstance } from "./upgrade.ts";
import { mustBeSensible, mustOffer } from "./validate.ts";

export type LocalDriverOptions = {
  readonly dataDir: string;
  /** The folder that holds `postgres` and `initdb`. */
  readonly pgBin: string;
  /** Derives the administrators' passwords; the installation's own vault. */
  readonly vault: Pick<Vault, "derive">;
  /** Whom Postgres runs as when we are root; else found or made. */
  readonly osUser?: string;
  /** Prepared copies kept ready. */
  readonly spares?: number;
  /** Older major versions that new instances may be asked for as well; for drills of an upgrade. */
  readonly older?: readonly string[];
  /** Bytes that must be left on the disk before another instance is made. */
  readonly reserveBytes?: number;
  /** How long a password that was rotated away still opens the gate. Default: an hour. */
  readonly overlapSeconds?: number;
  readonly observe?: Observe;
  /** What holds servers to their units; what this machine has when absent. */
  readonly groups?: Groups;
  readonly now?: () => number;
};

export type LocalDriver = ComputeDriver & {
  /** Builds the template and the spares ahead of the first `ensure`. */
  prepare(): Promise<void>;
  /** Keeps the servers' logs under their limit. */
  rotateLogs(): Promise<void>;
  /** Gives instances that an earlier release made what a gateway needs, where their servers answer. */
  keepGates(settings: (id: DatabaseId) => GateSettings | undefined): Promise<void>;
  /** Waits for what still runs in the background. Stops no database. */
  close(): Promise<void>;
};

/** With what only real servers have: for backups and branches. */
export type MachineDriver = Omit<LocalDriver, "ensure"> & {
  /** Makes a new instance of something else than the template. @throws NEB353 when it is there and was made of something else. */
  ensure(wanted: InstanceWanted, origin?: Origin): Promise<Ensured>;
  /** Puts the data of an instance aside as a final copy, and other data in its place. Passwords are as in that data: `ensure` again. */
  replace(id: DatabaseId, origin: Origin): Promise<InstanceObserved>;
  /** Puts the data of an instance aside, and the same data in another major version in its place. */
  upgrade(id: DatabaseId, conversion: Conversion): Promise<InstanceObserved>;
  /** Deletes the final copy with this identity for good. How many there were. */
  forget(id: DatabaseId, identity: string): Promise<number>;
  /** What lies on this machine, and servers for a moment. */
  readonly machinery: Machinery;
};

/** Real PostgreSQL servers on this machine, one folder each. */
export async function makeLocalDriver(options: LocalDriverOptions): Promise<MachineDriver> {
  const { vault, observe = ignoreObservations, now = Date.now, spares = 2, reserveBytes = 64 * 1024 * 1024 } = options;
  const layout = layoutOf(options.dataDir);
  const programs = await findPrograms(options.pgBin, options.osUser);
  await mkdir(layout.root, { recursive: true });
  await mustReach(programs.user, layout.root, "the data folder");
  const { overlapSeconds = 3600 } = options;
  const groups = options.groups ?? (await findGroups());
  const users = await findServerUsers();
  await mustReach(users && guestOf(users), layout.root, "the data folder");
  const context: Context = { layout, programs, users, vault, observe, groups, now, overlapSeconds };
  const runner = runnerOf(context);
  const ground = { layout, users, password: templatePassword(vault), reserveBytes };
  const template = makeTemplate({ ...ground, programs, spares });
  const { older = [] } = options;
  const templateOf = async (version: string) =>
    version === programs.major
      ? template
      : makeTemplate({ ...ground, programs: await programsFor(programs, version), spares: 0 });

  let refilling: Promise<void> = Promise.resolve();
  const refillLater = () => {
    refilling = refilling
      .then(() => template.refill())
      .catch((thrown) => reportFault(observe, "compute.refill", thrown));
  };

  const locked = <T>(id: DatabaseId, body: () => Promise<T>): Promise<T> => withLock(lockOf(context, id), body);

  /** A short look inside: nobody freezes the server under it, and it waits for nobody for long. Undefined where it had to. */
  const looking = <T>(id: DatabaseId, body: () => Promise<T>): Promise<T | undefined> =>
    withLock(lockOf(context, id), body, 2000).catch((thrown) => {
      if (asNebulaError(thrown).code !== instanceBusy.definition.code) throw thrown;
      return undefined;
    });

  const change = (id: DatabaseId, body: (manifest: Manifest) => Promise<void>): Promise<InstanceObserved> =>
    locked(id, async () => {
      const manifest = await readManifest(placeOf(layout, id));
      if (manifest === undefined) throw instanceMissing(`there is no instance ${id} in ${layout.instances}`);
      await body(manifest).catch((thrown) => {
        throw translateFs(thrown, `changing ${id}`);
      });
      return mustObserve(id);
    });

  const stopWith = (intent: "retired" | "as it is", mode: StopMode) => (id: DatabaseId) =>
    change(id, async (manifest) => {
      const place = placeOf(layout, id);
      if (intent !== "as it is" && manifest.intent !== intent) await writeManifest(place, { ...manifest, intent });
      await stopServer(context, place, id, mode, intent === "as it is" ? "stopped" : intent);
    });

  const mustObserve = async (id: DatabaseId): Promise<InstanceObserved> => {
    const found = await runner.observe(id);
    if (found === undefined) throw instanceMissing(`there is no instance ${id} in ${layout.instances}`);
    return found;
  };

  const measureInstance = async (id: DatabaseId): Promise<InstanceMeasured | undefined> => {
    const [place, found] = [placeOf(layout, id), await runner.observe(id)];
    const manifest = await readManifest(place);
    if (found === undefined || manifest === undefined) return undefined;
    const folders = [place, ...(await standbysIn(context, place, id))].map(({ pgdata }) => measure(pgdata));
    const bytes = (await Promise.all(folders)).reduce((sum, one) => sum + one.bytes, 0);
    const ask = () => askServer(context, manifest);
    const asked = found.phase === "Ready" ? await looking(id, ask).catch(() => undefined) : undefined;
    const { connections = 0, databaseSizeBytes = null } = asked ?? {};
    return { ...found, connections, sizeBytes: bytes, databaseSizeBytes };
  };

  const keepGateOf = async (id: DatabaseId, settings: GateSettings | undefined): Promise<void> => {
    const place = placeOf(layout, id);
    if (settings === undefined || (await readGateOf(place)) !== undefined) return;
    await looking(id, async () => {
      const manifest = await readManifest(place);
      if (manifest?.settled === true) await makeGate(context, place, manifest, settings);
    });
  };

  const tag = ownerTag(vault);
  const mustRead = async (id: DatabaseId): Promise<Manifest | undefined> => {
    const place = placeOf(layout, id);
    return readManifest(place).catch((cause) => {
      throw instanceDamaged(`${id}: ${place.manifest} cannot be read`, { cause });
    });
  };

  const ids = async (): Promise<readonly DatabaseId[]> => {
    const names = await readdir(layout.instances).catch(() => []);
    return names.filter((name) => !name.startsWith(".")) as DatabaseId[];
  };

  return {
    ensure: async (wanted, origin) => {
      // what is there runs on in the version that it has
      const there = (await readManifest(placeOf(layout, wanted.id)))?.version ?? programs.major;
      mustBeSensible(wanted, [programs.major, ...older, there]);
      return locked(wanted.id, async () => {
        const changes = await ensureInstance(context, await templateOf(wanted.version), wanted, origin);
        if (changes.created) refillLater();
        return { ...(await mustObserve(wanted.id)), ...changes };
      });
    },
    start: (id) =>
      change(id, async (manifest) => {
        if (manifest.intent !== "run") throw meantToBeStopped(id, manifest.intent);
        await startServer(context, placeOf(layout, id), manifest);
      }),
    stop: (id, mode = "fast") => stopWith("as it is", mode)(id),
    pause: (id) =>
      change(id, async (manifest) => {
        if (manifest.intent === "retired") throw meantToBeStopped(id, "retired");
        const place = placeOf(layout, id);
        if (manifest.intent !== "paused") await writeManifest(place, { ...manifest, intent: "paused" });
        await stopServer(context, place, id, "fast", "paused");
      }),
    resume: (id) =>
      change(id, async (manifest) => {
        if (manifest.intent === "retired") throw meantToBeStopped(id, "retired");
        const place = placeOf(layout, id);
        const running: Manifest = { ...manifest, intent: "run" };
        if (manifest.intent !== "run") await writeManifest(place, running);
        await startServer(context, place, running);
      }),
    retire: stopWith("retired", "fast"),
    remove: (id) =>
      locked(id, async () => {
        const place = placeOf(layout, id);
        await stopServer(context, place, id, "fast");
        await clearDrafts(layout, id);
        await removeStandbys(place); // copies of what is kept
        await putAside(layout, id, new Date(now())).catch((thrown: NodeJS.ErrnoException) => {
          if (thrown.code !== "ENOENT") throw thrown; // it was put aside before
        });
        return (await finalCopiesIn(layout, id))[0];
      }),
    purge: (id, removedBefore) => locked(id, () => purgeCopies(layout, id, removedBefore)),
    finalCopies: (id) => finalCopiesIn(layout, id),
    ...runner,
    journal: (id) => readJournal(placeOf(layout, id)),
    measure: measureInstance,
    tendStorage: (id, unlessWrittenSinceMs) => tendStorage(context, id, unlessWrittenSinceMs),
    async mark(id, name) {
      const manifest = await mustRead(id);
      return manifest === undefined ? undefined : locked(id, () => markServer(context, manifest, name));
    },
    list: async () => {
      const found = await Promise.all((await ids()).map(runner.observe));
      return found.filter((instance) => instance !== undefined);
    },
    facts: async (id) => {
      const manifest = await mustRead(id);
      const observed = manifest === undefined ? undefined : await runner.observe(id);
      if (manifest === undefined || observed === undefined) return undefined;
      return readFacts(placeOf(layout, id), manifest, observed, tag);
    },
    inspect: async (id, passwords) => {
      const manifest = await mustRead(id);
      return manifest === undefined ? undefined : looking(id, () => inspectInstance(context, manifest, passwords));
    },
    traces: () => readTraces(layout, tag),
    mustOffer: async (id, extensions) => mustOffer({ id, extensions }, (await template.prepare()).extensions),
    replace: async (id, origin) => {
      await replaceData(context, id, origin, (body) => locked(id, body));
      return mustObserve(id);
    },
    upgrade: async (id, conversion) => {
      await locked(id, () => upgradeInstance(context, id, conversion));
      return mustObserve(id);
    },
    forget: (id, identity) =>
      locked(id, () => purgeCopies(layout, id, undefined, (copy) => copy.identity === identity)),
    machinery: machineryOf(context, (id, body) => locked(id, body), template.take),
    prepare: async () => {
      await template.prepare();
      await template.refill();
    },
    keepGates: async (settings) => {
      for (const id of await ids()) await keepGateOf(id, settings(id)).catch(() => undefined);
    },
    rotateLogs: async () => {
      for (const id of await ids()) {
        const place = placeOf(layout, id);
        for (const { log } of [place, ...(await standbysIn(context, place, id))]) await rotateLog(log, true);
      }
    },
    close: () => refilling,
  };
}

/** A restore point, and with it everything before: it is on disk when this returns. */
async function markServer(context: Context, manifest: Manifest, name: string): Promise<string | undefined> {
  const place = placeOf(context.layout, manifest.id);
  const running = await findThawed(context, place, manifest);
  if (running?.ready !== true) return undefined;
  return asAdmin(doorOf(context, place, manifest, running), "postgres", async (sql) => {
    const { lsn } = await sql.one<{ lsn: string | null }>(
      "select case when not pg_is_in_recovery() then pg_create_restore_point($1)::text end as lsn",
      [name],
    );
    return lsn ?? undefined; // one that is closed writes no log
  });
}

type Asked = { readonly connections: number; readonly databaseSizeBytes: number };

async function askServer(context: Context, manifest: Manifest): Promise<Asked | undefined> {
  const place = placeOf(context.layout, manifest.id);
  const running = await findPostmaster(place.pgdata);
  if (running?.ready !== true || running.frozen) return undefined;
  return asAdmin(doorOf(context, place, manifest, running), manifest.databaseName, (sql) =>
    sql.one<Asked>(
      `select (select count(*) from pg_stat_activity where backend_type = 'client backend' and usename <> current_user)
          as connections, pg_database_size(current_database()) as "databaseSizeBytes"`,
    ),
  );
}
