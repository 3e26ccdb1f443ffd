/**
 * A round after the standbys of one instance: those that ended are started, those that cannot follow any more are taken away, and
 * which of them a commit waits for is what streams. Making one takes as long as its data is large, and is a thing of its own.
 */

import { stat } from "node:fs/promises";
import { asNebulaError } from "../core/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import type { Sql } from "../sql/index.ts";
import { removeTree } from "./cluster.ts";
import { instanceBusy } from "./errors.ts";
import { standbyConf } from "./instance-conf.ts";
import { withLock } from "./lock.ts";
import { readManifest, writeIfDifferent } from "./manifest.ts";
import { type Place, placeOf } from "./paths.ts";
import { findPostmaster, reloadPostmaster } from "./postmaster.ts";
import { type Context, doorOf } from "./running.ts";
import { cloneStandby, isThere, removeStandby, standbysIn, startStandby } from "./standby.ts";
import { change, count, type Round } from "./standby-count.ts";
import { type Link, lookAt, readLinks } from "./standby-look.ts";
import { readStandbyState, type StandbyPlace, type StandbyState, standbyPlace, standbysOf } from "./standby-place.ts";
import { lockOf } from "./suspend.ts";
import { asAdmin } from "./sync.ts";
import type { StandbyObserved } from "./types.ts";
import { groupOf, rangeOf, unitsHeld } from "./units.ts";

/** One at a time. @throws NEB354 when somebody else is at it. */
export const tendStandbys = (context: Context, id: DatabaseId): Promise<readonly StandbyObserved[]> =>
  withPrimary(context, id, [], (round) => withLock(`standbys:${round.place.folder}`, () => tend(round), 100));

/** Copies the primary for a standby that is not there; nothing when it is. @throws NEB354 when somebody else does, NEB460 */
export const makeStandby = (context: Context, id: DatabaseId, number: number): Promise<void> =>
  withPrimary(context, id, undefined, async ({ place, manifest, primary }) => {
    const standby = standbyPlace(context.layout, place, id, number);
    const copy = async () => {
      if (number > (manifest.replicas ?? 0) || (await isThere(standby.folder))) return;
      await keepSlot(primary, standby);
      await cloneStandby(context, place, manifest, standby);
      context.observe({ kind: "standby.made", instance: id, standby: number });
    };
    return withLock(`standby:${standby.folder}`, copy, 100);
  });

/** As an instance with standbys is found that serves; nothing is done where it does not. */
async function withPrimary<T>(context: Context, id: DatabaseId, otherwise: T, body: (round: Round) => Promise<T>) {
  const place = placeOf(context.layout, id);
  const manifest = await readManifest(place);
  if (manifest?.intent !== "run" || (manifest.replicas ?? 0) === 0) return otherwise;
  const running = await findPostmaster(place.pgdata);
  if (running?.ready !== true || running.frozen) return otherwise;
  return asAdmin(doorOf(context, place, manifest, running), "postgres", (primary) =>
    body({ context, place, manifest, running, primary }),
  );
}

async function tend(round: Round): Promise<readonly StandbyObserved[]> {
  const { context, place, manifest, primary } = round;
  const wanted = manifest.replicas ?? 0;
  for (const standby of await standbysIn(context, place, manifest.id)) {
    if (standby.number <= wanted) await keepUp(round, standby);
    else if (!(await isCounted(place, standby))) await takeAway(round, standby);
  }
  const links = await readLinks(primary);
  const state = await count(round, links);
  await removeLost(round, state, links);
  await removeFenced(round, links);
  return lookAt(context, place, manifest, { links, state });
}

const isCounted = async (place: Place, { number }: StandbyPlace): Promise<boolean> =>
  (await readStandbyState(place)).counted.includes(number);

/** A slot that lost its log is of no use: the standby is made anew. */
async function keepSlot(primary: Sql, { name }: StandbyPlace): Promise<void> {
  await primary.query(
    "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and wal_status = 'lost' and not active",
    [name],
  );
  await primary.query(
    `select pg_create_physical_replication_slot($1, true)
     where not exists (select from pg_replication_slots where slot_name = $1)`,
    [name],
  );
}

