/**
 * An instance that is made of something else than the template, and one whose data is replaced: by a restore or as a branch.
 *
 * 1. What it is made of is whole before it has the instance's name: it appears by rename, or not at all.
 * 2. What was there before is put aside as a final copy, never overwritten.
 * 3. Its folder gets an identity of its own: what the log of its source says later is not about it.
 */
import { randomUUID } from "node:crypto";
import { copyFile, lstat, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { DatabaseId } from "../spec/index.ts";
import { clearSite } from "./cluster.ts";
import { badInstance, instanceMissing } from "./errors.ts";
import { putAside } from "./final-copies.ts";
import { markIdentity } from "./identity.ts";
import { type Manifest, readManifest, syncFolder, writeManifest } from "./manifest.ts";
import { openFolder, type Place, placeOf } from "./paths.ts";
import { translateFs } from "./programs.ts";
import { type Context, startServer, stopServer } from "./running.ts";
import { closeToOthers, giveOwnUser } from "./server-user.ts";
import { removeStandbys } from "./standby.ts";
import type { Managed } from "./sync.ts";

/** Kept in the manifest. */
export type OriginNote = {
  readonly kind: "restore" | "branch" | "upgrade";
  readonly of: DatabaseId;
  /** Of the folder that it was made of. */
  readonly identity: string;
  /** The moment whose data it has. */
  readonly at: string;
  /** Who asked: the same moment may be asked for twice. */
  readonly request?: string;
};

export type Origin = {
  readonly note: OriginNote;
  /** Declared roles and extensions that are in it: those that are not wanted any more go. */
  readonly managed: Managed;
  /**
   * Puts a cluster there: stopped, synced, the administrator with this instance's password, the database and its owner with the
   * names of this instance. Nothing is there before; what a failure leaves is cleared.
   */
  make(pgdata: string): Promise<void>;
};

/** @throws NEB353 when the instance is there and was made of something else. */
export function mustBeMadeOf(id: string, before: Manifest | undefined, origin: Origin | undefined): void {
  if (before === undefined || origin === undefined || isDeepStrictEqual(before.origin, origin.note)) return;
  throw badInstance(`${id} is there already, and was not made of ${origin.note.of} as it was at ${origin.note.at}`, {
    hint: "Restore or branch into a database that is not there yet, or restore in place.",
  });
}

export const manifestWithOrigin = (manifest: Manifest, { note, managed }: Origin): Manifest => ({
  ...manifest,
  origin: note,
  managed: {
    roles: [...new Set([...manifest.managed.roles, ...managed.roles])].sort(),
    extensions: [...new Set([...manifest.managed.extensions, ...managed.extensions])].sort(),
  },
});

/**
 * Replaces the data of an instance; it runs again afterwards when it is meant to. What is new is made while the old one serves, and
 * takes its place under the lock. Between two renames the name belongs to nobody: whoever repeats this after a kill there finds the
 * new folder whole, and gives it the name.
 */
export async function replaceData(
  context: Context,
  id: DatabaseId,
  origin: Origin,
  locked: <T>(body: () => Promise<T>) => Promise<T>,
): Promise<void> {
  const place = placeOf(context.layout, id);
  await locked(() => finishSwap(context, id, place));
  const manifest = await mustBeThere(context, id, place);
  if (!isDeepStrictEqual(manifest.origin, origin.note)) await swapIn(context, id, { place, origin, locked });
  await locked(async () => {
    const now = await mustBeThere(context, id, place);
    if (now.intent === "run") await startServer(context, place, now);
  });
}

type Swap = {
  readonly place: Place;
  readonly origin: Origin;
  readonly locked: <T>(body: () => Promise<T>) => Promise<T>;
};

async function swapIn(context: Context, id: DatabaseId, { place, origin, locked }: Swap): Promise<void> {
  const { layout, users } = context;
  const draft = join(layout.instances, `${makingPrefix(id)}${randomUUID()}`);
  try {
    await openFolder(draft);
    await origin.make(join(draft, "pgdata"));
    await giveOwnUser({ layout, users }, join(draft, "pgdata"));
    await closeToOthers({ users }, draft);
    const identity = await markIdentity(join(draft, "pgdata"));
    await locked(async () => {
      const next = { ...manifestWithOrigin(await mustBeThere(context, id, place), origin), identity };
      await stopServer(context, place, id, "fast");
      await removeStandbys(place); // of the data that is put aside; others are made of the new
      await carryFiles(place.folder, draft);
      await writeManifest({ ...place, manifest: join(draft, "instance.json") }, next);
      await rename(draft, join(layout.instances, `${swapPrefix(id)}${randomUUID()}`)); // from here on it is whole
      await putAside(layout, id, new Date(context.now()));
      await finishSwap(context, id, place);
    });
  } catch (thrown) {
    await clearSite(draft);
    throw translateFs(thrown, `replacing the data of ${id}`);
  }
}

export const swapPrefix = (id: string) => `.swap-${id}-`;
export const makingPrefix = (id: string) => `.making-${id}-`;

async function mustBeThere({ layout }: Context, id: DatabaseId, place: Place): Promise<Manifest> {
  const manifest = await readManifest(place);
  if (manifest === undefined) throw instanceMissing(`there is no instance ${id} in ${layout.instances}`);
  return manifest;
}

/** What belongs to the name and not to the data: who may come in, when it was awake. */
export async function carryFiles(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true }))
    if (entry.isFile() && entry.name !== "asleep") await copyFile(join(from, entry.name), join(to, entry.name));
}

export async function finishSwap({ layout }: Pick<Context, "layout">, id: DatabaseId, place: Place): Promise<void> {
  const names = (await readdir(layout.instances).catch(() => [])).filter((name) => name.startsWith(swapPrefix(id)));
  const there = (await lstat(place.folder).catch(() => undefined)) !== undefined;
  for (const name of names) {
    // beside a folder that has the name, it is the rest of a replacement that did not come to the end
    if (there) await clearSite(join(layout.instances, name));
    else await rename(join(layout.instances, name), place.folder);
  }
  if (names.length > 0) await syncFolder(layout.instances);
}
