import pLimit from "p-limit";
import { type InstanceRunner, instanceBusy } from "../../platform/compute/index.ts";
import {
  asNebulaError,
  type Clock,
  ignoreObservations,
  makeRepeat,
  type Observe,
  reportFault,
  systemClock,
} from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { decide, type Pace, type Sample, standingAt, usualPace } from "./decide.ts";
import { isBusy, makeSlot, rateOf, type Slot } from "./slot.ts";

export type Scaler = {
  start(): void;
  /** What each database that is awake has, and uses; of those that the machine holds to their units. */
  sizes(): ReadonlyMap<DatabaseId, { readonly units: number; readonly cpuUnits: number }>;
  /** Changes nothing from then on. */
  close(): Promise<void>;
};

export type ScalerOptions = {
  readonly runner: Pick<InstanceRunner, "activity" | "used" | "load" | "resize">;
  /** Those that are awake now. */
  readonly awake: () => readonly DatabaseId[];
  readonly observe?: Observe;
  readonly clock?: Clock;
  readonly pace?: Partial<Pace & Rhythm>;
};

/** How often what is asked. The counters of the machine cost next to nothing, the server itself most. */
type Rhythm = {
  readonly everyMs: number;
  /** How long an idle one may go without a close look. */
  readonly lookEveryMs: number;
  readonly askEveryMs: number;
};

const usualRhythm: Rhythm = { everyMs: 1000, lookEveryMs: 10_000, askEveryMs: 5000 };
const looksAtOnce = 8;

export function makeScaler(options: ScalerOptions): Scaler {
  const { runner, awake, observe = ignoreObservations, clock = systemClock } = options;
  const pace = { ...usualPace, ...usualRhythm, ...options.pace };
  const slots = new Map<DatabaseId, Slot>();

  const resize = async (slot: Slot, to: number, reason: string | null): Promise<void> => {
    const from = slot.standing.units;
    await runner.resize(slot.id, to);
    if (reason === null) return;
    observe({ kind: "instance.scaled", instance: slot.id, from, to, reason });
  };

  /** Reads all that can be read of it; false when there is nothing to size. */
  const look = async (slot: Slot, nowMs: number): Promise<boolean> => {
    const load = await runner.load(slot.id);
    if (load === undefined) return false;
    if (!load.enforced) void rounds.close(); // nothing ever will be here
    if (!load.enforced) return false;
    slot.lookedMs = nowMs;
    slot.load = load;
    if (slot.standing.units !== load.units) slot.standing = standingAt(load.units);
    if (!load.held) await resize(slot, load.units, null);
    return true;
  };

  const ask = async (slot: Slot, nowMs: number): Promise<Pick<Sample, "clients" | "longRunning">> => {
    if (nowMs - slot.askedMs < pace.askEveryMs) return { clients: null, longRunning: null };
    slot.askedMs = nowMs;
    const { clients = null, longRunning = null } = (await runner.activity(slot.id).catch(() => undefined)) ?? {};
    return { clients, longRunning };
  };

  const tend = async (slot: Slot): Promise<void> => {
    const nowMs = clock.monotonicMs();
    const due = slot.load === undefined || nowMs - slot.lookedMs >= pace.lookEveryMs;
    const use = due ? undefined : await runner.used(slot.id);
    const busy = use !== undefined && isBusy(slot, rateOf(slot, use, nowMs));
    const closely = due || busy || use === undefined;
    if (closely && !(await look(slot, nowMs))) return void slots.delete(slot.id);
    const { load } = slot;
    const counters = closely ? load : use;
    if (load === undefined || counters === undefined) return;
    const rate = rateOf(slot, counters, nowMs);
    slot.last = { ...counters, atMs: nowMs };
    slot.cpuUnits = rate.cpuUnits;
    const asked = busy ? await ask(slot, nowMs) : { clients: null, longRunning: null };
    const seen = closely ? { runnable: load.runnable, memoryBytes: load.memoryBytes } : unseen;
    const { next, reason } = decide(slot.standing, { atMs: nowMs, ...rate, ...seen, ...asked }, load, pace);
    if (next.units !== slot.standing.units) await resize(slot, next.units, reason);
    slot.standing = next;
  };

  const round = async (): Promise<void> => {
    const ids = awake();
    const present = new Set(ids);
    for (const id of slots.keys()) if (!present.has(id)) slots.delete(id);
    const limit = pLimit(looksAtOnce);
    await Promise.all(ids.map((id) => limit(() => visit(id))));
  };

  const visit = async (id: DatabaseId): Promise<void> => {
    if (rounds.signal.aborted) return;
    const slot = slots.get(id) ?? makeSlot(id);
    slots.set(id, slot);
    await tend(slot).catch((thrown) => {
      if (asNebulaError(thrown).code === instanceBusy.definition.code) return; // at the next look
      reportFault(observe, "scaler", thrown, id);
    });
  };

  const rounds = makeRepeat({ clock, everyMs: pace.everyMs, where: "scaler", observe }, round);

  return {
    start: rounds.start,
    sizes: () =>
      new Map(
        [...slots.values()]
          .filter(({ load }) => load !== undefined)
          .map(({ id, standing, cpuUnits }) => [id, { units: standing.units, cpuUnits }]),
      ),
    close: rounds.close,
  };
}

const unseen = { runnable: null, memoryBytes: null };
