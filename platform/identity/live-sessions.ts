import { LRUCache } from "lru-cache";
import type { Clock } from "../core/index.ts";
import type { Sql } from "../sql/index.ts";
import { findLiveSession, type LiveSession, touchSession } from "../store/index.ts";

/**
 * Which sessions are alive, asked of the ledger at most every three seconds a session. What has ended is forgotten at once
 * when the ledger's notification arrives, and after three seconds when it does not.
 */
export type LiveSessions = {
  find(sessionId: string): Promise<LiveSession | undefined>;
  /** The id of a session or of a user; "" when something may have been missed. */
  forget(id: string): void;
};

type Parts = { readonly sql: Sql; readonly clock: Clock; readonly knownForMs?: number };

export function makeLiveSessions({ sql, clock, knownForMs = 3_000 }: Parts): LiveSessions {
  const known = new LRUCache<string, { readonly live: LiveSession; readonly untilMs: number }>({ max: 20_000 });
  let generation = 0;
  return {
    async find(sessionId) {
      const found = known.get(sessionId);
      if (found !== undefined && found.untilMs > clock.monotonicMs()) return found.live;
      const asked = generation;
      const live = await findLiveSession(sql, sessionId);
      if (live === undefined) {
        known.delete(sessionId);
        return undefined;
      }
      // What was read before a session ended must not be remembered after it.
      if (asked === generation) known.set(sessionId, { live, untilMs: clock.monotonicMs() + knownForMs });
      if (Date.now() - live.session.lastUsedAt.getTime() > 60_000) await touchSession(sql, sessionId);
      return live;
    },
    forget(id) {
      generation++;
      if (id === "") return known.clear();
      known.delete(id);
      for (const [sessionId, { live }] of known.entries()) if (live.user.id === id) known.delete(sessionId);
    },
  };
}
