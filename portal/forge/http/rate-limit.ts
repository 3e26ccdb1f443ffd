import type { Clock } from "../../../platform/core/index.ts";

export type Budget = {
  readonly limit: number;
  readonly remaining: number;
  readonly used: number;
  readonly reset: number;
};

/** Requests of a caller in the running hour. In memory: a restart forgives. */
export function makeRateLimit(clock: Clock, limit: number) {
  const windows = new Map<string, { endsAt: number; used: number }>();
  const windowOf = (bucket: string) => {
    const at = clock.now();
    const current = windows.get(bucket);
    if (current !== undefined && current.endsAt > at) return current;
    if (windows.size > 10_000) for (const [name, { endsAt }] of windows) if (endsAt <= at) windows.delete(name);
    const fresh = { endsAt: at + 3_600_000, used: 0 };
    windows.set(bucket, fresh);
    return fresh;
  };
  const toBudget = ({ used, endsAt }: { used: number; endsAt: number }): Budget => {
    const counted = Math.min(used, limit);
    return { limit, used: counted, remaining: limit - counted, reset: Math.ceil(endsAt / 1000) };
  };
  return {
    /** Counts one request; `refused` when the hour's budget was spent before it. */
    take(bucket: string): Budget & { readonly refused: boolean } {
      const window = windowOf(bucket);
      window.used++;
      return { ...toBudget(window), refused: window.used > limit };
    },
    read: (bucket: string): Budget => toBudget(windowOf(bucket)),
  };
}
export type RateLimit = ReturnType<typeof makeRateLimit>;
