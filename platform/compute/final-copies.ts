import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseId } from "../spec/index.ts";
import { type Manifest, readManifest, syncFolder } from "./manifest.ts";
import { closedFolder, type Layout, type Place, placeOf } from "./paths.ts";
import { measure } from "./template.ts";
import type { FinalCopy } from "./types.ts";

/**
 * Final copies: the folders of removed instances, kept until they are purged. The name says whose and since when
 * (`acme.shop.orders-20261121T115907123Z`), `instance.json` in it says what it was; putting one aside writes nothing, so it
 * works on a full disk.
 */
export async function putAside(layout: Layout, id: DatabaseId, now: Date): Promise<string> {
  const place = placeOf(layout, id);
  await closedFolder(layout.retired);
  const copy = join(layout.retired, `${id}-${now.toISOString().replaceAll(/[-:.]/g, "")}`);
  await rename(place.folder, copy);
  await Promise.all([syncFolder(layout.retired), syncFolder(layout.instances)]);
  await rename(place.log, join(copy, "log")).catch(() => undefined);
  await rm(`${place.log}.1`, { force: true });
  await rm(place.socketDir, { recursive: true, force: true });
  return copy;
}

const namePattern = /^(.+)-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z$/;

/** Newest first. */
export async function finalCopiesIn(layout: Layout, only?: DatabaseId): Promise<readonly FinalCopy[]> {
  const names = await readdir(layout.retired).catch(() => []);
  const copies = await Promise.all(
    names.flatMap((name) => {
      const [, id, year, month, day, hour, minute, second, ms] = namePattern.exec(name) ?? [];
      if (id === undefined || (only !== undefined && id !== only)) return [];
      const removedAt = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
      return [readCopy(layout, join(layout.retired, name), id as DatabaseId, removedAt)];
    }),
  );
  return copies.sort((a, b) => b.removedAt.getTime() - a.removedAt.getTime());
}

async function readCopy(layout: Layout, path: string, id: DatabaseId, removedAt: Date): Promise<FinalCopy> {
  const place: Place = { ...placeOf(layout, id), manifest: join(path, "instance.json") };
  const manifest: Manifest | undefined = await readManifest(place).catch(() => undefined);
  const { bytes } = await measure(path).catch(() => ({ bytes: 0 }));
  const { version = "", databaseName = "", identity = null } = manifest ?? {};
  return { id, path, removedAt, version, databaseName, identity, sizeBytes: bytes };
}

export async function purgeCopies(
  layout: Layout,
  id: DatabaseId,
  before: Date | undefined,
  only: (copy: FinalCopy) => boolean = () => true,
): Promise<number> {
  const old = (await finalCopiesIn(layout, id)).filter((copy) => before === undefined || copy.removedAt < before);
  const copies = old.filter(only);
  for (const { path } of copies) {
    const grave = join(layout.retired, `.purging-${path.slice(layout.retired.length + 1)}`);
    await rename(path, grave); // gone at once, also when the deletion is cut short
    await rm(grave, { recursive: true, force: true });
  }
  return copies.length;
}
