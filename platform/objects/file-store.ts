import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { objectMissing, storeUnavailable } from "./errors.ts";
import { mustBeKey, type ObjectInfo, type ObjectStore } from "./types.ts";

/** A folder that nobody but us may enter. Drafts lie beside their place, under names that `list` does not show. */
export function makeFileStore(folder: string): ObjectStore {
  const root = resolve(folder);
  const pathOf = (key: string) => {
    mustBeKey(key);
    return join(root, key);
  };
  const info = async (path: string): Promise<ObjectInfo | undefined> => {
    const found = await stat(path).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code === "ENOENT" || thrown.code === "ENOTDIR") return undefined;
      throw unusable(path, thrown);
    });
    return found?.isFile() ? { key: relative(root, path), sizeBytes: found.size } : undefined;
  };
  return {
    address: root,
    async put(key, body) {
      const path = pathOf(key);
      const draft = join(dirname(path), `${draftPrefix}${randomUUID()}`);
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        const source = Buffer.isBuffer(body) ? Readable.from([body]) : body;
        await pipeline(source, createWriteStream(draft, { mode: 0o600, flush: true }));
        const { size } = await stat(draft);
        await rename(draft, path);
        await syncFolder(dirname(path));
        return size;
      } catch (thrown) {
        await rm(draft, { force: true }).catch(() => undefined);
        throw unusable(path, thrown);
      }
    },
    async get(key) {
      const path = pathOf(key);
      if ((await info(path)) === undefined) throw objectMissing(`${path} is not there`, { fields: { key } });
      return createReadStream(path, { highWaterMark: 1024 * 1024 });
    },
    stat: (key) => info(pathOf(key)),
    async list(prefix) {
      const start = prefix.includes("/") ? join(root, dirname(`${prefix}x`)) : root;
      const entries = await readdir(start, { recursive: true, withFileTypes: true }).catch(missingIsEmpty);
      const paths = entries
        .filter((entry) => entry.isFile() && !entry.name.startsWith(draftPrefix))
        .map((entry) => join(entry.parentPath, entry.name))
        .filter((path) => relative(root, path).startsWith(prefix));
      const found = await Promise.all(paths.map(info));
      return found.filter((one) => one !== undefined).sort((a, b) => (a.key < b.key ? -1 : 1));
    },
    async delete(keys) {
      for (const key of keys) {
        const path = pathOf(key);
        await rm(path, { force: true }).catch((thrown) => {
          throw unusable(path, thrown);
        });
        // a folder that is empty now goes too; one that is not stays
        for (let at = dirname(path); at.startsWith(`${root}/`); at = dirname(at))
          if (!(await rmdir(at).then(yes, no))) break;
      }
    },
  };
}

const draftPrefix = ".draft-";
const yes = () => true;
const no = () => false;

const missingIsEmpty = (thrown: NodeJS.ErrnoException) => {
  if (thrown.code === "ENOENT") return [];
  throw unusable("the store", thrown);
};

const codeOf = (thrown: unknown) => (thrown as NodeJS.ErrnoException | undefined)?.code;

/** What the file system says becomes ours; what the body's own stream threw stays as it is. */
function unusable(path: string, thrown: unknown): unknown {
  const known = ["ENOSPC", "EDQUOT", "EACCES", "EPERM", "EROFS", "EIO", "ENOTDIR", "EISDIR", "EEXIST"];
  const code = codeOf(thrown);
  return code !== undefined && known.includes(code)
    ? storeUnavailable(`${path}: ${thrown instanceof Error ? thrown.message : code}`, { cause: thrown })
    : thrown;
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