/** So long the instance's lock is held for a start; one that takes longer comes up by itself. */
const startMs = 5_000;

/** Has its place in the primary's log (a new primary knows no places), runs, and is held to the units of its primary. */
async function keepUp(round: Round, standby: StandbyPlace): Promise<void> {
  const { context, place, manifest, primary } = round;
  await keepSlot(primary, standby);
  const found = await findPostmaster(standby.pgdata);
  if (found?.ready === true) {
    if (await writeIfDifferent(standby.conf, standbyConf(place, manifest, standby))) reloadPostmaster(found.pid);
    return holdToUnits(round, standby, found.pid);
  }
  if (found !== undefined) return; // it reads its own log first
  await withLock(lockOf(context, manifest.id), async () => {
    const now = await readManifest(place);
    if (now?.intent === "run" && (await findPostmaster(place.pgdata))?.ready === true)
      await startStandby(context, place, now, standby, startMs);
  }).catch((thrown) => {
    const { code, message } = asNebulaError(thrown);
    if (code !== instanceBusy.definition.code)
      context.observe({ kind: "fault", where: "standby.start", code, message });
  });
}

/** How long one that is there may do without its primary's log before another copy takes its place. */
const lostMs = 30_000;

/** Those that do not come back: they do not start, lost their place in the log, or went another way than the primary. */
async function removeLost(round: Round, seen: StandbyState, links: readonly Link[]): Promise<void> {
  const { context, place, manifest } = round;
  let state = seen;
  const lost = async ({ number, name, pgdata }: StandbyPlace): Promise<boolean> => {
    const since = state.awaySinceMs[number];
    if (since === undefined || context.now() - since < lostMs || state.counted.includes(number)) return false;
    // one that catches up, or still reads its own log, is only late; one that went another way stays connected, and gets nothing
    return (
      !links.some((link) => link.name === name && link.catchingUp) && (await findPostmaster(pgdata))?.ready !== false
    );
  };
  for (const standby of await standbysIn(context, place, manifest.id)) {
    if (!(await lost(standby))) continue;
    context.observe({ kind: "standby.lost", instance: manifest.id, standby: standby.number });
    await takeAway(round, standby);
    const follows = state.follows.filter((one) => one !== standby.number);
    state = await change(round, state, (save) =>
      save({ follows, awaySinceMs: without(state.awaySinceMs, standby.number) }),
    );
  }
}

const without = (times: StandbyState["awaySinceMs"], number: number): StandbyState["awaySinceMs"] =>
  Object.fromEntries(Object.entries(times).filter(([one]) => Number(one) !== number));

const fencedMs = 24 * 3_600_000;

/** The primary that was replaced: where commits waited it has nothing that nobody else has; else somebody may want to look. */
async function removeFenced({ context, place, manifest }: Round, links: readonly Link[]): Promise<void> {
  const { fenced } = standbysOf(place);
  const found = await stat(fenced).catch(() => undefined);
  if (found === undefined) return;
  const whole = links.filter(({ streaming }) => streaming).length >= (manifest.replicas ?? 0);
  const old = context.now() - found.ctimeMs > fencedMs;
  if (whole && (old || manifest.synchronous === true)) await removeTree(fenced);
}

/** Nobody chooses it for a primary meanwhile. */
const takeAway = ({ context, manifest, primary }: Round, standby: StandbyPlace): Promise<void> =>
  withLock(lockOf(context, manifest.id), () => removeStandby(context, standby, primary));

async function holdToUnits({ context, place, manifest }: Round, standby: StandbyPlace, pid: number): Promise<void> {
  const { groups } = context;
  if (!groups.enforces.cpu || (await groups.holds(groupOf(standby), pid))) return;
  const { maxUnits } = rangeOf(manifest);
  const size = { units: await unitsHeld(context, place, manifest), maxUnits };
  await groups.hold(groupOf(standby), pid, size).catch(() => undefined); // at the next round
}
