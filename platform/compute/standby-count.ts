/**
 * Which standbys commits wait for, and which of them may take their primary's place. The state's invariants (`standby-place.ts`) hold
 * at every step: a kill, a failover or a change of the declaration may come between any two.
 *
 * 1. Only one that was seen on the primary's timeline is waited for. One that went another way says "I have it" of places in the log
 *    at which it has other records, and Postgres would believe it.
 * 2. What was answered before commits began to wait counts too: `complete` is said when one of those that are waited for has all that
 *    was written until every process of the primary had heard of it.
 */

import type { Sql } from "../sql/index.ts";
import { standbyRole } from "./conf.ts";
import { instanceBusy } from "./errors.ts";
import { withLock } from "./lock.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import type { Place } from "./paths.ts";
import { findPostmaster, type Postmaster } from "./postmaster.ts";
import { type Context, reloadConf } from "./running.ts";
import { doorTo, standbysIn } from "./standby.ts";
import type { Link } from "./standby-look.ts";
import {
  readStandbyState,
  type StandbyPlace,
  type StandbyState,
  standbyName,
  writeStandbyState,
} from "./standby-place.ts";
import { lockOf } from "./suspend.ts";
import { asAdmin } from "./sync.ts";

/** A primary that serves, and who looks after its standbys. */
export type Round = {
  readonly context: Context;
  readonly place: Place;
  readonly manifest: Manifest;
  readonly running: Postmaster;
  readonly primary: Sql;
};

/** How long one that counts may be away before commits no longer wait for it. */
const graceMs = 10_000;

/** Sees that commits wait for those that follow. */
export async function count(round: Round, links: readonly Link[]): Promise<StandbyState> {
  const { context, place, manifest, running } = round;
  const before = await noteFollowers(round, links);
  const there = (await standbysIn(context, place, manifest.id)).map(({ number }) => number);
  const streams = (number: number) => before.follows.includes(number) && isStreaming(links, number);
  const nowMs = context.now();
  // what was noted before the primary slept says nothing of now
  const awaySince = (one: number) => Math.max(before.awaySinceMs[one] ?? nowMs, running.startedAt.getTime());
  const away: Record<string, number> = Object.fromEntries(
    union(there, before.waitsFor)
      .filter((one) => !streams(one))
      .map((one) => [one, awaySince(one)]),
  );
  const wanted = manifest.synchronous === true ? (manifest.replicas ?? 0) : 0;
  const joining = range(wanted).filter((one) => streams(one) && !before.waitsFor.includes(one));
  const staying = before.waitsFor.filter((one) => one <= wanted && nowMs - (away[one] ?? nowMs) < graceMs);
  const waitsFor = [...staying, ...joining].sort((a, b) => a - b);
  const state = await waitFor(round, before, { waitsFor, joining, away });
  const after = await settle(round, state);
  if (wanted > 0 && after.complete !== before.complete)
    context.observe({ kind: "standbys.counted", instance: manifest.id, complete: after.complete });
  return after;
}

const isStreaming = (links: readonly Link[], number: number): boolean =>
  links.some(({ name, streaming }) => streaming && name === standbyName(number));

/** Invariant 1. Asked of the standby itself: its primary does not say which timeline it sends. */
async function noteFollowers(round: Round, links: readonly Link[]): Promise<StandbyState> {
  const { context, place, manifest, primary } = round;
  const before = await readStandbyState(place);
  const unknown = (await standbysIn(context, place, manifest.id)).filter(
    ({ number }) => isStreaming(links, number) && !before.follows.includes(number),
  );
  if (unknown.length === 0) return before;
  const timeline = await readTimeline(primary);
  const found = await Promise.all(
    unknown.map(async (standby) =>
      (await readFollowed(context, manifest, standby).catch(() => undefined)) === timeline ? [standby.number] : [],
    ),
  );
  const follows = union(before.follows, found.flat());
  return follows.length === before.follows.length ? before : change(round, before, (save) => save({ follows }));
}

const readTimeline = async (primary: Sql): Promise<number> => {
  const { timeline } = await primary.one<{ timeline: number }>(
    `select case when pg_is_in_recovery() then (select timeline_id from pg_control_checkpoint())
       else ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int end as timeline`,
  );
  return timeline;
};

const readFollowed = (context: Context, manifest: Manifest, standby: StandbyPlace): Promise<number | undefined> =>
  asAdmin(doorTo(context, manifest, standby), "postgres", async (sql) => {
    const found = await sql.maybe<{ timeline: number }>(
      "select received_tli as timeline from pg_stat_wal_receiver where status = 'streaming'",
    );
    return found?.timeline;
  });

