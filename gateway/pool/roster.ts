/**
 * The databases of the pooled endpoint: each gate that stands in the data folder has a door and a line in PgBouncer's files. Kept
 * up to date by the file system's word (`watch.ts`); changes that come together are one reload.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Gate, gatesIn, type OsUser, readGate } from "../../platform/compute/index.ts";
import { type Observe, reportFault } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { filesOf, type PooledDatabase, type PoolerSettings, renderHba, renderIni, renderUsers } from "./config.ts";
import type { Doors } from "./doors.ts";
import { doorFolder, writeShared } from "./files.ts";
import { isPlain, pooledName } from "./names.ts";
import type { PoolSecrets } from "./secrets.ts";
import { watchGates } from "./watch.ts";

/** PEM files; `sync` copies what stands in them. */
export type TlsFiles = { readonly cert: string; readonly key: string };

export type RosterDeps = {
  readonly dataDir: string;
  readonly user: OsUser | null;
  readonly settings: PoolerSettings;
  readonly tls: TlsFiles | undefined;
  readonly secrets: PoolSecrets;
  readonly doors: Doors;
  readonly reload: () => Promise<void>;
  readonly onGone: (id: DatabaseId) => void;
  readonly observe: Observe;
};

export type Roster = {
  /** Brings doors and files up to date; settles when PgBouncer, if it runs, has read them. */
  sync(): Promise<void>;
  idOf(name: string): DatabaseId | undefined;
  ids(): readonly DatabaseId[];
  close(): void;
};

const settleMs = 20;

export function makeRoster(deps: RosterDeps): Roster {
  const { dataDir, doors, observe } = deps;
  let byName: ReadonlyMap<string, DatabaseId> = new Map();
  let last: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  const syncNow = async () => {
    const ids = (await gatesIn(dataDir)).filter(isPlain);
    watch.follow(ids); // before they are read: a new folder gets its gate a moment later
    const gates = await readGates(dataDir, ids);
    const known = new Set(gates.map(({ id }) => id));
    for (const id of byName.values())
      if (!known.has(id)) {
        deps.onGone(id);
        await doors.remove(id);
      }
    const databases: PooledDatabase[] = [];
    for (const gate of gates)
      try {
        await doors.make(gate.id);
        databases.push({ gate, doorDir: doorFolder(dataDir, gate.id) });
      } catch (thrown) {
        reportFault(observe, "gateway.pool.door", thrown, gate.id);
      }
    byName = new Map(gates.map(({ id }) => [pooledName(id), id]));
    if (await writeFiles(deps, databases)) await deps.reload();
  };
  const sync = (): Promise<void> => {
    const next = last.catch(() => undefined).then(syncNow);
    last = next;
    return next;
  };
  const syncSoon = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      sync().catch((thrown) => reportFault(observe, "gateway.pool.roster", thrown));
    }, settleMs);
  };
  const watch = watchGates({
    instancesDir: join(dataDir, "instances"),
    onFolders: syncSoon,
    onGate: syncSoon,
  });
  return {
    sync,
    idOf: (name) => byName.get(name),
    ids: () => [...byName.values()],
    close() {
      clearTimeout(timer);
      watch.close();
    },
  };
}

/** A gate that cannot be read is left out: one bad file must not close the others' way. */
async function readGates(dataDir: string, ids: readonly DatabaseId[]): Promise<readonly Gate[]> {
  const found = await Promise.all(ids.map((id) => readGate(dataDir, id).catch(() => undefined)));
  return found.filter((gate) => gate !== undefined).sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Whether something is different now. */
async function writeFiles(
  { settings, secrets, user, tls }: RosterDeps,
  databases: readonly PooledDatabase[],
): Promise<boolean> {
  const files = filesOf(settings.folder);
  const written = [
    await writeShared(files.users, renderUsers(secrets, databases), user),
    await writeShared(files.hba, renderHba(databases), user),
    await writeShared(files.ini, renderIni(settings, databases), user),
  ];
  if (tls !== undefined) {
    written.push(await writeShared(files.key, await readFile(tls.key), user));
    written.push(await writeShared(files.certificate, await readFile(tls.cert), user));
  }
  return written.includes(true);
}
