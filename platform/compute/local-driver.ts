import { mkdir, readdir } from "node:fs/promises";
import { asNebulaError, ignoreObservations, type Observe, type Vault } from "../core/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { clearDrafts, ensureInstance } from "./ensure.ts";
import { instanceDamaged, instanceMissing, instanceNotRunnable } from "./errors.ts";
import { readFacts } from "./facts.ts";
import { finalCopiesIn, purgeCopies, putAside } from "./final-copies.ts";
import { ownerTag } from "./identity.ts";
import { inspectInstance } from "./inspect.ts";
import { withLock } from "./lock.ts";
import { looksWhole, type Manifest, readManifest, writeManifest } from "./manifest.ts";
import { mustReach } from "./os-user.ts";
import { layoutOf, placeOf } from "./paths.ts";
import { findPostmaster, rotateLog, type StopMode } from "./postmaster.ts";
import { findPrograms, translateFs } from "./programs.ts";
import { type Context, doorOf, startServer, stopServer, templatePassword } from "./running.ts";
import { asAdmin } from "./sync.ts";
import { makeTemplate, measure } from "./template.ts";
import { readTraces } from "./traces.ts";
import type { ComputeDriver, InstanceMeasured, InstanceObserved, InstancePhase } from "./types.ts";
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
  /** Bytes that must be left on the disk before another instance is made. */
  readonly reserveBytes?: number;
  readonly observe?: Observe;
  readonly now?: () => number;
};

export type LocalDriver = ComputeDriver & {
  /** Builds the template and the spares ahead of the first `ensure`. */
  prepare(): Promise<void>;
  /** Keeps the servers' logs under their limit. */
  rotateLogs(): Promise<void>;
  /** Waits for what still runs in the background. Stops no database. */
  close(): Promise<void>;
};

