/**
 * Hands a recovering server the parts of its log as it asks for them, opened and unpacked, a few ahead of it: the server has neither
 * the key nor a way to the store, and the disk holds a few segments and not a week of them.
 *
 *     <site>/log/fetch       the restore command           <site>/log/names    what there is, a line each
 *     <site>/log/parts/      opened parts                  <site>/log/asked/   an empty file for each that was asked for
 *     <site>/log/broken      the next part cannot be had: recovery ends at once
 *
 * 1. What was not authenticated never lies in `parts`.
 * 2. A part that is not there ends the log, as Postgres understands it; a part that cannot be opened aborts the recovery.
 */
import { chmod, chown, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Programs } from "../compute/index.ts";
import type { LineStore } from "./catalog.ts";
import { toDamage } from "./chain.ts";
import { backupDamaged } from "./errors.ts";
import { isSegment, segmentBytes } from "./log-names.ts";
import { unsqueezeWhole } from "./squeeze.ts";

export type LogFeed = {
  readonly restoreCommand: string;
  /** What a part could not be had for. */
  fault(): unknown;
  close(): Promise<void>;
};

const ahead = 12;
/** A part is opened while another is written: a server replays as fast as one of them is made. */
const atOnce = 2;

/** A second name is as good as a copy, since a scratch server never writes into a part that it has read (`wal_recycle`). */
const script = (folder: string) => `#!/bin/sh
# Asked by a recovering server for the part $1 of its log, to be put at $2. More than 125 aborts the recovery.
cd '${folder.replaceAll("'", "'\\''")}' || exit 200
test -f "parts/$1" || grep -qxF "$1" names || exit 1
: > "asked/$1"
while ! test -f "parts/$1"; do
  test -f broken && exit 200
  sleep 0.01
done
ln "parts/$1" "$OLDPWD/$2" 2> /dev/null || exec cp "parts/$1" "$OLDPWD/$2"
`;

/** @param names what the store has, from the first that is needed; in order. */
export async function feedLog(
  line: LineStore,
  { names, site, programs }: { readonly names: readonly string[]; readonly site: string; readonly programs: Programs },
): Promise<LogFeed> {
  const folder = join(site, "log");
  const at = (name: string) => join(folder, name);
  const give = async (path: string, mode: number, toServer = false) => {
    if (programs.user !== null)
      await chown(path, toServer ? programs.user.uid : (process.getuid?.() ?? 0), programs.user.gid);
    await chmod(path, mode);
  };
  for (const [path, mode] of [
    [folder, 0o750],
    [at("parts"), 0o750],
    [at("asked"), 0o770],
  ] as const) {
    await mkdir(path);
    await give(path, mode);
  }
  await writeFile(at("names"), names.map((name) => `${name}\n`).join(""));
  await give(at("names"), 0o640);
  await writeFile(at("fetch"), script(folder));
  await give(at("fetch"), 0o750);

  const stop = new AbortController();
  let broken: unknown;
  const put = async (name: string) => {
    await writeFile(at(`.${name}`), await readPart(line, name));
    await give(at(`.${name}`), 0o600, true);
    await rename(at(`.${name}`), join(at("parts"), name));
  };
  let cleared = 0;
  /** Waits until the server is near enough to a part, and takes away what it went through. */
  const turnOf = async (i: number) => {
    while (!stop.signal.aborted) {
      const asked = new Set(await readdir(at("asked")));
      // a server looks at its checkpoint first, which may be parts later than where it begins: gone is what it went through
      const isPassed = (k: number) => [k, k + 1, k + 2].every((j) => asked.has(names[j] ?? ""));
      while (isPassed(cleared)) await rm(join(at("parts"), names[cleared++] ?? ""), { force: true });
      if (i <= names.findLastIndex((one) => asked.has(one)) + ahead) return;
      await sleep(10, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const queue = names.entries();
  const work = async () => {
    for (const [i, name] of queue) {
      await turnOf(i);
      if (stop.signal.aborted) return;
      await put(name);
    }
  };
  const running = Promise.all(Array.from({ length: atOnce }, work)).catch(async (thrown) => {
    broken = thrown;
    await writeFile(at("broken"), "").catch(() => undefined);
    await give(at("broken"), 0o640).catch(() => undefined);
  });
  return {
    restoreCommand: `'${at("fetch").replaceAll("'", "'\\''").replaceAll("%", "%%")}' %f %p`,
    fault: () => broken,
    async close() {
      stop.abort();
      await running;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** One part of a log, whole. @throws NEB416 */
export async function readPart(line: LineStore, name: string): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = await unsqueezeWhole(await line.readBytes(`wal/${name}`), segmentBytes);
  } catch (thrown) {
    throw toDamage(line.nameOf(`wal/${name}`), thrown);
  }
  if (isSegment(name) && bytes.length !== segmentBytes)
    throw backupDamaged(`${line.nameOf(`wal/${name}`)} has ${bytes.length} bytes instead of ${segmentBytes}`);
  return bytes;
}
