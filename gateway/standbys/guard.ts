import {
  type InstanceRunner,
  instanceBusy,
  instanceMissing,
  instanceNotRunnable,
  noStandby,
  type StandbyObserved,
} from "../../platform/compute/index.ts";
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

export type StandbyGuard = {
  start(): void;
  /** The Unix socket of a standby that follows: one after the other. Waits a while for one. @throws NEB461 when none serves. */
  enter(id: DatabaseId): Promise<string>;
  /** As last seen. */
  standbys(): ReadonlyMap<DatabaseId, readonly StandbyObserved[]>;
  close(): Promise<void>;
};

export type StandbyGuardOptions = {
  readonly runner: Pick<InstanceRunner, "observe" | "wake" | "answers" | "tendStandbys" | "makeStandby" | "depose">;
  /** The databases that declare replicas. */
  readonly replicated: () => Promise<readonly DatabaseId[]>;
  readonly observe?: Observe;
  readonly clock?: Clock;
  /** Between two looks. */
  readonly everyMs?: number;
  /** A primary that has not answered for so long is ended. */
  readonly silentMs?: number;
  /** How long a session that reads waits for a standby. */
  readonly patienceMs?: number;
};

type Guarded = {
  standbys: readonly StandbyObserved[];
  /** Since when its primary does not answer; undefined: it does. */
  silentSinceMs: number | undefined;
  turn: number;
  round: Promise<void> | undefined;
  /** A standby that is being copied. */
  making: Promise<void> | undefined;
};

/** Somebody else is at it, paused it, or took it away. */
const itsOwn: ReadonlySet<string> = new Set(
  [instanceBusy, instanceMissing, instanceNotRunnable].map(({ definition }) => definition.code),
);

/** One that is further behind gets no new session. */
const stale = (one: StandbyObserved): boolean => (one.lagMs ?? 0) > 30_000;
/** A copy that failed is tried again after so long. */
const remakeAfterMs = 5_000;
const copyingMs = 2_000;

export function makeStandbyGuard(options: StandbyGuardOptions): StandbyGuard {
  const { runner, replicated, observe = ignoreObservations, clock = systemClock } = options;
  const { everyMs = 1000, silentMs = 15_000, patienceMs = 10_000 } = options;
  const guarded = new Map<DatabaseId, Guarded>();

  const report = (id: DatabaseId, thrown: unknown): void => {
    if (!itsOwn.has(asNebulaError(thrown).code)) reportFault(observe, "standbys", thrown, id);
  };

  const tend = async (id: DatabaseId, one: Guarded): Promise<void> => {
    const phase = (await runner.observe(id))?.phase;
    if (phase === "Stopped" || phase === "Damaged") {
      one.standbys = [];
      await runner.wake(id); // whoever starts it decides who is the primary
    } else if (phase !== "Ready") {
      one.standbys = [];
      one.silentSinceMs = undefined;
      return;
    } else if (await isSilent(id, one)) {
      one.standbys = [];
      return runner.depose(id);
    }
    one.standbys = await runner.tendStandbys(id);
    const missing = one.standbys.find((standby) => standby.phase === "Missing");
    if (missing !== undefined) one.making ??= make(id, one, missing.number);
  };

  /** Beside the rounds: while it is copied its primary may die. */
  const make = (id: DatabaseId, one: Guarded, number: number): Promise<void> =>
    runner
      .makeStandby(id, number)
      .catch(async (thrown) => {
        report(id, thrown);
        await clock.sleep(remakeAfterMs, rounds.signal);
      })
      .finally(() => {
        one.making = undefined;
      });

  /** Asked on a connection of its own: who answers that lives. */
  const isSilent = async (id: DatabaseId, one: Guarded): Promise<boolean> => {
    const nowMs = clock.monotonicMs();
    const answer = runner.answers(id).catch(() => false);
    const waited = new AbortController();
    const answered = await Promise.race([answer, clock.sleep(silentMs / 3, waited.signal).then(() => false)]);
    waited.abort();
    one.silentSinceMs = answered ? undefined : (one.silentSinceMs ?? nowMs);
    return one.silentSinceMs !== undefined && clock.monotonicMs() - one.silentSinceMs >= silentMs;
  };

  const visit = (id: DatabaseId): Guarded => {
    const fresh = { silentSinceMs: undefined, turn: 0, round: undefined, making: undefined };
    const one: Guarded = guarded.get(id) ?? { standbys: [], ...fresh };
    guarded.set(id, one);
    one.round ??= tend(id, one)
      .catch((thrown) => report(id, thrown))
      .finally(() => {
        one.round = undefined;
      });
    return one;
  };

  const rounds = makeRepeat({ clock, everyMs, where: "standbys", observe }, async () => {
    const ids = await replicated().catch(() => [...guarded.keys()]);
    for (const id of guarded.keys()) if (!ids.includes(id)) guarded.delete(id);
    for (const id of ids) visit(id);
  });

  const choose = (one: Guarded): string | undefined => {
    const following = one.standbys.flatMap((standby) =>
      standby.socketPath !== null && standby.streaming && !stale(standby) ? [standby.socketPath] : [],
    );
    return following[one.turn++ % Math.max(1, following.length)];
  };

  return {
    start: rounds.start,
    async enter(id) {
      if (!guarded.has(id) && !(await replicated()).includes(id)) throw noStandby(`${id} declares no replicas`);
      for (const deadline = clock.monotonicMs() + patienceMs; ; await clock.sleep(50, rounds.signal)) {
        const known = guarded.get(id);
        const chosen = known === undefined ? undefined : choose(known);
        if (chosen !== undefined) return chosen;
        if (rounds.signal.aborted || clock.monotonicMs() > deadline) throw noStandby(`no standby of ${id} follows now`);
        visit(id);
      }
    },
    standbys: () => new Map([...guarded].map(([id, { standbys }]) => [id, standbys])),
    async close() {
      await rounds.close();
      const all = [...guarded.values()];
      await Promise.all(all.map(({ round }) => round));
      // a copy that takes longer is nobody's: whoever makes the next one clears it
      await Promise.race([Promise.all(all.map(({ making }) => making)), clock.sleep(copyingMs)]);
    },
  };
}
