import { access } from "node:fs/promises";
import type { DatabaseId } from "../spec/index.ts";
import { looksWhole, type Manifest, readManifest } from "./manifest.ts";
import { placeOf } from "./paths.ts";
import { findPostmaster, type Postmaster } from "./postmaster.ts";
import type { Context } from "./running.ts";
import { socketPort } from "./settings.ts";
import type { InstanceObserved, InstancePhase } from "./types.ts";

/** What is there, from two files and the process table; undefined when there is no such instance. */
export async function observeInstance({ layout }: Context, id: DatabaseId): Promise<InstanceObserved | undefined> {
  const place = placeOf(layout, id);
  const manifest = await readManifest(place);
  if (manifest === undefined) return undefined;
  const [running, whole] = await Promise.all([findPostmaster(place.pgdata), looksWhole(place.pgdata)]);
  const asleep = running === undefined && manifest.intent === "run" && (await isThere(place.asleep));
  const { version, databaseName, ownerRole, units, storageBytes } = manifest;
  return {
    ...{ id, version, databaseName, ownerRole, units, storageBytes },
    phase: phaseOf({ manifest, running, whole, asleep }),
    running: running !== undefined,
    pid: running?.pid ?? null,
    host: place.socketDir,
    socketPort: running?.port ?? socketPort,
    dataDir: place.folder,
    startedAt: running?.startedAt ?? null,
    createdAt: new Date(manifest.createdAt),
    identity: manifest.identity ?? null,
    ...(manifest.origin?.kind === "upgrade" ? { formerIdentity: manifest.origin.identity } : {}),
  };
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

type Seen = {
  readonly manifest: Pick<Manifest, "intent">;
  readonly running: Pick<Postmaster, "ready" | "frozen"> | undefined;
  readonly whole: boolean;
  /** The mark of a sleeper. One that runs is awake, whatever mark a kill left beside it. */
  readonly asleep: boolean;
};

function phaseOf({ manifest: { intent }, running, whole, asleep }: Seen): InstancePhase {
  if (!whole) return "Damaged";
  if (intent === "paused") return "Paused";
  if (intent === "retired") return "Retired";
  if (running === undefined) return asleep ? "Asleep" : "Stopped";
  if (running.frozen) return "Frozen";
  return running.ready ? "Ready" : "Starting";
}
