import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseId } from "../spec/index.ts";
import { instanceMissing, meantToBeStopped } from "./errors.ts";
import type { LocalDriver } from "./local-driver.ts";
import { socketPort } from "./settings.ts";
import type {
  FinalCopy,
  InstanceInside,
  InstanceMeasured,
  InstanceObserved,
  InstancePhase,
  InstanceWanted,
} from "./types.ts";

type Kept = {
  readonly id: DatabaseId;
  readonly intent: "run" | "paused" | "retired";
  readonly running: boolean;
  /** How it rests: frozen runs, asleep does not. */
  readonly rest?: "frozen" | "asleep" | null;
  readonly version: string;
  readonly units: number;
  readonly databaseName: string;
  readonly ownerRole: string;
  readonly storageBytes: number;
  readonly extensions: readonly string[];
  readonly allowFrom: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly roles: readonly Pick<InstanceWanted["roles"][number], "name" | "login" | "access">[];
  readonly createdAt: string;
  readonly removedAt: string | null;
};

/**
 * A compute driver that only keeps state: one small file an instance, shared by every process that names the folder; nothing
 * runs. It is what the control plane is measured and rehearsed with: every verb moves the phases as a real placement's does.
 */
export function makeStateDriver({
  dataDir,
  now = Date.now,
}: {
  readonly dataDir: string;
  readonly now?: () => number;
}): LocalDriver {
  const folder = join(dataDir, "state-instances");
  const fileOf = (id: DatabaseId) => join(folder, `${id}.json`);

  const read = async (id: DatabaseId): Promise<Kept | undefined> => {
    const text = await readFile(fileOf(id), "utf8").catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code === "ENOENT") return undefined;
      throw thrown;
    });
    return text === undefined ? undefined : (JSON.parse(text) as Kept);
  };
  const write = async (kept: Kept): Promise<Kept> => {
    await mkdir(folder, { recursive: true });
    const fresh = `${fileOf(kept.id)}.${process.pid}.new`;
    await writeFile(fresh, JSON.stringify(kept));
    await rename(fresh, fileOf(kept.id));
    return kept;
  };
  const live = async (id: DatabaseId): Promise<Kept | undefined> => {
    const kept = await read(id);
    return kept?.removedAt === null ? kept : undefined;
  };
  const change = async (id: DatabaseId, body: (kept: Kept) => Partial<Kept>): Promise<InstanceObserved> => {
    const kept = await live(id);
    if (kept === undefined) throw instanceMissing(`there is no instance ${id} in ${folder}`);
    return toObserved(await write({ ...kept, ...body(kept) }), folder);
  };
  const mustNotBeRetired = ({ id, intent }: Kept): void => {
    if (intent === "retired") throw meantToBeStopped(id, "retired");
  };
  const ids = async (): Promise<readonly DatabaseId[]> =>
    (await readdir(folder).catch(() => []))
      .filter((name) => name.endsWith(".json"))
      .map((name) => name.slice(0, -".json".length) as DatabaseId);
  const copies = async (id?: DatabaseId): Promise<readonly FinalCopy[]> => {
    const all = await Promise.all((id === undefined ? await ids() : [id]).map(read));
    return all.flatMap((kept) => (kept === undefined || kept.removedAt === null ? [] : [toCopy(kept, folder)]));
  };

  return {
    mustOffer: async () => undefined,
    async ensure(wanted) {
      const before = await live(wanted.id);
      const intent = before?.intent === "paused" ? "paused" : "run";
      const next = keptOf(wanted, { intent, createdAt: before?.createdAt ?? new Date(now()).toISOString() });
      const changed = before === undefined ? [] : differences(before, next);
      if (before === undefined || changed.length > 0) await write(next);
      return { ...toObserved(next, folder), created: before === undefined, changed, restarted: [] };
    },
    start: (id) =>
      change(id, (kept) => {
        if (kept.intent !== "run") throw meantToBeStopped(id, kept.intent);
        return { running: true, rest: null };
      }),
    async wake(id) {
      const before = await live(id);
      const { host } = await change(id, (kept) => {
        if (kept.intent !== "run") throw meantToBeStopped(id, kept.intent);
        return { running: true, rest: null };
      });
      const kind = before?.rest === "frozen" ? "thaw" : before?.running === true ? "none" : "start";
      return { kind, queuedMs: 0, startMs: 0, readyMs: 0, socketPath: join(host, `.s.PGSQL.${socketPort}`) };
    },
    hold: async () => undefined,
    journal: async () => [],
    freeze: (id, unless = () => false) =>
      change(id, (kept) => {
        if (kept.intent !== "run") throw meantToBeStopped(id, kept.intent);
        return kept.running && !unless() ? { rest: "frozen" } : {};
      }),
    sleep: (id, unless = () => false) =>
      change(id, (kept) => {
        if (kept.intent !== "run") throw meantToBeStopped(id, kept.intent);
        return unless() ? {} : { running: false, rest: "asleep" };
      }),
    async activity(id) {
      const kept = await live(id);
      if (kept === undefined || kept.intent !== "run" || !kept.running || kept.rest === "frozen") return undefined;
      const nobody = { clients: 0, busy: 0, longRunning: 0, idleMs: null };
      return { ...nobody, replication: 0, baseBackups: 0, maintenance: 0 };
    },
    used: async () => undefined,
    async load(id) {
      const kept = await live(id);
      if (kept === undefined || kept.intent !== "run" || !kept.running || kept.rest === "frozen") return undefined;
      const { units } = kept;
      const idle = { cpuMs: 0, throttled: 0, periods: 0, runnable: 0, memoryBytes: null };
      return { minUnits: units, maxUnits: units, units, enforced: false, held: false, ...idle };
    },
    resize: async () => undefined,
    answers: async (id) => (await live(id))?.running === true,
    standbys: async () => [],
    tendStandbys: async () => [],
    makeStandby: async () => undefined,
    depose: async () => undefined,
    stop: (id) => change(id, ({ running, rest = null }) => (running ? { running: false, rest: null } : { rest })),
    pause: (id) =>
      change(id, (kept) => {
        mustNotBeRetired(kept);
        return { intent: "paused", running: false, rest: null };
      }),
    resume: (id) =>
      change(id, (kept) => {
        mustNotBeRetired(kept);
        return { intent: "run", running: true, rest: null };
      }),
    retire: (id) => change(id, () => ({ intent: "retired", running: false, rest: null })),
    async remove(id) {
      const kept = await read(id);
      if (kept === undefined) return undefined;
      const removedAt = kept.removedAt ?? new Date(now()).toISOString();
      return toCopy(await write({ ...kept, running: false, removedAt }), folder);
    },
    async purge(id, removedBefore = new Date(8.64e15)) {
      const [copy] = await copies(id);
      if (copy === undefined || copy.removedAt >= removedBefore) return 0;
      await rm(fileOf(id), { force: true });
      return 1;
    },
    finalCopies: copies,
    async observe(id) {
      const kept = await live(id);
      return kept === undefined ? undefined : toObserved(kept, folder);
    },
    async measure(id): Promise<InstanceMeasured | undefined> {
      const kept = await live(id);
      if (kept === undefined) return undefined;
      return { ...toObserved(kept, folder), connections: 0, sizeBytes: 0, databaseSizeBytes: kept.running ? 0 : null };
    },
    async tendStorage(id) {
      const kept = await live(id);
      if (kept === undefined) return undefined;
      return { usedBytes: 0, limitBytes: kept.storageBytes, mode: "writable", writtenMs: 0 };
    },
    mark: async () => undefined,
    async list() {
      const all = await Promise.all((await ids()).map(live));
      return all.flatMap((kept) => (kept === undefined ? [] : [toObserved(kept, folder)]));
    },
    async facts(id) {
      const kept = await live(id);
      if (kept === undefined) return undefined;
      const { extensions, allowFrom, tags } = kept;
      const own = { owner: null, ours: true, folderIdentity: null, files: [] };
      return { ...toObserved(kept, folder), extensions, allowFrom, tags, ...own };
    },
    async inspect(id) {
      const kept = await live(id);
      return kept?.running === true && kept.rest !== "frozen" ? toInside(kept) : undefined;
    },
    async traces() {
      const all = await Promise.all((await ids()).map(read));
      return all.flatMap((kept) => {
        if (kept === undefined) return [];
        const { id, removedAt } = kept;
        const kind = removedAt === null ? ("instance" as const) : ("copy" as const);
        return [{ kind, id, path: fileOf(id), owner: null, ours: true, pid: null }];
      });
    },
    prepare: async () => undefined,
    keepGates: async () => undefined,
    rotateLogs: async () => undefined,
    close: async () => undefined,
  };
}

