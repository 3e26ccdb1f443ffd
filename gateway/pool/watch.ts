/**
 * Which instances there are, and when one of their gates changes: told by the file system where it tells, and by a look at everything
 * now and then where it does not.
 */
import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import type { DatabaseId } from "../../platform/spec/index.ts";

export type GateWatch = {
  /** Watches exactly these from now on. */
  follow(ids: readonly DatabaseId[]): void;
  close(): void;
};

export type WatchOptions = {
  readonly instancesDir: string;
  /** The set of instances may have changed. */
  readonly onFolders: () => void;
  readonly onGate: (id: DatabaseId) => void;
  /** The look at everything. */
  readonly everyMs?: number;
};

export function watchGates(options: WatchOptions): GateWatch {
  const { instancesDir, onFolders, onGate, everyMs = 30_000 } = options;
  const watchers = new Map<DatabaseId, FSWatcher>();
  const open = (path: string, onChange: (name: string | null) => void): FSWatcher | undefined => {
    try {
      const watcher = watch(path, { persistent: false }, (_, name) => onChange(name));
      return watcher.on("error", () => watcher.close());
    } catch {
      return undefined; // gone already, or the system watches no more: the look at everything remains
    }
  };
  const drop = (id: DatabaseId | null) => {
    if (id === null) return;
    watchers.get(id)?.close();
    watchers.delete(id);
  };
  const folders = open(instancesDir, (name) => {
    if (name?.startsWith(".")) return;
    drop(name as DatabaseId | null); // what has this name now may be another folder than the one we watch
    onFolders();
  });
  const timer = setInterval(onFolders, everyMs);
  timer.unref();
  return {
    follow(ids) {
      const wanted = new Set(ids);
      for (const id of [...watchers.keys()]) if (!wanted.has(id)) drop(id);
      for (const id of wanted) {
        if (watchers.has(id)) continue;
        const watcher = open(join(instancesDir, id), (name) => {
          if (name === null || name === "gate.json") onGate(id);
        });
        if (watcher !== undefined) watchers.set(id, watcher);
      }
    },
    close() {
      clearInterval(timer);
      folders?.close();
      for (const watcher of watchers.values()) watcher.close();
    },
  };
}
