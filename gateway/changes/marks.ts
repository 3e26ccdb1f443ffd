import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseId } from "../../platform/spec/index.ts";

/**
 * Which sleeping databases have messages left, and when the next is due: a file each, so that a gateway that begins anew knows whom to wake
 * and wakes nobody else. One that was awake with receivers has a mark for now, until it is known that nothing is left.
 */
export type Marks = {
  put(id: DatabaseId, atMs: number): Promise<void>;
  drop(id: DatabaseId): Promise<void>;
  /** Whether it has a mark for now. */
  isNow(id: DatabaseId): boolean;
  all(): Promise<readonly { readonly id: DatabaseId; readonly atMs: number }[]>;
};

export function makeMarks(dataDir: string): Marks {
  const folder = join(dataDir, "gateway", "changes");
  const known = new Map<DatabaseId, number>();
  return {
    async put(id, atMs) {
      if (known.get(id) === atMs) return;
      known.set(id, atMs);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const file = join(folder, id);
      await writeFile(`${file}.new`, String(atMs), { mode: 0o600 });
      await rename(`${file}.new`, file);
    },
    async drop(id) {
      known.delete(id);
      await rm(join(folder, id), { force: true });
    },
    isNow: (id) => known.get(id) === 0,
    async all() {
      const names = await readdir(folder).catch(() => []);
      const ids = names.filter((name) => !name.endsWith(".new")) as DatabaseId[];
      return Promise.all(
        ids.map(async (id) => ({ id, atMs: Number(await readFile(join(folder, id), "utf8").catch(() => "0")) || 0 })),
      );
    },
  };
}
