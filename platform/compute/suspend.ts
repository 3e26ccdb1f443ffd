/**
 * Wake, freeze and sleep of one instance.
 *
 * 1. Wake does nothing that the server does not need in order to answer: what it finds written is not written again.
 * 2. Who decides that nobody uses it asks once more under the instance's lock, right before its processes stop.
 * 3. Neither loses a byte of the log: before its processes stand still what it wrote has gone to the archive, where there is one.
 *    (A server that is stopped sees to that by itself.)
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseId } from "../spec/index.ts";
import { spoolOf } from "./archive.ts";
import { instanceMissing, meantToBeStopped } from "./errors.ts";
import { flushLog } from "./flush-log.ts";
import { freezePostmaster, thawPostmaster } from "./frozen.ts";
import { shortenJournal } from "./journal.ts";
import { withLock } from "./lock.ts";
import { type Manifest, readManifest, writeAtomically } from "./manifest.ts";
import { type Place, placeOf } from "./paths.ts";
import { findPostmaster } from "./postmaster.ts";
import { translateFs } from "./programs.ts";
import { type Context, doorOf, findThawed, note, startServer, stopServer } from "./running.ts";
import type { Woken } from "./types.ts";
import { unitsHeld } from "./units.ts";

export const lockOf = (context: Context, id: string): string => `instance:${placeOf(context.layout, id).folder}`;

export async function wakeInstance(context: Context, id: DatabaseId): Promise<Woken> {
  const place = placeOf(context.layout, id);
  const began = performance.now();
  const manifest = await mustRun(context, id, place);
  const running = await findPostmaster(place.pgdata);
  const awake = (port: number): Woken => ({
    ...{ kind: "none", queuedMs: 0, startMs: 0, readyMs: 0 },
    socketPath: socketPathOf(place, port),
  });
  if (running?.ready === true && !running.frozen) return awake(running.port);
  return withLock(lockOf(context, id), async () => {
    const queuedMs = performance.now() - began;
    const wanted = queuedMs > settledMs ? await mustRun(context, id, place) : manifest;
    return bringBack(context, place, wanted, queuedMs).catch((thrown) => {
      throw translateFs(thrown, `waking ${id}`);
    });
  });
}

/** Who held the lock for longer may have changed what it should be. */
const settledMs = 2;

async function bringBack(context: Context, place: Place, manifest: Manifest, queuedMs: number): Promise<Woken> {
  const began = performance.now();
  const running = await findPostmaster(place.pgdata);
  if (running?.frozen === true && running.ready) {
    await findThawed(context, place, manifest);
    const startMs = performance.now() - began;
    return { kind: "thaw", queuedMs, startMs, readyMs: 0, socketPath: socketPathOf(place, running.port) };
  }
  let startMs = 0;
  const spawned = () => {
    startMs = performance.now() - began;
  };
  const { port, adopted } = await startServer(context, place, manifest, { spawned });
  const readyMs = performance.now() - began - startMs;
  return { kind: adopted ? "none" : "start", queuedMs, startMs, readyMs, socketPath: socketPathOf(place, port) };
}

const socketPathOf = (place: Place, port: number) => join(place.socketDir, `.s.PGSQL.${port}`);

async function mustRun({ layout }: Context, id: DatabaseId, place: Place): Promise<Manifest> {
  const manifest = await readManifest(place);
  if (manifest === undefined) throw instanceMissing(`there is no instance ${id} in ${layout.instances}`);
  if (manifest.intent !== "run") throw meantToBeStopped(id, manifest.intent);
  return manifest;
}

type Unless = () => boolean;

/** One with standbys goes to sleep at once: a primary that stands still is taken for dead by who follows it. */
export const freezeInstance = (context: Context, id: DatabaseId, unless: Unless): Promise<void> =>
  withLock(lockOf(context, id), async () => {
    const place = placeOf(context.layout, id);
    const manifest = await mustRun(context, id, place);
    if ((manifest.replicas ?? 0) > 0) return putToSleep(context, id, unless);
    const running = await findPostmaster(place.pgdata);
    if (running?.ready !== true || unless() || (await isHeld(context, place))) return;
    const archives = !running.frozen && spoolOf(place, manifest) !== null;
    if (archives) await flushLog(doorOf(context, place, manifest, running), place.pgdata);
    if (unless()) return;
    await freezePostmaster(running.pid).catch(async (thrown) => {
      await thawPostmaster(running.pid);
      throw thrown;
    });
    if (!running.frozen) await note(context, place, "frozen", await unitsHeld(context, place, manifest));
  });

export const sleepInstance = (context: Context, id: DatabaseId, unless: Unless): Promise<void> =>
  withLock(lockOf(context, id), () => putToSleep(context, id, unless));

async function putToSleep(context: Context, id: DatabaseId, unless: Unless): Promise<void> {
  const place = placeOf(context.layout, id);
  await mustRun(context, id, place);
  if ((await isHeld(context, place)) || unless()) return;
  await writeFile(place.asleep, "", { mode: 0o644 });
  await stopServer(context, place, id, "fast", "asleep").catch(async (thrown) => {
    await rm(place.asleep, { force: true });
    throw thrown;
  });
  await shortenJournal(place, context.now()).catch(() => undefined);
}

/** Under the lock: a suspend that has begun is over before the hold begins. */
export const holdInstance = (context: Context, id: DatabaseId, seconds: number): Promise<void> =>
  withLock(lockOf(context, id), async () => {
    const place = placeOf(context.layout, id);
    await mustRun(context, id, place);
    if (seconds <= 0) return rm(place.hold, { force: true });
    await writeAtomically(place.hold, new Date(context.now() + seconds * 1000).toISOString());
  });

/** One that is past, or that nobody can read, holds nothing. */
async function isHeld({ now }: Context, place: Place): Promise<boolean> {
  const until = await readFile(place.hold, "utf8").catch(() => "");
  return Date.parse(until) > now();
}