/** Real PostgreSQL servers on this machine, one folder and one port each. */
export async function makeLocalDriver(options: LocalDriverOptions): Promise<LocalDriver> {
  const { vault, observe = ignoreObservations, now = Date.now, spares = 2, reserveBytes = 64 * 1024 * 1024 } = options;
  const layout = layoutOf(options.dataDir);
  const programs = await findPrograms(options.pgBin, options.osUser);
  await mkdir(layout.root, { recursive: true });
  await mustReach(programs.user, layout.root, "the data folder");
  const context: Context = { layout, programs, vault, observe, now };
  const template = makeTemplate({ layout, programs, password: templatePassword(vault), spares, reserveBytes });

  let refilling: Promise<void> = Promise.resolve();
  const refillLater = () => {
    refilling = refilling
      .then(() => template.refill())
      .catch((thrown) => {
        const { code, message } = asNebulaError(thrown);
        observe({ kind: "fault", where: "compute.refill", code, message });
      });
  };

  const locked = <T>(id: DatabaseId, body: () => Promise<T>): Promise<T> =>
    withLock(`instance:${placeOf(layout, id).folder}`, body);

  const change = (id: DatabaseId, body: (manifest: Manifest) => Promise<void>): Promise<InstanceObserved> =>
    locked(id, async () => {
      const manifest = await readManifest(placeOf(layout, id));
      if (manifest === undefined) throw instanceMissing(`there is no instance ${id} in ${layout.instances}`);
      await body(manifest).catch((thrown) => {
        throw translateFs(thrown, `changing ${id}`);
      });
      return mustObserve(id);
    });

  const stopWith = (intent: Manifest["intent"] | "as it is", mode: StopMode) => (id: DatabaseId) =>
    change(id, async (manifest) => {
      const place = placeOf(layout, id);
      if (intent !== "as it is" && manifest.intent !== intent) await writeManifest(place, { ...manifest, intent });
      await stopServer(context, place, id, mode);
    });

  const observeInstance = async (id: DatabaseId): Promise<InstanceObserved | undefined> => {
    const place = placeOf(layout, id);
    const manifest = await readManifest(place);
    if (manifest === undefined) return undefined;
    const [running, whole] = await Promise.all([findPostmaster(place.pgdata), looksWhole(place.pgdata)]);
    const { version, databaseName, ownerRole, units, storageBytes } = manifest;
    return {
      ...{ id, version, databaseName, ownerRole, units, storageBytes },
      phase: phaseOf(manifest, running, whole),
      running: running !== undefined,
      pid: running?.pid ?? null,
      host: "127.0.0.1",
      port: manifest.port,
      socketDir: place.socketDir,
      dataDir: place.folder,
      startedAt: running?.startedAt ?? null,
      createdAt: new Date(manifest.createdAt),
      identity: manifest.identity ?? null,
    };
  };

  const mustObserve = async (id: DatabaseId): Promise<InstanceObserved> => {
    const found = await observeInstance(id);
    if (found === undefined) throw instanceMissing(`there is no instance ${id} in ${layout.instances}`);
    return found;
  };

  const measureInstance = async (id: DatabaseId): Promise<InstanceMeasured | undefined> => {
    const [place, found] = [placeOf(layout, id), await observeInstance(id)];
    const manifest = await readManifest(place);
    if (found === undefined || manifest === undefined) return undefined;
    const { bytes } = await measure(place.pgdata);
    const asked = found.phase === "Ready" ? await askServer(context, manifest).catch(() => undefined) : undefined;
    const { connections = 0, databaseSizeBytes = null } = asked ?? {};
    return { ...found, connections, sizeBytes: bytes, databaseSizeBytes };
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
    ensure: async (wanted) => {
      mustBeSensible(wanted, programs.major);
      return locked(wanted.id, async () => {
        const changes = await ensureInstance(context, template, wanted);
        if (changes.created) refillLater();
        return { ...(await mustObserve(wanted.id)), ...changes };
      });
    },
    start: (id) =>
      change(id, async (manifest) => {
        if (manifest.intent !== "run") throw instanceNotRunnable(`${id} is ${manifest.intent}`);
        await startServer(context, placeOf(layout, id), manifest);
      }),
    stop: (id, mode = "fast") => stopWith("as it is", mode)(id),
    pause: (id) =>
      change(id, async (manifest) => {
        if (manifest.intent === "retired") throw instanceNotRunnable(`${id} is retired`);
        const place = placeOf(layout, id);
        if (manifest.intent !== "paused") await writeManifest(place, { ...manifest, intent: "paused" });
        await stopServer(context, place, id, "fast");
      }),
    resume: (id) =>
      change(id, async (manifest) => {
        if (manifest.intent === "retired") throw instanceNotRunnable(`${id} is retired`);
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
        await putAside(layout, id, new Date(now())).catch((thrown: NodeJS.ErrnoException) => {
          if (thrown.code !== "ENOENT") throw thrown; // it was put aside before
        });
        return (await finalCopiesIn(layout, id))[0];
      }),
    purge: (id, removedBefore) => locked(id, () => purgeCopies(layout, id, removedBefore)),
    finalCopies: (id) => finalCopiesIn(layout, id),
    observe: observeInstance,
    measure: measureInstance,
    async mark(id, name) {
      const manifest = await mustRead(id);
      return manifest === undefined ? undefined : markServer(context, manifest, name);
    },
    list: async () => {
      const found = await Promise.all((await ids()).map(observeInstance));
      return found.filter((instance) => instance !== undefined);
    },
    facts: async (id) => {
      const manifest = await mustRead(id);
      const observed = manifest === undefined ? undefined : await observeInstance(id);
      if (manifest === undefined || observed === undefined) return undefined;
      return readFacts(placeOf(layout, id), manifest, observed, tag);
    },
    inspect: async (id, passwords) => {
      const manifest = await mustRead(id);
      return manifest === undefined ? undefined : inspectInstance(context, manifest, passwords);
    },
    traces: () => readTraces(layout, tag),
    mustOffer: async (id, extensions) => mustOffer({ id, extensions }, (await template.prepare()).extensions),
    prepare: async () => {
      await template.prepare();
      await template.refill();
    },
    rotateLogs: async () => {
      for (const id of await ids()) await rotateLog(placeOf(layout, id).log, true);
    },
    close: () => refilling,
  };
}

type Running = { readonly ready: boolean } | undefined;

function phaseOf({ intent }: Manifest, running: Running, whole: boolean): InstancePhase {
  if (!whole) return "Damaged";
  if (intent === "paused") return "Paused";
  if (intent === "retired") return "Retired";
  if (running === undefined) return "Stopped";
  return running.ready ? "Ready" : "Starting";
}

/** A restore point, and with it everything before: it is on disk when this returns. */
async function markServer(context: Context, manifest: Manifest, name: string): Promise<string | undefined> {
  const place = placeOf(context.layout, manifest.id);
  const running = await findPostmaster(place.pgdata);
  if (running?.ready !== true) return undefined;
  return asAdmin(doorOf(context, place, manifest, running), "postgres", async (sql) => {
    const { lsn } = await sql.one<{ lsn: string }>("select pg_create_restore_point($1)::text as lsn", [name]);
    return lsn;
  });
}

type Asked = { readonly connections: number; readonly databaseSizeBytes: number };

async function askServer(context: Context, manifest: Manifest): Promise<Asked | undefined> {
  const place = placeOf(context.layout, manifest.id);
  const running = await findPostmaster(place.pgdata);
  if (running === undefined) return undefined;
  return asAdmin(doorOf(context, place, manifest, running), manifest.databaseName, (sql) =>
    sql.one<Asked>(
      `select (select count(*) from pg_stat_activity where backend_type = 'client backend' and usename <> current_user)
          as connections, pg_database_size(current_database()) as "databaseSizeBytes"`,
    ),
  );
}
