import { badConfig, type Observe, reportFault, type Secret } from "../../platform/core/index.ts";
import { sampleWire } from "../../platform/telemetry/index.ts";
import type { SecondLayer } from "./second-layer.ts";

/** A question that Redis has not answered by then is not waited for: the source is as fast. */
const patienceMs = 250;

/**
 * In a Redis of the operator's. Its age is told by the server's own clock (`PEXPIRE`, `PTTL`): hosts' clocks differ. While it is away
 * nothing is queued for it.
 * @throws NEB901 when it is no address of a Redis: without it in the message, for it may hold a password
 */
export async function inRedis(url: Secret, observe: Observe): Promise<SecondLayer> {
  if (!/^rediss?:$/.test(URL.parse(url.reveal())?.protocol ?? ""))
    throw badConfig("NEBULA_REDIS_URL: not a redis:// or rediss:// address");
  // a portal without a Redis does not pay for its client
  const { createClient } = await import("@redis/client");
  const client = createClient({
    url: url.reveal(),
    disableOfflineQueue: true,
    commandsQueueMaxLength: 1000,
    socket: { connectTimeout: 2000, reconnectStrategy: (tries) => Math.min(tries * 200, 5000) },
  });
  let said = false;
  client.on("error", (thrown: unknown) => {
    if (!said) reportFault(observe, "metrics.redis", thrown);
    said = true;
  });
  client.on("ready", () => {
    said = false;
  });
  // one that is not there yet is a layer that remembers nothing, and no reason not to start
  void client.connect().catch(() => undefined);
  const soon = async <T>(asked: Promise<T>): Promise<T> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`Redis has not answered within ${patienceMs} ms`)), patienceMs);
    });
    return Promise.race([asked, late]).finally(() => clearTimeout(timer));
  };
  return {
    async get(id) {
      const [text, leftMs] = await soon(Promise.all([client.get(keyOf(id)), client.pTTL(keyOf(id))]));
      const kept = text === null ? undefined : parse(text);
      return kept === undefined || leftMs < 0 ? undefined : { sample: kept.sample, ageMs: kept.forMs - leftMs };
    },
    async put(id, sample, forMs) {
      await soon(
        client.set(keyOf(id), JSON.stringify({ sample, forMs }), { expiration: { type: "PX", value: forMs } }),
      );
    },
    async close() {
      if (client.isOpen) client.destroy();
    },
  };
}

const keyOf = (id: string): string => `nebuladb:sample:${id}`;

/** Another version may have written it. */
function parse(text: string) {
  try {
    const { sample, forMs } = JSON.parse(text) as { readonly sample: unknown; readonly forMs: unknown };
    const known = sampleWire.safeParse(sample).data;
    return known === undefined || typeof forMs !== "number" ? undefined : { sample: known, forMs };
  } catch {
    return undefined;
  }
}
