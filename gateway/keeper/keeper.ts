import pLimit from "p-limit";
import {
  gatesIn,
  type InstanceRunner,
  instanceMissing,
  instanceNotRunnable,
  keeperClosing,
  wakeTimedOut,
} from "../../platform/compute/index.ts";
import {
  asNebulaError,
  type Clock,
  ignoreObservations,
  noTracer,
  type Observe,
  reportFault,
  systemClock,
  type Tracer,
} from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { lookAt } from "./look.ts";
import { underPressure } from "./pressure.ts";
import { makeSlot, type Slot } from "./slot.ts";
import { makeSuspend } from "./suspend.ts";
import { makeSweep } from "./sweep.ts";
import type { Entered, KeeperState, Reason, Suspension, Vacate } from "./types.ts";
import { makeWake } from "./wake.ts";

export type Keeper = {
  /**
   * A Unix socket that accepts a session now; wakes or thaws the instance when it must, once for any number of callers.
   * @throws NEB347, NEB356, NEB357 when it is missing, damaged, or meant to be stopped, NEB359 after 30 s, NEB360 when we go down,
   * and what a server that does not start threw.
   */
  enter(id: DatabaseId, why: Reason): Promise<Entered>;
  /** As known here, without a look. */
  state(id: DatabaseId): KeeperState;
  /** Those that accept sessions now. */
  awake(): readonly DatabaseId[];
  /** Whether it is awake and no suspend is being made: who comes only to listen comes then, and so never wakes what falls asleep. */
  isSteady(id: DatabaseId): boolean;
  /** How many are in which state. */
  counts(): Readonly<Record<KeeperState, number>>;
  /** Knows every instance of the folder, and begins to suspend. */
  start(): Promise<void>;
  /** Makes no further move. What runs goes on running, what sleeps sleeps. */
  close(): Promise<void>;
};

export type KeeperOptions = {
  readonly dataDir: string;
  readonly runner: InstanceRunner;
  readonly observe?: Observe;
  readonly clock?: Clock;
  readonly vacate?: Vacate;
  readonly suspension?: Partial<Suspension>;
  readonly patienceMs?: number;
  /** Started at once. */
  readonly startsAtOnce?: number;
  readonly pressed?: () => boolean;
  /** Default: nothing is traced. */
  readonly tracer?: Tracer;
};

export type KeeperContext = Required<
  Pick<KeeperOptions, "dataDir" | "runner" | "observe" | "clock" | "pressed" | "tracer">
> & {
  readonly vacate: Vacate | undefined;
  readonly suspension: Suspension;
  readonly slots: Map<DatabaseId, Slot>;
  report(where: string, id: DatabaseId, thrown: unknown): void;
};

/** Somebody paused, retired or removed it meanwhile. */
const itsOwn: ReadonlySet<string> = new Set([instanceNotRunnable.definition.code, instanceMissing.definition.code]);

const usual: Suspension = { sweepMs: 1000, stopAfterFrozenMs: 600_000, atOnce: 4, lookAroundMs: 60_000 };

