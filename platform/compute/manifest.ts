import { open, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { DatabaseId } from "../spec/index.ts";
import type { ConnectionLimits } from "./gate.ts";
import type { OriginNote } from "./origin.ts";
import { layoutOf, type Place, placeOf } from "./paths.ts";
import type { Shape } from "./settings.ts";
import type { Fullness } from "./storage.ts";
import type { Managed } from "./sync.ts";
import type { InstanceWanted } from "./types.ts";

/** `instance.json`: what the machine itself cannot tell. Holds no secret. */
export type Manifest = Shape & {
  readonly format: 1;
  readonly id: DatabaseId;
  readonly version: string;
  readonly databaseName: string;
  readonly ownerRole: string;
  readonly allowFrom: readonly string[];
  readonly storageBytes: number;
  readonly tags: Readonly<Record<string, string>>;
  /** Whether it should run. */
  readonly intent: "run" | "paused" | "retired";
  /** False until the first `ensure` succeeded: until then nobody was given it, and a failure takes it away again. */
  readonly settled: boolean;
  /** Roles and extensions that were declared; written before they are made, so that none is forgotten. */
  readonly managed: Managed;
  readonly createdAt: string;
  /** Names the data folder: the same text stands in it (`identity.ts`). Absent until a release that writes it has ensured it. */
  readonly identity?: string;
  /** The tag of the installation that it belongs to. */
  readonly owner?: string;
  /** Of the managed extensions, as they were when it was last ensured. */
  readonly extensionVersions?: Readonly<Record<string, string>>;
  /** Whether its log goes to the spool (`archive.ts`). */
  readonly archive?: boolean;
  /** What it was made of, when not of the template. */
  readonly origin?: OriginNote;
  /** For the gate. Absent until a release that writes them has ensured it. */
  readonly suspendAfterSeconds?: number;
  readonly limits?: ConnectionLimits;
  /** What it may shrink to while it runs; absent: it has `units` always. */
  readonly minUnits?: number;
  /** Absent: there is room, and it takes writes. */
  readonly full?: Fullness;
  /** Whether a commit waits for a standby. */
  readonly synchronous?: boolean;
};

export async function readManifest(place: Place): Promise<Manifest | undefined> {
  const text = await readFile(place.manifest, "utf8").catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === "ENOENT") return undefined;
    throw thrown;
  });
  return text === undefined ? undefined : (JSON.parse(text) as Manifest);
}

/** Whether an instance was retired: nobody is let in, nor to what lies beside it. */
export const isRetired = async (dataDir: string, id: DatabaseId): Promise<boolean> =>
  (await readManifest(placeOf(layoutOf(dataDir), id)))?.intent === "retired";

export const writeManifest = (place: Place, manifest: Manifest): Promise<void> =>
  writeAtomically(place.manifest, `${JSON.stringify(manifest, null, 2)}\n`);

/** The manifest after a wish, before it is carried out. */
export function manifestOf(
  wanted: InstanceWanted,
  before: Manifest | undefined,
  { now, owner, identity }: { readonly now: Date; readonly owner: string; readonly identity: string },
): Manifest {
  const { id, version, units, allowFrom, extensions, databaseName, ownerRole, storageBytes, tags } = wanted;
  const { suspendAfterSeconds, limits, archive = false, minUnits = units, replicas = 0, synchronous = false } = wanted;
  const union = (old: readonly string[] | undefined, add: readonly string[]) =>
    [...new Set([...(old ?? []), ...add])].sort();
  return {
    ...{ format: 1, id, version, units, allowFrom, extensions, databaseName, ownerRole, storageBytes, tags },
    intent: before?.intent === "paused" ? "paused" : "run",
    settled: before?.settled ?? false,
    managed: {
      roles: union(
        before?.managed.roles,
        wanted.roles.map(({ name }) => name),
      ),
      extensions: union(before?.managed.extensions, extensions),
    },
    createdAt: before?.createdAt ?? now.toISOString(),
    ...{ identity, owner, suspendAfterSeconds, limits },
    ...(minUnits < units ? { minUnits } : {}),
    ...(replicas > 0 ? { replicas } : {}),
    ...(replicas > 0 && synchronous ? { synchronous } : {}),
    ...(archive ? { archive } : {}),
    ...(before?.origin === undefined ? {} : { origin: before.origin }),
    ...(before?.full === undefined ? {} : { full: before.full }),
    ...(before?.extensionVersions === undefined ? {} : { extensionVersions: before.extensionVersions }),
  };
}

/** The manifest once everything is as wanted. */
export const settle = (
  manifest: Manifest,
  wanted: InstanceWanted,
  extensionVersions: Readonly<Record<string, string>>,
): Manifest => ({
  ...manifest,
  settled: true,
  extensionVersions,
  managed: { roles: wanted.roles.map(({ name }) => name).sort(), extensions: [...wanted.extensions].sort() },
});

/** Replaces a file whole or not at all, and only when it differs; whether it did. Readers see the old or the new text. */
export async function writeAtomically(path: string, text: string, mode = 0o644): Promise<void> {
  const fresh = `${path}.new`;
  await writeFile(fresh, text, { mode, flush: true });
  await rename(fresh, path);
  await syncFolder(dirname(path));
}

export async function writeIfDifferent(path: string, text: string): Promise<boolean> {
  if ((await readFile(path, "utf8").catch(() => undefined)) === text) return false;
  await writeAtomically(path, text);
  return true;
}

/** Makes renames in a folder survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether a cluster's essential files are there. */
export async function looksWhole(pgdata: string): Promise<boolean> {
  const found = await Promise.all(
    ["PG_VERSION", "global/pg_control"].map((name) =>
      stat(join(pgdata, name)).then(
        (at) => at.size > 0,
        () => false,
      ),
    ),
  );
  return found.every(Boolean);
}
