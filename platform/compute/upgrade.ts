/**
 * The data of an instance in another major version, in its place.
 *
 * 1. Its server stands still from the copy on: nothing is written that the new one has not.
 * 2. What was there before is put aside as a final copy, whole. Whatever fails before the new one answers brings the old one back.
 * 3. A kill leaves the old one or the new one; the copy that was being made is litter.
 */
import { randomUUID } from "node:crypto";
import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseId } from "../spec/index.ts";
import { clearSite } from "./cluster.ts";
import { instanceMissing } from "./errors.ts";
import { putAside } from "./final-copies.ts";
import { markIdentity } from "./identity.ts";
import { type Manifest, readManifest, syncFolder, writeManifest } from "./manifest.ts";
import { carryFiles, finishSwap, makingPrefix, swapPrefix } from "./origin.ts";
import { openFolder, type Place, placeOf } from "./paths.ts";
import { translateFs } from "./programs.ts";
import { type Context, startServer, stopServer } from "./running.ts";
import { closeToOthers, giveOwnUser } from "./server-user.ts";

export type Conversion = {
  readonly version: string;
  /** Puts the converted cluster there, synced; `stopped` is what it is made of, and stays as it is. */
  make(stopped: string, pgdata: string): Promise<void>;
};

/** The caller holds the instance's lock. */
export async function upgradeInstance(context: Context, id: DatabaseId, conversion: Conversion): Promise<void> {
  const { layout, users } = context;
  const place = placeOf(layout, id);
  await finishSwap(context, id, place);
  const before = await readManifest(place);
  if (before === undefined) throw instanceMissing(`there is no instance ${id} in ${layout.instances}`);
  if (before.version === conversion.version) return;
  await clearMaking(context, id);
  const draft = join(layout.instances, `${makingPrefix(id)}${randomUUID()}`);
  await stopServer(context, place, id, "fast");
  try {
    await openFolder(draft);
    const pgdata = join(draft, "pgdata");
    await conversion.make(place.pgdata, pgdata);
    await giveOwnUser({ layout, users }, pgdata);
    await closeToOthers({ users }, draft);
    const identity = await markIdentity(pgdata);
    const next = upgraded(before, { identity, version: conversion.version, at: new Date(context.now()) });
    await carryFiles(place.folder, draft);
    await writeManifest({ ...place, manifest: join(draft, "instance.json") }, next);
    await exchange(context, id, { place, draft, next });
  } catch (thrown) {
    await clearSite(draft);
    if (before.intent === "run") await startServer(context, place, before).catch(() => undefined);
    throw translateFs(thrown, `upgrading ${id}`);
  }
}

type Exchange = { readonly place: Place; readonly draft: string; readonly next: Manifest };

/** The name goes to the new one, and back when that does not start. */
async function exchange(context: Context, id: DatabaseId, { place, draft, next }: Exchange): Promise<void> {
  const { layout } = context;
  await rename(draft, join(layout.instances, `${swapPrefix(id)}${randomUUID()}`)); // from here on it is whole
  const aside = await putAside(layout, id, new Date(context.now()));
  await finishSwap(context, id, place);
  if (next.intent !== "run") return;
  try {
    await startServer(context, place, next);
  } catch (thrown) {
    await stopServer(context, place, id, "immediate");
    await rename(place.folder, draft);
    await rename(aside, place.folder);
    await syncFolder(layout.instances);
    throw thrown;
  }
}

type New = { readonly identity: string; readonly version: string; readonly at: Date };

const upgraded = (before: Manifest, { identity, version, at }: New): Manifest => ({
  ...before,
  ...{ identity, version },
  origin: { kind: "upgrade", of: before.id, identity: before.identity ?? "", at: at.toISOString() },
});

/** What an upgrade that was killed had begun to make. */
async function clearMaking({ layout }: Context, id: DatabaseId): Promise<void> {
  for (const name of await readdir(layout.instances))
    if (name.startsWith(makingPrefix(id))) await clearSite(join(layout.instances, name));
}
