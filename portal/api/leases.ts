import { LRUCache } from "lru-cache";
import type { Taken } from "../../platform/store/index.ts";

export type Allowance = {
  readonly allowed: boolean;
  readonly limit: number;
  /** At least this many are left for this caller here. */
  readonly remaining: number;
  readonly resetSeconds: number;
};

export type Budget = { readonly name: string; readonly limit: number; readonly windowSeconds: number };

/** How often somebody may do something, counted for all portals of an installation together. */
export type Limiter = {
  /** Spends one token of the subject. */
  spend(budget: Budget, subject: string): Allowance | Promise<Allowance>;
  /** The refusal that the subject would get, as far as it is known here; never asks the ledger and spends nothing. */
  refusal(budget: Budget, subject: string): Allowance | undefined;
};

export type LimiterParts = {
  /** Takes tokens from the window that all portals share. */
  readonly take: (key: string, budget: Budget & { readonly want: number }) => Promise<Taken>;
  readonly monotonicMs: () => number;
  /** Told when counting falls back on this process alone, and why. */
  readonly onAlone?: (cause: unknown) => void;
};

/** Of what a window allows, this part is taken at once. */
const leasePart = 1 / 20;
/** While the ledger does not answer it is asked this often. */
const aloneMs = 1000;
const mostKeys = 50_000;

type Lease = {
  /** Taken and not yet spent. */
  own: number;
  /** What the shared window had left when it was last asked. */
  shared: number;
  readonly endsMs: number;
};

/** Of a portal that counts alone. */
type Window = { spent: number; readonly endsMs: number };

/**
 * Tokens are taken from the ledger in leases and spent here (decision 0014).
 *
 * 1. A token is spent only inside the window that it was taken from: no window admits more than its limit, however many
 *    portals there are.
 * 2. A lease is a twentieth of the window: a hot key costs a statement in so many requests, a spent window none at all.
 * 3. What is leased and not spent is lost with its window: with n portals one may admit up to (n - 1)/20 less.
 * 4. While the ledger is away each portal counts alone, by the same rule: nobody is let in without a limit, and nobody is
 *    refused because of the outage.
 */
export function makeLimiter({ take, monotonicMs, onAlone = () => undefined }: LimiterParts): Limiter {
  const leases = new LRUCache<string, Lease>({ max: mostKeys });
  const windows = new LRUCache<string, Window>({ max: mostKeys });
  const asked = new Map<string, Promise<Lease | undefined>>();
  let aloneUntilMs = Number.NEGATIVE_INFINITY;

  const spendFrom = (lease: Lease, { limit }: Budget, nowMs: number): Allowance => {
    const allowed = lease.own > 0;
    if (allowed) lease.own--;
    return answer(allowed, limit, lease.own + lease.shared, lease.endsMs - nowMs);
  };

  const spendAlone = (key: string, { limit, windowSeconds }: Budget): Allowance => {
    const nowMs = monotonicMs();
    let window = windows.get(key);
    if (window === undefined || window.endsMs <= nowMs) {
      window = { spent: 0, endsMs: nowMs + windowSeconds * 1000 };
      windows.set(key, window);
    }
    const allowed = window.spent < limit;
    if (allowed) window.spent++;
    return answer(allowed, limit, limit - window.spent, window.endsMs - nowMs);
  };

  /** undefined: the ledger does not answer. */
  const ask = async (key: string, budget: Budget): Promise<Lease | undefined> => {
    // Read before asking: the lease ends here no later than its window ends there.
    const beganMs = monotonicMs();
    try {
      const want = Math.max(1, Math.floor(budget.limit * leasePart));
      const { granted, left, resetMs } = await take(key, { ...budget, want });
      const lease = { own: granted, shared: left, endsMs: beganMs + resetMs };
      leases.set(key, lease);
      return lease;
    } catch (cause) {
      if (aloneUntilMs <= beganMs) onAlone(cause);
      aloneUntilMs = monotonicMs() + aloneMs;
      return undefined;
    } finally {
      asked.delete(key);
    }
  };

  const spendLater = async (key: string, budget: Budget): Promise<Allowance> => {
    for (;;) {
      let question = asked.get(key);
      if (question === undefined) {
        question = ask(key, budget);
        asked.set(key, question);
      }
      const lease = await question;
      if (lease === undefined) return spendAlone(key, budget);
      // A crowd shares one answer: who came too late for it asks again, unless nothing is left.
      if (lease.own > 0 || lease.shared === 0) return spendFrom(lease, budget, monotonicMs());
    }
  };

  return {
    spend(budget, subject) {
      const key = `${budget.name}:${subject}`;
      const lease = leases.get(key);
      const nowMs = monotonicMs();
      if (lease !== undefined && nowMs < lease.endsMs && (lease.own > 0 || lease.shared === 0))
        return spendFrom(lease, budget, nowMs);
      return nowMs < aloneUntilMs ? spendAlone(key, budget) : spendLater(key, budget);
    },
    refusal({ name, limit }, subject) {
      const key = `${name}:${subject}`;
      const nowMs = monotonicMs();
      const lease = leases.get(key);
      const isSpent = lease !== undefined && nowMs < lease.endsMs && lease.own + lease.shared === 0;
      if (isSpent) return answer(false, limit, 0, lease.endsMs - nowMs);
      const window = nowMs < aloneUntilMs ? windows.get(key) : undefined;
      const isFull = window !== undefined && nowMs < window.endsMs && window.spent >= limit;
      return isFull ? answer(false, limit, 0, window.endsMs - nowMs) : undefined;
    },
  };
}

const answer = (allowed: boolean, limit: number, remaining: number, resetMs: number): Allowance => ({
  allowed,
  limit,
  remaining,
  resetSeconds: Math.max(1, Math.ceil(Math.round(resetMs) / 1000)),
});
