/**
 * Public keys that issuers publish (RFC 7517), by their address.
 *
 * 1. Known for ten minutes; a key that is not among them asks again at once, but not more than once in half a minute for an issuer.
 * 2. An issuer that does not answer takes nothing away: its keys stay in force for a day.
 * 3. Only public keys count: a shared secret that somebody published verifies nothing.
 * 4. The address is a tenant's word: it is asked through the guard, like every address that somebody else gives us.
 */
import { createLocalJWKSet, type JSONWebKeySet, type JWK } from "jose";
import { type Clock, type Observe, reportFault } from "../../platform/core/index.ts";
import { keySetUnreadable } from "./errors.ts";

export type KeySet = ReturnType<typeof createLocalJWKSet>;

export type KeySets = {
  /** undefined when the issuer never answered. `unlike`: the set in which a key was missed. */
  of(url: string, unlike?: KeySet): Promise<KeySet | undefined>;
};

type Known = { set: KeySet | undefined; readMs: number; triedMs: number; reading: Promise<void> | undefined };

const freshMs = 600_000;
const againMs = 30_000;
const staleMs = 86_400_000;
const most = 1_000;
const mostKeys = 100;

export function makeKeySets(deps: {
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly observe: Observe;
}): KeySets {
  const { clock, observe } = deps;
  const known = new Map<string, Known>();

  const read = async (url: string, one: Known) => {
    one.triedMs = clock.monotonicMs();
    try {
      const response = await deps.fetch(url, { headers: { accept: "application/json" } });
      if (!response.ok) throw new Error(`answered ${response.status}`);
      one.set = createLocalJWKSet(publicKeys(await response.json()));
      one.readMs = clock.monotonicMs();
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      reportFault(observe, "api.keys", keySetUnreadable(`${url}: ${why}`, { cause: thrown }));
      if (clock.monotonicMs() - one.readMs > staleMs) one.set = undefined;
    } finally {
      one.reading = undefined;
    }
  };

  return {
    async of(url, unlike) {
      const one: Known = known.get(url) ?? {
        ...{ set: undefined, readMs: Number.NEGATIVE_INFINITY, triedMs: Number.NEGATIVE_INFINITY, reading: undefined },
      };
      known.delete(url);
      known.set(url, one);
      const [oldest] = known.keys();
      if (known.size > most && oldest !== undefined) known.delete(oldest);
      const nowMs = clock.monotonicMs();
      const wanted = nowMs - one.readMs > freshMs || (unlike !== undefined && one.set === unlike);
      if (wanted && nowMs - one.triedMs > againMs) one.reading ??= read(url, one);
      // Those whose keys are only old go on with them meanwhile.
      if (one.reading !== undefined && (one.set === undefined || unlike !== undefined)) await one.reading;
      return one.set;
    },
  };
}

function publicKeys(document: unknown): JSONWebKeySet {
  const { keys } = (typeof document === "object" && document !== null ? document : {}) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error("answered with no key set");
  const usable = (keys as JWK[]).filter(({ kty, use }) => ["RSA", "EC", "OKP"].includes(kty ?? "") && use !== "enc");
  return { keys: usable.slice(0, mostKeys) };
}