type Wish = {
  readonly waitsFor: readonly number[];
  readonly joining: readonly number[];
  readonly away: StandbyState["awaySinceMs"];
};

/** Has commits wait for these and no others. */
async function waitFor(round: Round, before: StandbyState, { waitsFor, joining, away }: Wish): Promise<StandbyState> {
  const { context, place, manifest, running, primary } = round;
  const isSame = before.applied && waitsFor.join() === before.waitsFor.join();
  if (isSame && JSON.stringify(away) === JSON.stringify(before.awaySinceMs)) return before;
  const state = await change(round, before, async (save) => {
    if (joining.length > 0) await save({ counted: union(before.counted, joining) });
    const exposed = waitsFor.length === 0 ? { complete: false } : {};
    await save({ waitsFor, applied: isSame, awaySinceMs: away, ...exposed });
    if (!isSame) await reloadConf(context, place, manifest, running);
  });
  if (isSame) return state;
  await mustBeHeard(primary);
  return change(round, state, (save) => save({ applied: true }));
}

/** Forgets who need not be asked any more, and says when who is asked has everything. */
async function settle(round: Round, state: StandbyState): Promise<StandbyState> {
  const { waitsFor, counted, complete } = state;
  if (waitsFor.length === 0)
    return counted.length === 0 ? state : change(round, state, (save) => save({ counted: [] }));
  const settled = complete && counted.every((one) => waitsFor.includes(one));
  if (settled || !(await isCovered(round.primary, waitsFor))) return state;
  return change(round, state, (save) => save({ counted: waitsFor, complete: true }));
}

type Save = (changes: Partial<StandbyState>) => Promise<void>;

/**
 * Changes the state under the instance's lock: whoever puts a standby in its primary's place, or changes what the primary is to be,
 * has that lock too. @throws NEB354 when somebody has, since it was read: what this round saw is of something else then.
 */
export const change = (
  { context, place, manifest, running }: Round,
  before: StandbyState,
  body: (save: Save) => Promise<void>,
): Promise<StandbyState> =>
  withLock(lockOf(context, manifest.id), async () => {
    let state = await readStandbyState(place);
    const isOurs =
      state.epoch === before.epoch &&
      state.exposures === before.exposures &&
      state.succeeds === null &&
      JSON.stringify(await readManifest(place)) === JSON.stringify(manifest) &&
      (await findPostmaster(place.pgdata))?.pid === running.pid;
    if (!isOurs) throw instanceBusy(`${manifest.id} has another server now, or is to be another`);
    await body(async (changes) => {
      state = { ...state, ...changes };
      await writeStandbyState(place, state);
    });
    return state;
  });

/**
 * Whether commits wait is what the checkpointer last told the backends, and it hears of new settings between two checkpoints only. One
 * that was asked for later is made with what it has heard.
 */
const mustBeHeard = (primary: Sql): Promise<unknown> =>
  primary.query("do $$ begin if not pg_is_in_recovery() then checkpoint; end if; end $$");

const range = (to: number): readonly number[] => Array.from({ length: to }, (_, i) => i + 1);
const union = (a: readonly number[], b: readonly number[]) => [...new Set([...a, ...b])].sort((x, y) => x - y);

/** Whether one of those that are waited for has all that was written until now. False: not yet, or that cannot be known. */
async function isCovered(primary: Sql, waitsFor: readonly number[]): Promise<boolean> {
  const names = waitsFor.map(standbyName);
  let written: string | undefined;
  for (const deadline = performance.now() + 2000; performance.now() < deadline; await pause(50)) {
    // a sender of the log that has not heard of the change may answer for a standby that is not waited for any more
    if (written === undefined && (await haveHeard(primary, names))) written = await readWritten(primary);
    if (written === undefined) continue;
    const { covered } = await primary.one<{ covered: boolean }>(
      "select coalesce(bool_or(flush_lsn >= $2::pg_lsn), false) as covered from pg_stat_replication where application_name = any($1)",
      [names, written],
    );
    if (covered) return true;
  }
  return false;
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const haveHeard = async (primary: Sql, names: readonly string[]): Promise<boolean> => {
  const { heard } = await primary.one<{ heard: boolean }>(
    `select coalesce(bool_and((sync_priority > 0) = (application_name = any($1))), true) as heard
     from pg_stat_replication where usename = $2 and application_name ~ '^nebula_s[0-9]+$'`,
    [names, standbyRole],
  );
  return heard;
};

const readWritten = async (primary: Sql): Promise<string> => {
  const { written } = await primary.one<{ written: string }>(
    "select (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end)::text as written",
  );
  return written;
};
