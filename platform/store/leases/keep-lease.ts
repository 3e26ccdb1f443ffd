import { type Clock, isProvedDead, ourHolder, systemClock } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";
import { listLiveSingletons, type SingletonLease } from "./lease.ts";
import { expireSingleton, releaseSingleton, renewSingleton, takeSingleton } from "./take-lease.ts";

/** How leases are held: real times by default, shorter in tests. */
export type LeaseTimes = {
  readonly leaseSeconds: number;
  readonly heartbeatMs: number;
};

export const usualLeases: LeaseTimes = { leaseSeconds: 15, heartbeatMs: 5_000 };

/** A lease while we have it. */
export type KeptLease = SingletonLease & {
  readonly leaseSeconds: number;
  /** Aborted the moment it is lost or given back: whatever works under it stops. */
  readonly signal: AbortSignal;
  /** Gives it back. Harmless when it is lost. */
  release(): Promise<void>;
};

export type LeaseParts = {
  readonly sql: Sql;
  readonly clock?: Clock;
  readonly holder?: string;
  readonly times?: LeaseTimes;
};

/**
 * Takes a lease and renews it until it is lost or given back; undefined when somebody else has it.
 *
 * 1. Lost is what the database says, or a renewal that did not get through for nine tenths of the lease by our own clock.
 * 2. It is counted from before the renewal was sent: we stop believing before anybody else may begin to.
 */
export async function keepLease(
  { sql, clock = systemClock, holder = ourHolder(), times = usualLeases }: LeaseParts,
  name: string,
): Promise<KeptLease | undefined> {
  const { leaseSeconds, heartbeatMs } = times;
  const asked = clock.monotonicMs();
  const lease = await takeSingleton(sql, { name, holder, leaseSeconds });
  if (lease === undefined) return undefined;
  const ending = new AbortController();
  let beating: Promise<void> | undefined;
  let expiry: NodeJS.Timeout | undefined;
  const believeFrom = (began: number): void => {
    clearTimeout(expiry);
    expiry = setTimeout(lose, Math.max(0, began + leaseSeconds * 900 - clock.monotonicMs()));
  };
  const beat = async (): Promise<void> => {
    const began = clock.monotonicMs();
    const renewed = await renewSingleton(sql, lease, leaseSeconds).catch(() => undefined);
    if (renewed === true && !ending.signal.aborted) believeFrom(began);
    else if (renewed === false) lose();
  };
  const timer = setInterval(() => {
    beating ??= beat().finally(() => {
      beating = undefined;
    });
  }, heartbeatMs);
  const lose = (): void => {
    clearInterval(timer);
    clearTimeout(expiry);
    ending.abort();
  };
  believeFrom(asked);
  return {
    ...lease,
    leaseSeconds,
    signal: ending.signal,
    async release() {
      lose();
      await beating;
      await releaseSingleton(sql, lease);
    },
  };
}

/** Lets the leases of holders that are proved dead run out now instead of in 15 s. */
export async function expireDeadSingletons(sql: Sql): Promise<void> {
  for (const lease of await listLiveSingletons(sql)) if (isProvedDead(lease.holder)) await expireSingleton(sql, lease);
}
