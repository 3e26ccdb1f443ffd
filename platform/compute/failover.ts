/**
 * A primary that cannot be started any more, and the standby that takes its place.
 *
 * 1. Under the instance's lock, and only when no process of the old primary is left: what remains of them is ended first.
 * 2. Who may take its place has everything that a commit was answered for: all that count are asked, and the one that has most of the
 *    log is taken. One that counts and cannot be asked, or commits that were answered while nobody counted: nobody is taken, and the
 *    instance stays down. Where commits do not wait one is taken that was seen to follow this very primary: who went another way at
 *    an earlier takeover cannot become a primary.
 * 3. Only one that was seen to serve is taken: what keeps every server from starting does not use up one standby after the other.
 * 4. The fence is the path: a primary is what lies in the one folder that primaries are started from. The old one is marked and moved
 *    out of it before another one is moved in, and a marked folder is never started, wherever somebody puts it.
 * 5. Which one it is stands in a file before anything is moved: whoever comes after a kill goes on with it.
 */
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { asNebulaError, failpoint } from "../core/index.ts";
import { removeTree } from "./cluster.ts";
import { instanceDamaged, primaryLost, startFailed } from "./errors.ts";
import { looksWhole, type Manifest, syncFolder } from "./manifest.ts";
import type { Place } from "./paths.ts";
import { findPostmaster, killServer } from "./postmaster.ts";
import type { Context } from "./running.ts";
import { fencedMark, isThere, makeMark, standbysIn, startStandby, stopStandby } from "./standby.ts";
import {
  readStandbyState,
  type StandbyPlace,
  type StandbyState,
  standbyPlace,
  standbysOf,
  writeStandbyState,
} from "./standby-place.ts";
import { type Reach, settledReach } from "./standby-reach.ts";

/** Before every start: what somebody had begun is finished. */
export async function finishTakeover(context: Context, place: Place, manifest: Manifest): Promise<void> {
  if ((manifest.replicas ?? 0) === 0) return;
  const state = await readStandbyState(place);
  if (state.succeeds !== null) await takeOver(context, place, manifest, { ...state, succeeds: state.succeeds });
}

/** What says that this folder will not serve, however often it is started. */
const beyondStarting: ReadonlySet<string> = new Set(
  [startFailed, instanceDamaged].map(({ definition }) => definition.code),
);

/**
 * After a start that failed: whether a standby has its place now, and may be started instead.
 * @throws NEB462 when rows that were answered for could be missing in it.
 */
export async function succeed(context: Context, place: Place, manifest: Manifest, failure: unknown): Promise<boolean> {
  const { code, message } = asNebulaError(failure);
  if ((manifest.replicas ?? 0) === 0 || !beyondStarting.has(code)) return false;
  if ((await findPostmaster(place.pgdata)) !== undefined) return false; // it runs: slowly, but it is not dead
  await killServer(place);
  const state = await readStandbyState(place);
  const succeeds = await choose(context, place, manifest, { state, message });
  if (succeeds === undefined) return false;
  await writeStandbyState(place, { ...state, succeeds });
  failpoint("compute.succession-noted");
  await takeOver(context, place, manifest, { ...state, succeeds });
  return true;
}

async function choose(
  context: Context,
  place: Place,
  manifest: Manifest,
  { state, message }: { readonly state: StandbyState; readonly message: string },
): Promise<number | undefined> {
  const { counted, follows, complete } = state;
  const there = await standbysIn(context, place, manifest.id);
  const refused = (why: string) => primaryLost(`${manifest.id}: its primary does not start (${message}), and ${why}`);
  if (manifest.synchronous === true && !complete && there.length > 0)
    throw refused("commits were answered that no standby may have: none was waited for");
  const asked = there.filter(({ number }) => (counted.length > 0 ? counted : follows).includes(number));
  const found = await Promise.all(
    asked.map((standby) => reachOf(context, place, manifest, standby).catch(() => undefined)),
  );
  const known = found.filter((one) => one !== undefined);
  const missing = counted.filter((number) => !known.some((one) => one.number === number));
  if (missing.length > 0)
    throw refused(`standby ${missing.join(", ")}, for which commits may have waited, cannot be read`);
  return known.sort(byReach)[0]?.number;
}

type Candidate = Reach & { readonly number: number };

/** The furthest first. They are all on one timeline: each was seen on that of this primary. */
const byReach = (a: Candidate, b: Candidate): number =>
  a.onDisk === b.onDisk ? a.number - b.number : a.onDisk < b.onDisk ? 1 : -1;

/** A query at a standby may hold up what it replays for half of that. */
const settleMs = 60_000;

async function reachOf(
  context: Context,
  place: Place,
  manifest: Manifest,
  standby: StandbyPlace,
): Promise<Candidate | undefined> {
  if (!(await looksWhole(standby.pgdata))) return undefined; // it may run on without, and would never start again
  await startStandby(context, place, manifest, standby);
  const reach = await settledReach(context, manifest, standby, settleMs);
  return reach === undefined ? undefined : { ...reach, number: standby.number };
}

/** Invariants 1, 4 and 5. What is done already is not done again. */
async function takeOver(
  context: Context,
  place: Place,
  manifest: Manifest,
  state: StandbyState & { readonly succeeds: number },
): Promise<void> {
  const began = performance.now();
  const standby = standbyPlace(context.layout, place, manifest.id, state.succeeds);
  const { fenced } = standbysOf(place);
  if (await isThere(standby.pgdata)) {
    await killServer(place);
    await stopStandby(context, standby);
    if (await isThere(place.pgdata)) {
      await makeMark(place.pgdata, fencedMark);
      failpoint("compute.primary-fenced");
      await removeTree(fenced);
      await rename(place.pgdata, fenced);
    }
    failpoint("compute.primary-moved");
    await archiveAgain(standby.pgdata);
    await rename(standby.pgdata, place.pgdata);
    await syncFolder(place.folder);
    failpoint("compute.standby-moved");
  }
  await rm(standby.folder, { recursive: true, force: true });
  // it reads the rest of its own log, begins a timeline of its own, and is a primary
  await rename(join(place.pgdata, "standby.signal"), join(place.pgdata, "recovery.signal")).catch(
    (thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== "ENOENT") throw thrown;
    },
  );
  await syncFolder(place.pgdata);
  failpoint("compute.standby-promoted");
  const fresh = {
    waitsFor: [],
    counted: [],
    complete: false,
    follows: [],
    applied: true,
    succeeds: null,
    awaySinceMs: {},
  };
  await writeStandbyState(place, { ...state, ...fresh, epoch: state.epoch + 1 });
  const durationMs = performance.now() - began;
  context.observe({ kind: "instance.failed_over", instance: manifest.id, standby: state.succeeds, durationMs });
}

/**
 * A standby takes for archived what its primary had finished. Whether the primary came to that nobody knows: all that is here goes to
 * the archive once more, which takes the same part twice.
 */
async function archiveAgain(pgdata: string): Promise<void> {
  const folder = join(pgdata, "pg_wal", "archive_status");
  for (const name of await readdir(folder).catch(() => []))
    if (name.endsWith(".done")) await rename(join(folder, name), join(folder, name.replace(/done$/, "ready")));
}
