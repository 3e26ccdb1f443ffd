/**
 * The same in a second store.
 *
 * 1. What is copied is opened on the way: a damaged piece is never copied over, and is reported.
 * 2. The index is copied last, as it was when the pieces were listed: the second store alone is enough for what it names.
 * 3. Deleted there is what the first one's index has let go. A first store that was lost, or whose index does not open, deletes nothing.
 */
import { asNebulaError, type Vault } from "../core/index.ts";
import type { ObjectStore } from "../objects/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { type LineStore, lineStore } from "./catalog.ts";

export type CopyReport = {
  readonly copied: number;
  readonly deleted: number;
  /** Pieces that do not open in the first store, and were not copied. */
  readonly damaged: readonly string[];
};

type Parts = { readonly store: ObjectStore; readonly vault: Pick<Vault, "derive"> };

export async function copyBackups(parts: Parts, second: ObjectStore, id: DatabaseId): Promise<CopyReport> {
  const names = (await parts.store.list(`${id}/`)).map(({ key }) => key.split("/")[1] ?? "");
  const total = { copied: 0, deleted: 0, damaged: [] as string[] };
  for (const identity of new Set(names)) {
    const one = await copyLine(lineStore(parts, id, identity), second);
    total.copied += one.copied;
    total.deleted += one.deleted;
    total.damaged.push(...one.damaged);
  }
  return total;
}

async function copyLine(line: LineStore, second: ObjectStore): Promise<CopyReport> {
  const indexKey = line.nameOf("index.json");
  const index = await readRaw(line.store, indexKey);
  const named = await line.readIndex();
  const here = (await line.store.list(line.nameOf(""))).filter(({ key }) => key !== indexKey);
  const there = new Map((await second.list(line.nameOf(""))).map(({ key, sizeBytes }) => [key, sizeBytes]));
  const damaged: string[] = [];
  let copied = 0;
  for (const { key, sizeBytes } of here) {
    if (there.get(key) === sizeBytes) continue;
    const whole = await opens(line, key);
    if (!whole) damaged.push(key);
    else {
      await second.put(key, await line.store.get(key));
      copied += 1;
    }
  }
  if (index === undefined || named === undefined) return { copied, deleted: 0, damaged };
  if (damaged.length === 0) await second.put(indexKey, index);
  const known = new Set(here.map(({ key }) => key));
  const gone = [...there.keys()].filter((key) => key !== indexKey && !known.has(key) && !isNamed(named, line, key));
  if (damaged.length === 0) await second.delete(gone);
  return { copied, deleted: damaged.length === 0 ? gone.length : 0, damaged };
}

/** What the first store's index still counts on is never deleted in the second, whatever is missing in the first. */
function isNamed(
  index: NonNullable<Awaited<ReturnType<LineStore["readIndex"]>>>,
  line: LineStore,
  key: string,
): boolean {
  const part = key.slice(line.nameOf("").length);
  if (part.startsWith("base/"))
    return index.bases.some(({ label }) => part === `base/${label}.json` || part.startsWith(`base/${label}.`));
  if (!part.startsWith("wal/")) return true;
  const segment = part.slice("wal/".length);
  return index.first === null || segment >= index.first;
}

async function opens(line: LineStore, key: string): Promise<boolean> {
  try {
    for await (const _ of await line.get(key.slice(line.nameOf("").length)));
    return true;
  } catch (thrown) {
    if (asNebulaError(thrown).retry) throw thrown;
    return false;
  }
}

async function readRaw(store: ObjectStore, key: string): Promise<Buffer | undefined> {
  if ((await store.stat(key)) === undefined) return undefined;
  const parts: Buffer[] = [];
  for await (const part of await store.get(key)) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