export function makeKeeper(options: KeeperOptions): Keeper {
  const {
    observe = ignoreObservations,
    clock = systemClock,
    patienceMs = 30_000,
    startsAtOnce = 8,
    tracer = noTracer,
  } = options;
  const context: KeeperContext = {
    ...{ dataDir: options.dataDir, runner: options.runner, observe, clock, tracer, slots: new Map() },
    vacate: options.vacate,
    pressed: options.pressed ?? underPressure,
    suspension: { ...usual, ...options.suspension },
    report(where, id, thrown) {
      if (itsOwn.has(asNebulaError(thrown).code)) return;
      reportFault(observe, `keeper.${where}`, thrown, id);
    },
  };
  const { slots } = context;
  const closing = new AbortController();
  const wake = makeWake(context, pLimit(startsAtOnce));
  const sweep = makeSweep(context, makeSuspend(context, wake));

  const slotOf = (id: DatabaseId): Slot => {
    const known = slots.get(id);
    if (known !== undefined) return known;
    const made = makeSlot(id, clock.monotonicMs());
    slots.set(id, made);
    return made;
  };

  return {
    async enter(id, _why) {
      if (closing.signal.aborted) throw keeperClosing(`${id} is not let in any more`);
      const slot = slotOf(id);
      const began = clock.monotonicMs();
      slot.waiting += 1;
      try {
        // a suspend that is being made sees that somebody waits, and is over soon
        while (slot.move !== undefined || slot.state !== "awake" || slot.socketPath === undefined || slot.doubtful)
          await within(slot.move ?? wake(slot), began + patienceMs, clock, id);
        // in the same turn as the last look at the state: nothing comes in between
        return letIn(slot, began, clock, wake);
      } finally {
        slot.waiting -= 1;
      }
    },
    state: (id) => slots.get(id)?.state ?? "unknown",
    awake: () => [...slots.values()].filter(({ state }) => state === "awake").map(({ id }) => id),
    isSteady(id) {
      const slot = slots.get(id);
      return slot?.state === "awake" && slot.move === undefined;
    },
    counts() {
      const counts = { awake: 0, frozen: 0, asleep: 0, waking: 0, unknown: 0 };
      for (const { state } of slots.values()) counts[state] += 1;
      return counts;
    },
    async start() {
      const limit = pLimit(8);
      const ids = await gatesIn(options.dataDir);
      await Promise.all(ids.map((id) => limit(() => lookAt(context, slotOf(id)))));
      sweep.start();
    },
    async close() {
      closing.abort();
      await sweep.close();
      await Promise.allSettled([...slots.values()].map(({ move }) => move));
    },
  };
}

function letIn(slot: Slot, enteredMs: number, clock: Clock, wake: (slot: Slot) => Promise<void>): Entered {
  const { generation, socketPath = "", wake: last } = slot;
  let standing: "pending" | "stands" | "over" = "pending";
  slot.pending += 1;
  slot.sessions += 1;
  slot.touchedMs = clock.monotonicMs();
  let isUnanswered = false;
  const answered = () => {
    if (!isUnanswered) return;
    isUnanswered = false;
    slot.unanswered -= 1;
  };
  const waited = last !== undefined && last.phases !== null && last.endedMs >= enteredMs;
  return {
    socketPath,
    wake: waited ? { ...last.phases, queuedMs: Math.max(0, last.beganMs - enteredMs) + last.phases.queuedMs } : null,
    touch() {
      slot.touchedMs = clock.monotonicMs();
      if (!isUnanswered && standing !== "over") {
        isUnanswered = true;
        slot.unanswered += 1;
      }
      if (slot.state === "frozen" && slot.move === undefined) void wake(slot).catch(() => undefined);
    },
    answered,
    confirm() {
      const safe = slot.generation === generation;
      if (standing !== "pending") return standing === "stands" && safe && slot.move === undefined;
      slot.pending -= 1;
      standing = safe ? "stands" : "over";
      if (!safe) {
        slot.sessions -= 1;
        answered();
      }
      return safe;
    },
    leave() {
      if (standing === "over") return;
      slot.sessions -= 1;
      answered();
      if (standing === "pending") {
        slot.pending -= 1;
        slot.doubtful = true;
      }
      standing = "over";
    },
  };
}

/** Waits for a move, but not beyond a moment. Who stops waiting leaves the move as it is. */
async function within(move: Promise<void>, deadlineMs: number, clock: Clock, id: DatabaseId): Promise<void> {
  const left = deadlineMs - clock.monotonicMs();
  const over = new AbortController();
  const late = clock.sleep(Math.max(0, left), over.signal).then(() => {
    if (!over.signal.aborted) throw wakeTimedOut(`${id} was not awake in time`);
  });
  try {
    await Promise.race([move, late]);
  } finally {
    over.abort();
  }
}
