import type { Clock } from "../../platform/core/index.ts";

/**
 * Makes callers wait so that no key has more of them in a second than its limit says; twice as many may come at once. A key without a
 * limit never waits. How many wait at a time is the caller's to bound.
 */
export function makePace(
  limitOf: (key: string) => Promise<number | undefined>,
  clock: Pick<Clock, "monotonicMs" | "sleep">,
): (key: string) => Promise<void> {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return async (key) => {
    const limit = await limitOf(key);
    if (limit === undefined || limit <= 0) return;
    const now = clock.monotonicMs();
    const before = buckets.get(key) ?? { tokens: 2 * limit, at: now };
    const tokens = Math.min(2 * limit, before.tokens + ((now - before.at) / 1_000) * limit) - 1;
    buckets.set(key, { tokens, at: now });
    if (tokens < 0) await clock.sleep((-tokens / limit) * 1_000);
  };
}