function keptOf(wanted: InstanceWanted, { intent, createdAt }: Pick<Kept, "intent" | "createdAt">): Kept {
  const { id, version, units, databaseName, ownerRole, storageBytes, extensions, allowFrom, tags, roles } = wanted;
  return {
    ...{ id, version, units, databaseName, ownerRole, storageBytes, extensions, allowFrom, tags },
    roles: roles.map(({ name, login, access }) => ({ name, login, access })),
    ...{ intent, createdAt, running: intent === "run", rest: null, removedAt: null },
  };
}

const differences = (before: Kept, next: Kept): string[] =>
  (Object.keys(next) as (keyof Kept)[]).filter((key) => JSON.stringify(before[key]) !== JSON.stringify(next[key]));

function phaseOf({ intent, running, rest = null }: Kept): InstancePhase {
  if (intent === "paused") return "Paused";
  if (intent === "retired") return "Retired";
  if (rest !== null) return rest === "frozen" ? "Frozen" : "Asleep";
  return running ? "Ready" : "Stopped";
}

function toObserved(kept: Kept, folder: string): InstanceObserved {
  const { id, running, version, databaseName, ownerRole, units, storageBytes, createdAt } = kept;
  return {
    ...{ id, running, socketPort, version, databaseName, ownerRole, units, storageBytes },
    phase: phaseOf(kept),
    pid: null,
    host: folder,
    dataDir: join(folder, id),
    startedAt: running ? new Date(createdAt) : null,
    createdAt: new Date(createdAt),
    identity: null,
  };
}

const toInside = ({ ownerRole, roles, extensions }: Kept): InstanceInside => ({
  ...{ owner: ownerRole, encoding: "UTF8", locale: "C.UTF-8", publicMayConnect: false, groupsFollowOwner: true },
  roles: [
    { name: ownerRole, login: true, attributes: [], groups: [], passwordValid: true },
    ...roles.map(({ name, login, access }) => ({
      ...{ name, login, attributes: [], groups: [`nebula_${access}`], passwordValid: login ? true : null },
    })),
    ...["nebula_read", "nebula_write"].map((name) => ({
      ...{ name, login: false, attributes: [], groups: [], passwordValid: null },
    })),
  ],
  extensions: extensions.map((name) => ({ name, version: "1", given: "1" })),
  settings: [],
});

const toCopy = ({ id, version, databaseName, removedAt }: Kept, folder: string): FinalCopy => ({
  ...{ id, version, databaseName, identity: null, path: join(folder, `${id}.json`), sizeBytes: 0 },
  removedAt: new Date(removedAt ?? 0),
});
