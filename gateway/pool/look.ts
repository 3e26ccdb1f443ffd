import { type Observe, reportFault } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Traffic, TrafficFold } from "./census.ts";
import type { Doors } from "./doors.ts";
import { keepShort } from "./files.ts";
import type { Pooler } from "./process.ts";
import type { Roster } from "./roster.ts";
import type { Kept } from "./types.ts";

export type LookOptions = {
  readonly lookEveryMs?: number;
  readonly onTraffic?: (id: DatabaseId, traffic: Traffic) => void;
  readonly observe: Observe;
};

type Looked = {
  readonly pooler: Pooler;
  readonly roster: Roster;
  readonly doors: Doors;
  readonly holds: ReadonlyMap<DatabaseId, Kept>;
  readonly release: (id: DatabaseId) => void;
  readonly traffic: TrafficFold;
  readonly logFile: string;
};

/** What passes PgBouncer does not pass us: it is asked, and the keeper and the meter are told. */
export function lookNowAndThen(
  { lookEveryMs = 2_000, onTraffic, observe }: LookOptions,
  { pooler, roster, doors, holds, release, traffic, logFile }: Looked,
) {
  let isDue = false;
  const look = async () => {
    await keepShort(logFile);
    for (const id of await doors.dangling()) {
      await doors.guard(id);
      release(id);
    }
    isDue ||= holds.size > 0;
    if (!isDue || !pooler.isUp()) return;
    isDue = holds.size > 0; // once more after the last of them was released
    for (const [name, passed] of traffic.take(await pooler.ask("SHOW STATS_TOTALS"))) {
      const id = roster.idOf(name);
      if (id === undefined) continue;
      holds.get(id)?.touch();
      onTraffic?.(id, passed);
    }
  };
  let looking: Promise<void> | undefined;
  const timer = setInterval(() => {
    looking ??= look()
      .catch((thrown) => {
        if (pooler.isUp()) reportFault(observe, "gateway.pool.look", thrown);
      })
      .finally(() => {
        looking = undefined;
      });
  }, lookEveryMs);
  timer.unref();
  return {
    close: async () => {
      clearInterval(timer);
      await looking;
      await look().catch(() => undefined);
    },
  };
}
