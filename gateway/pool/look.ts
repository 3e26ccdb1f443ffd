import { asNebulaError, type Observe } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { makeTrafficFold, type Traffic } from "./census.ts";
import type { Doors } from "./doors.ts";
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
};

/** What passes PgBouncer does not pass us: it is asked, and the keeper and the meter are told. */
export function lookNowAndThen(
  { lookEveryMs = 2_000, onTraffic, observe }: LookOptions,
  { pooler, roster, doors, holds, release }: Looked,
) {
  const fold = makeTrafficFold();
  const look = async () => {
    for (const id of doors.dangling()) {
      await doors.guard(id);
      release(id);
    }
    if (holds.size === 0 || !pooler.isUp()) return;
    for (const [name, traffic] of fold(await pooler.ask("SHOW STATS_TOTALS"))) {
      const id = roster.idOf(name);
      if (id === undefined) continue;
      holds.get(id)?.touch();
      onTraffic?.(id, traffic);
    }
  };
  let looking: Promise<void> | undefined;
  const timer = setInterval(() => {
    looking ??= look()
      .catch((thrown) => {
        const { code, message } = asNebulaError(thrown);
        if (pooler.isUp()) observe({ kind: "fault", where: "gateway.pool.look", code, message });
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
