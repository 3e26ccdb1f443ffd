/**
 * The schema as last read.
 *
 * 1. One read at a time; who asks for a reload while one runs gets one that began after the asking.
 * 2. A reload that fails leaves the last snapshot in place and throws.
 * 3. A stale snapshot is used while the next one is read; whatever is not found in it is looked for again in that (`refreshed`).
 */
import type { Lend, RestSettings } from "../types.ts";
import { buildSnapshot } from "./build.ts";
import { readCatalog } from "./catalog.ts";
import type { Snapshot } from "./types.ts";

export type SchemaCache = {
  /** The last one, or the first one. */
  current(): Promise<Snapshot>;
  peek(): Snapshot | undefined;
  reload(): Promise<Snapshot>;
  /** What was announced may not have been heard. */
  markStale(): void;
  /** A newer snapshot than `seen`, when there is reason to believe that there is one. */
  refreshed(seen: Snapshot): Promise<Snapshot | undefined>;
};

export function makeSchemaCache(
  lend: Lend,
  settings: RestSettings,
  onLoaded: (snapshot: Snapshot, durationMs: number) => void,
  monotonicMs: () => number,
): SchemaCache {
  let snapshot: Snapshot | undefined;
  let running: Promise<Snapshot> | undefined;
  let next: Promise<Snapshot> | undefined;
  let isStale = false;
  let version = 0;

  const load = async (): Promise<Snapshot> => {
    const begun = monotonicMs();
    isStale = false;
    try {
      const catalog = await lend((connection) => readCatalog(connection, settings.schemas));
      snapshot = buildSnapshot(catalog, settings, ++version);
    } catch (thrown) {
      isStale = true;
      throw thrown;
    }
    onLoaded(snapshot, monotonicMs() - begun);
    return snapshot;
  };

  const start = (): Promise<Snapshot> => {
    running = load().finally(() => {
      running = undefined;
    });
    return running;
  };

  const reload = (): Promise<Snapshot> => {
    if (running === undefined) return start();
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  };

  return {
    async current() {
      if (snapshot === undefined) return running ?? reload();
      if (isStale && running === undefined) start().catch(() => undefined); // who misses something waits for it, nobody else
      return snapshot;
    },
    peek: () => snapshot,
    reload,
    markStale: () => {
      isStale = true;
    },
    async refreshed(seen) {
      if (snapshot !== undefined && snapshot.version > seen.version) return snapshot;
      if (running !== undefined) return running;
      return isStale ? reload() : undefined;
    },
  };
}
