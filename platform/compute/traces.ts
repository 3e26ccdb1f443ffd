import { readdir, readlink } from "node:fs/promises";
import { join, relative } from "node:path";
import type { DatabaseId } from "../spec/index.ts";
import { finalCopiesIn } from "./final-copies.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { type Layout, placeOf } from "./paths.ts";
import { findPostmaster } from "./postmaster.ts";
import type { Trace } from "./types.ts";

/**
 * Everything in a data folder that is an instance or was left by one. Reads; touches nothing.
 *
 * 1. A folder is what its manifest says, not what its name says; one without a manifest says nothing.
 * 2. A server that works in a folder of ours and is in none of the places that a server belongs to is a trace of its own.
 */
export async function readTraces(layout: Layout, tag: string): Promise<readonly Trace[]> {
  const names = await readdir(layout.instances).catch(() => []);
  const folders = await Promise.all(names.map((name) => readFolder(layout, name, tag)));
  const copies = (await finalCopiesIn(layout)).map(
    ({ id, path }): Trace => ({ kind: "copy", id, path, owner: null, ours: true, pid: null }),
  );
  const known = new Set(folders.map(({ pid }) => pid));
  const servers = (await strayServers(layout)).filter(({ pid }) => !known.has(pid));
  return [...folders, ...copies, ...servers];
}

async function readFolder(layout: Layout, name: string, tag: string): Promise<Trace> {
  const place = placeOf(layout, name);
  const [manifest, running] = await Promise.all([
    readManifest(place).catch(() => undefined),
    findPostmaster(place.pgdata),
  ]);
  const owner = manifest?.owner ?? null;
  return {
    kind: name.startsWith(".") ? "draft" : "instance",
    id: idOf(name, manifest),
    path: place.folder,
    owner,
    ours: owner === null || owner === tag,
    pid: running?.pid ?? null,
  };
}

function idOf(name: string, manifest: Manifest | undefined): DatabaseId | null {
  if (manifest !== undefined) return manifest.id;
  return (/^\.new-(.+\..+\..+)-[0-9a-f]{8}-/.exec(name)?.[1] as DatabaseId | undefined) ?? null;
}

/** Postmasters whose folder is below the data folder but which no instance's folder named. */
async function strayServers(layout: Layout): Promise<readonly Trace[]> {
  if (process.platform !== "linux") return [];
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid): Promise<readonly Trace[]> => {
      const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
      if (folder === undefined || !isServerPlace(relative(layout.root, folder))) return [];
      const running = await findPostmaster(folder);
      if (running?.pid !== Number(pid)) return [];
      return [{ kind: "server", id: null, path: folder, owner: null, ours: true, pid: running.pid }];
    }),
  );
  return found.flat();
}

/** Where nobody keeps a server running: what was built, put aside or deleted while one ran. */
const isServerPlace = (path: string): boolean =>
  /^(building|instances|retired|spares|template)\//.test(join(path, "/")) && !isStandbyPlace.test(path);

const isStandbyPlace = /^instances\/[^./][^/]*\/standbys\/\d+\/pgdata$/;
