import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Ensured, InstanceObserved, InstanceWanted, MachineDriver } from "../compute/index.ts";
import type { Vault } from "../core/index.ts";
import type { ObjectStore } from "../objects/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import type { Sql } from "../sql/index.ts";
import { branchFrom } from "./branch.ts";
import { type Base, databasesIn, type Index, type Line, linesOf } from "./catalog.ts";
import { checkBackups, type Damage, verifyBackups } from "./check.ts";
import { type CopyReport, copyBackups } from "./copy.ts";
import { type Alive, type Expired, expireBackups } from "./expire.ts";
import { type ImportDumpInput, importDump } from "./import-dump.ts";
import { readPart } from "./log-feed.ts";
import { lookAt, previewRestore, type RestorePreview } from "./preview.ts";
import { type RehearsalInput, type Rehearsed, rehearseOn } from "./rehearse.ts";
import { findSource, restoreInPlace, restoreInto } from "./restore.ts";
import { type Shipped, shipWal, type Waiting, waitingIn } from "./ship.ts";
import { type TakeInput, takeBackup } from "./take.ts";
import { type Target, type Window, windowOf } from "./target.ts";
import { type UpgradeInput, upgradeDatabase } from "./upgrade.ts";

export type BackupsOptions = {
  readonly driver: MachineDriver;
  readonly store: ObjectStore;
  /** A second location. */
  readonly second?: ObjectStore;
  readonly vault: Pick<Vault, "derive">;
};

/** What is kept of one life of a database. */
export type LineView = Line &
  Pick<Index, "bases" | "coveredTo" | "last" | "logBytes" | "verified"> & {
    readonly window: Window | undefined;
    readonly storedBytes: number;
  };

export type Backups = {
  /** For people: where it is, without credentials. */
  readonly address: string;
  readonly second: string | null;
  /** Parts that wait in the spool, and whether the server runs; undefined when it archives nothing. Reads a folder. */
  waiting(id: DatabaseId): Promise<Waiting | undefined>;
  /** The log that waits in the spool of an instance. */
  ship(id: DatabaseId): Promise<Shipped>;
  take(id: DatabaseId, input: TakeInput): Promise<Base>;
  /** Another major version, tried on a copy first. @throws NEB425 when that fails */
  upgrade(wanted: Pick<InstanceWanted, "id" | "version">, input: UpgradeInput): Promise<void>;
  /** Oldest first. @throws NEB416 */
  lines(id: DatabaseId): Promise<readonly LineView[]>;
  /** Everything of which something is kept, also when it is gone. */
  databases(): Promise<readonly DatabaseId[]>;
  /** Whether a target can be restored, without doing it. @throws NEB414, NEB416, NEB420 */
  admit(id: DatabaseId, target: Target): Promise<{ readonly base: string }>;
  preview(id: DatabaseId, target: Target): Promise<RestorePreview>;
  /** Lends the database as it was, in a server for a moment that nobody else reaches; as its administrator. */
  look<T>(id: DatabaseId, target: Target, body: (sql: Sql) => Promise<T>): Promise<T>;
  restoreInto(wanted: InstanceWanted, from: { readonly of: DatabaseId; readonly target: Target }): Promise<Ensured>;
  restoreInPlace(id: DatabaseId, how: { readonly target: Target; readonly request: string }): Promise<InstanceObserved>;
  branch(wanted: InstanceWanted, from: { readonly of: DatabaseId; readonly at?: Date }): Promise<Ensured>;
  /** Lends a copy of a database, or an empty one, that nobody else reaches and that is thrown away. */
  rehearse<T>(input: RehearsalInput, body: Parameters<typeof rehearseOn<T>>[2]): Promise<Rehearsed<T>>;
  check(id: DatabaseId, how: { readonly deep: boolean }): Promise<readonly Damage[]>;
  verify(id: DatabaseId): Promise<Base>;
  expire(id: DatabaseId, alive: Alive | undefined): Promise<Expired>;
  /** To the second location; undefined where there is none. */
  copy(id: DatabaseId): Promise<CopyReport | undefined>;
  /** Lays the stored log of the newest folder out as Postgres's own files, for tools that read them. How many. */
  fetchLog(id: DatabaseId, folder: string): Promise<number>;
  importDump(input: ImportDumpInput): Promise<void>;
};

export function makeBackups({ driver, store, second, vault }: BackupsOptions): Backups {
  const ground = { machinery: driver.machinery, store, vault, driver };
  return {
    address: store.address,
    second: second?.address ?? null,
    waiting: (id) => waitingIn(ground, id),
    ship: (id) => shipWal(ground, id),
    async take(id, input) {
      const base = await takeBackup(ground, id, input);
      // what an upgrade has put aside is not needed once there is a backup of what it made
      const origin = (await driver.machinery.find(id))?.manifest.origin;
      if (origin?.kind === "upgrade") await driver.forget(id, origin.identity);
      return base;
    },
    upgrade: (wanted, input) => upgradeDatabase(ground, wanted, input),
    async lines(id) {
      const lines = await linesOf(ground, id);
      return Promise.all(
        lines.map(async ({ line, readIndex, nameOf }) => {
          const index = await readIndex();
          const { bases = [], coveredTo = null, last = null, logBytes = 0, verified = {} } = index ?? {};
          const listed = await store.list(nameOf(""));
          return {
            ...{ ...line, bases, coveredTo, last, logBytes, verified },
            window: index === undefined ? undefined : windowOf(index),
            storedBytes: listed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
          };
        }),
      );
    },
    databases: () => databasesIn(store),
    async admit(id, target) {
      const { base } = await findSource(ground, id, target);
      return { base: base.label };
    },
    preview: (id, target) => previewRestore(ground, id, target),
    look: (id, target, body) => lookAt(ground, { id, target }, body),
    restoreInto: (wanted, from) => restoreInto(ground, wanted, from),
    restoreInPlace: (id, how) => restoreInPlace(ground, id, how),
    branch: (wanted, from) => branchFrom(ground, wanted, from),
    rehearse: (input, body) => rehearseOn(ground, input, body),
    check: (id, how) => checkBackups(ground, id, how),
    verify: (id) => verifyBackups(ground, id),
    expire: (id, alive) => expireBackups(ground, id, alive),
    copy: async (id) => (second === undefined ? undefined : copyBackups(ground, second, id)),
    async fetchLog(id, folder) {
      const line = (await linesOf(ground, id)).at(-1);
      const names = (await line?.listLog()) ?? [];
      for (const name of names)
        if (line !== undefined) await writeFile(join(folder, name), await readPart(line, name), { mode: 0o644 });
      return names.length;
    },
    importDump: (input) => importDump(ground, input),
  };
}
