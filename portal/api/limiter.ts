import { LRUCache } from "lru-cache";

export type Allowance = {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  readonly resetSeconds: number;
};

export type Limiter = {
  /** Spends `cost` (0 only looks). */
  spend(key: string, cost?: number): Allowance;
};

type Window = { readonly endsMs: number; spent: number };

/**
 * Fixed windows in this process's memory: one portal serves one installation here. The window of a key begins with its first
 * request, so that callers do not all return at the same second.
 */
export function makeLimiter(limit: number, windowSeconds: number, monotonicMs: () => number): Limiter {
  const windows = new LRUCache<string, Window>({ max: 20_000 });
  return {
    spend(key, cost = 1) {
      const now = monotonicMs();
      let window = windows.get(key);
      if (window === undefined || window.endsMs <= now) {
        window = { endsMs: now + windowSeconds * 1000, spent: 0 };
        if (cost > 0) windows.set(key, window);
      }
      const allowed = window.spent + cost <= limit;
      if (allowed) window.spent += cost;
      return {
        allowed,
        limit,
        remaining: Math.max(0, limit - window.spent),
        resetSeconds: Math.max(1, Math.ceil(Math.round(window.endsMs - now) / 1000)),
      };
    },
  };
}
