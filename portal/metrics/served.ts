import type { CircuitBreakerPolicy } from "cockatiel";
import { LRUCache } from "lru-cache";
import { type Clock, type Observe, reportFault } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Sample } from "../../platform/telemetry/index.ts";
import { neverSeen, sourceAway } from "./errors.ts";
import type { SecondLayer } from "./second-layer.ts";
import type { Source } from "./source.ts";

/** What answered: this process's memory, what portals share, the same past its time, a look just now. */
export type Layer = "l1" | "l2" | "stale" | "source";
export type ServedSample = { readonly sample: Sample; readonly layer: Layer };

export type ServedMetrics = {
  /** @throws NEB473 when nobody has ever looked at it, NEB472 when nobody can and nobody remembers */
  read(id: DatabaseId): Promise<ServedSample>;
  /** Waits for what is looked up in the background. */
  close(): Promise<void>;
};

export type ServedParts = {
  readonly second: SecondLayer;
  readonly source: Source;
  readonly observe: Observe;
  readonly clock: Pick<Clock, "monotonicMs">;
};

/** Seed 002: five seconds here, fifteen shared, five minutes more rather than nothing. */
const firstMs = 5_000;
const freshMs = 15_000;
const staleMs = 5 * 60_000;
/** What is past its time is asked about again this soon. */
const againMs = 1_000;
/** After so many failures in a row a database's source is left alone for so long. */
const failures = 5;
const restMs = 30_000;
/** Of a sample of some 3 KiB each: no more databases than this are remembered here, nor breakers that count failures. */
const mostDatabases = 4_000;

type Breakers = typeof import("cockatiel");
/** A portal that is never asked for figures does not pay for it. */
const loadBreakers = (): Promise<Breakers> => import("cockatiel");

/**
 * How databases are doing, for many who ask at once.
 *
 * 1. A database is looked at once, however many ask: at a time in this process (`fetch` of the cache), and every 15 s by all portals.
 * 2. What is older than 15 s and younger than 5 minutes is answered at once, and looked up again behind the answer.
 * 3. A source that failed five times in a row is not asked for 30 s; then one question decides.
 * 4. Both layers may fail: answers become slower, never wrong. What nobody can look at is answered as last seen, if anybody has.
 */
export function makeServedMetrics({ second, source, observe, clock }: ServedParts): ServedMetrics {
  const breakers = new LRUCache<DatabaseId, CircuitBreakerPolicy>({ max: mostDatabases });
  const behind = new Map<DatabaseId, Promise<void>>();

  const makeBreaker = ({ circuitBreaker, handleAll, ConsecutiveBreaker }: Breakers): CircuitBreakerPolicy => {
    const breaker = circuitBreaker(handleAll, { halfOpenAfter: restMs, breaker: new ConsecutiveBreaker(failures) });
    breaker.onBreak(() => observe({ kind: "metrics.breaker", state: "open" }));
    breaker.onReset(() => observe({ kind: "metrics.breaker", state: "closed" }));
    return breaker;
  };

  const breakerOf = async (id: DatabaseId): Promise<CircuitBreakerPolicy> => {
    const library = await loadBreakers();
    const known = breakers.get(id) ?? makeBreaker(library);
    breakers.set(id, known);
    return known;
  };

  const kept = (id: DatabaseId) =>
    second.get(id).catch((thrown: unknown) => {
      reportFault(observe, "metrics.second", thrown);
      return undefined;
    });

  /** @throws what the source threw, or that it rests */
  const look = async (id: DatabaseId): Promise<Sample | undefined> => {
    const breaker = await breakerOf(id);
    const sample = await breaker.execute(() => source.look(id));
    // it counts failures in a row: one that has none is as good as a new one
    breakers.delete(id);
    if (sample !== undefined)
      await second
        .put(id, sample, freshMs + staleMs)
        .catch((thrown: unknown) => reportFault(observe, "metrics.second", thrown));
    return sample;
  };

  const lookBehind = (id: DatabaseId): void => {
    if (behind.has(id)) return;
    const looking = look(id)
      .then(() => undefined)
      .catch(async (thrown: unknown) => {
        const { isBrokenCircuitError } = await loadBreakers();
        if (!isBrokenCircuitError(thrown)) reportFault(observe, "metrics.look", thrown, id);
      })
      .finally(() => behind.delete(id));
    behind.set(id, looking);
  };

  /** The last resort: the ledger's row, if the ledger is there. */
  const lastOf = async (id: DatabaseId, cause: unknown): Promise<ServedSample> => {
    const sample = await source.last(id).catch(() => undefined);
    if (sample === undefined) throw sourceAway(`nobody can look at ${id}, and nobody remembers it`, { cause });
    return { sample, layer: "stale" };
  };

  const find = async (id: DatabaseId): Promise<ServedSample> => {
    const found = await kept(id);
    if (found !== undefined && found.ageMs < freshMs) return { sample: found.sample, layer: "l2" };
    if (found !== undefined) {
      lookBehind(id);
      return { sample: found.sample, layer: "stale" };
    }
    try {
      const sample = await look(id);
      if (sample !== undefined) return { sample, layer: "source" };
    } catch (thrown) {
      return lastOf(id, thrown);
    }
    throw neverSeen(`nobody has looked at ${id} yet`);
  };

  const first = new LRUCache<DatabaseId, ServedSample>({
    max: mostDatabases,
    ttl: firstMs,
    ttlResolution: 0,
    perf: { now: () => clock.monotonicMs() },
    async fetchMethod(id, _stale, { options }) {
      const served = await find(id);
      if (served.layer === "stale") options.ttl = againMs;
      return served;
    },
  });

  return {
    async read(id) {
      const began = clock.monotonicMs();
      const answered = (layer: Layer | "none") =>
        observe({ kind: "metrics.served", layer, durationMs: clock.monotonicMs() - began });
      const here = first.get(id);
      if (here !== undefined) {
        const layer = here.layer === "stale" ? "stale" : "l1";
        answered(layer);
        return { ...here, layer };
      }
      try {
        const served = await first.fetch(id);
        if (served === undefined) throw neverSeen(`nobody has looked at ${id} yet`);
        answered(served.layer);
        return served;
      } catch (thrown) {
        answered("none");
        throw thrown;
      }
    },
    async close() {
      await Promise.all(behind.values());
      await second.close();
    },
  };
}
