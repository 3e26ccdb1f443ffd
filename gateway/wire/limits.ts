/**
 * How much the gateway takes from whom. Everything is counted in this process; nothing is stored.
 *
 * 1. Before a sign-in only the address counts: a stranger uses up nobody's limits but his own.
 */
import { badConfig, type Clock } from "../../platform/core/index.ts";

export type GatewayLimits = {
  /** Open connections in all, those in their handshake included. */
  readonly connections: number;
  /** Open connections of one address. */
  readonly perAddress: number;
  /** New connections of one address in a second; twice as many may come at once. */
  readonly perAddressPerSecond: number;
  /** Failed sign-ins of one address at one database in a minute. */
  readonly failuresPerMinute: number;
  /** Cancel requests of one address that name no session, in a minute. */
  readonly wrongCancelsPerMinute: number;
  readonly handshakeMs: number;
};

export const defaultGatewayLimits: GatewayLimits = {
  connections: 20_000,
  perAddress: 5_000,
  perAddressPerSecond: 1_000,
  failuresPerMinute: 60,
  wrongCancelsPerMinute: 60,
  handshakeMs: 10_000,
};

/** `connections=5000,perAddress=200`: what is named is changed, the rest stays usual. @throws NEB901 */
export function readGatewayLimits(text: string): GatewayLimits {
  const limits: Record<string, number> = { ...defaultGatewayLimits };
  for (const part of text.split(",").map((word) => word.trim())) {
    if (part === "") continue;
    const [name = "", value = ""] = part.split("=");
    if (!Object.hasOwn(defaultGatewayLimits, name) || !/^[1-9]\d{0,9}$/.test(value))
      throw badConfig(
        `NEBULA_GATEWAY_LIMITS: ${part} is no limit; they are ${Object.keys(defaultGatewayLimits).join(", ")}, each with a whole number`,
      );
    limits[name] = Number(value);
  }
  return limits as GatewayLimits;
}

/** A bucket that refills steadily. One a key; full ones are forgotten. */
export type Buckets = {
  /** Takes one; false when there is none. */
  take(key: string, capacity: number, perSecond: number): boolean;
  /** Whether there is one, without taking it. */
  has(key: string, capacity: number, perSecond: number): boolean;
};

const mostBuckets = 50_000;

export function makeBuckets(clock: Pick<Clock, "monotonicMs">): Buckets {
  type Bucket = { tokens: number; at: number };
  const buckets = new Map<string, Bucket>();
  const filled = (key: string, capacity: number, perSecond: number): Bucket => {
    const now = clock.monotonicMs();
    const found = buckets.get(key);
    if (found === undefined) return { tokens: capacity, at: now };
    const tokens = Math.min(capacity, found.tokens + ((now - found.at) * perSecond) / 1000);
    return { tokens, at: now };
  };
  return {
    has: (key, capacity, perSecond) => filled(key, capacity, perSecond).tokens >= 1,
    take(key, capacity, perSecond) {
      const bucket = filled(key, capacity, perSecond);
      const isThere = bucket.tokens >= 1;
      if (isThere) bucket.tokens -= 1;
      // The oldest makes room; taken out and put back, a busy one is never the oldest.
      buckets.delete(key);
      const [oldest] = buckets.keys();
      if (buckets.size >= mostBuckets && oldest !== undefined) buckets.delete(oldest);
      buckets.set(key, bucket);
      return isThere;
    },
  };
}

/** How many of something are open, by key. */
export function makeCounts() {
  const counts = new Map<string, number>();
  return {
    of: (key: string): number => counts.get(key) ?? 0,
    add(key: string): void {
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
    drop(key: string): void {
      const left = (counts.get(key) ?? 1) - 1;
      if (left > 0) counts.set(key, left);
      else counts.delete(key);
    },
  };
}
export type Counts = ReturnType<typeof makeCounts>;
