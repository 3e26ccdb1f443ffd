/** The one order in which a platform ends: reconcilers, portals, forge, tenants' Postgres, ledger. Harmless when nothing runs. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { stopPgBouncer } from "../gateway/pool/index.ts";
import { makeLocalDriver } from "../platform/compute/index.ts";
import { Secret } from "../platform/core/index.ts";
import type { DataFolder } from "./data-folder.ts";
import { mainsAmong } from "./mains.ts";
import { endOrphans } from "./orphans.ts";
import { endByPidFile } from "./pid-file.ts";

/** For a driver that looks and stops: both go by pid files and signals, nobody logs in. */
export const noLogin = { derive: () => new Secret("") };

/** Mains by their pid files, then whatever carries the platform's mark. Returns the names of those that ran. */
export async function endMains(folder: DataFolder, graceMs: number): Promise<string[]> {
  const ended: string[] = [];
  const files = existsSync(folder.run) ? readdirSync(folder.run) : [];
  for (const name of mainsAmong(files))
    if (await endByPidFile(join(folder.run, `${name}.pid`), graceMs)) ended.push(name);
  await endOrphans(folder.root, 2_000);
  return ended;
}

/** Stops PgBouncer and the tenants' servers; the reconciler starts them again at the next `up`. Returns their ids. */
export async function endDatabases(folder: DataFolder, pgBin: string): Promise<string[]> {
  await stopPgBouncer(folder.root);
  const driver = await makeLocalDriver({ dataDir: folder.root, pgBin, vault: noLogin });
  const running = (await driver.list()).filter((instance) => instance.running);
  await Promise.all(running.map((instance) => driver.stop(instance.id, "fast")));
  return running.map((instance) => instance.id);
}
