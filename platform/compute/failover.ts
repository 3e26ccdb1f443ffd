/**
 * A primary that cannot be started any more, and the standby that takes its place.
 *
 * 1. Under the instance's lock, and only when no process of the old primary is left: what remains of them is ended first.
 * 2. Who may take its place has everything that a commit was answered for: all that count are asked, and the one that has most of the
 *    log is taken. One that counts and cannot be asked: nobody is taken, and the instance stays down.
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
import { type Manifest, syncFolder } from "./manifest.ts";
import type { Place } from "./paths.ts";
import { findPostmaster, killServer } from "./postmaster.ts";
import type { Context } from "./running.ts";
import { doorTo, fencedMark, isThere, makeMark, standbysIn, startStandby, stopStandby } from "./standby.ts";
import {
  readStandbyState,
  type StandbyPlace,
  type StandbyState,
  standbyPlace,
  standbysOf,
  writeStandbyState,
} from "./standby-place.ts";
import { asAdmin } from "./sync.ts";

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
 * @throws NEB462 when a standby that commits may have waited for cannot be asked.
 */
export async function succeed(context: Context, place: Place, manifest: Manifest, failure: unknown): Promise<boolean> {
  const { code, message } = asNebulaError(failure);
  if ((manifest.replicas ?? 0) === 0 || !beyondStarting.has(code)) return false;
  if ((await findPostmaster(place.pgdata)) !== undefined) return false; // it runs: slowly, but it is not dead
  await killServer(place);
  const state = await readStandbyState(place);
  const succeeds = await choose(context, place, manifest, { counted: state.counted, message });
  if (succeeds === undefined) return false;
  await writeStandbyState(place, { ...state, succeeds });
  failpoint("compute.succession-noted");
  await takeOver(context, place, manifest, { ...state, succeeds });
  return true;
}

type Why = Pick<StandbyState, "counted"> & { readonly message: string };

async function choose(context: Context, place: Place, manifest: Manifest, why: Why): Promise<number | undefined> {
  const { counted, message } = why;
  const there = await standbysIn(context, place, manifest.id);
  const asked = counted.length === 0 ? there : there.filter(({ number }) => counted.includes(number));
  const found = await Promise.all(
    asked.map((standby) => reachOf(context, place, manifest, standby).catch(() => undefined)),
  );
  const known = found.filter((one) => one !== undefined);
  const missing = counted.filter((number) => !known.some((one) => one.number === number));
  if (missing.length > 0)
    throw primaryLost(
      `${manifest.id}: its primary does not start (${message}), and standby ${missing.join(", ")}, for which commits may have waited, cannot be read`,
    );
  return known.sort(byReach)[0]?.number;
}

type Reach = { readonly number: number; readonly timeline: number; readonly position: bigint };

/** The furthest first. One that did not follow the last takeover is on an older timeline, however long its log is. */
const byReach = (a: Reach, b: Reach): number =>
  b.timeline - a.timeline || (a.position === b.position ? a.number - b.number : a.position < b.position ? 1 : -1);

/** Up to where it has the log, on its disk. One that was not running has all of it once it stands still. */
async function reachOf(context: Context, place: Place, manifest: Manifest, standby: StandbyPlace): Promise<Reach> {
  const ran = (await findPostmaster(standby.pgdata))?.ready === true;
  await startStandby(context, place, manifest, standby);
  const door = doorTo(context, manifest, standby);
  for (let last = await readReach(door), still = ran ? settled : 0; ; ) {
    if (still >= settled) return { number: standby.number, ...last };
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = await readReach(door);
    still = now.position === last.position ? still + 1 : 0;
    last = now;
  }
}

const settled = 4;

const readReach = (door: ReturnType<typeof doorTo>): Promise<Omit<Reach, "number">> =>
  asAdmin(door, "postgres", async (sql) => {
    const { position, timeline } = await sql.one<{ position: string; timeline: number }>(
      `select pg_wal_lsn_diff(greatest(coalesce(pg_last_wal_receive_lsn(), '0/0'), coalesce(pg_last_wal_replay_lsn(), '0/0')),
         '0/0')::text as position,
         greatest((select timeline_id from pg_control_checkpoint()),
           (select min_recovery_end_timeline from pg_control_recovery()))::int as timeline`,
    );
    return { position: BigInt(position), timeline };
  });

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
  const fresh = { waitsFor: [], counted: [], applied: true, succeeds: null, awaySinceMs: {} };
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
