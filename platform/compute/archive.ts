import { join } from "node:path";
import type { Manifest } from "./manifest.ts";
import { folderOf, openFolder, type Place } from "./paths.ts";
import { ownerOf } from "./server-user.ts";

/**
 * The way of an instance's write-ahead log out of it: Postgres puts finished parts into a spool beside its folder, another OS user
 * takes them from there (platform/backup). The spool bears the identity of the data folder: all instances are copies of one template,
 * so what a part of a log belongs to can be told by nothing in it.
 */
export const spoolOf = (place: Place, { archive, identity }: Pick<Manifest, "archive" | "identity">): string | null =>
  archive === true && identity !== undefined ? join(place.spool, identity) : null;

/**
 * Puts `%p` there whole, on the disk, under its time: the moment of its last write. What lies there already is kept when it is the
 * same (the server was killed before it could note that), and refused when it is not.
 */
export function archiveCommand(spool: string): string {
  const folder = shellQuoted(spool).replaceAll("%", "%%");
  const steps = [
    `f=${folder}/%f`,
    `cmp -s "%p" "$f" || { test ! -e "$f" && cp -p "%p" "$f.part" && sync "$f.part" && mv "$f.part" "$f" && sync ${folder}; }`,
  ];
  return steps.join("; ");
}

const shellQuoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The folder must be there before the server is. */
export async function prepareSpool(place: Place, manifest: Manifest): Promise<void> {
  const spool = spoolOf(place, manifest);
  if (spool === null) return;
  await openFolder(place.spool);
  await folderOf(await ownerOf(place.pgdata), spool);
}
