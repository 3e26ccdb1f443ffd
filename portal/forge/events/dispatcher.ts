import { guardedFetch, type UrlPolicy } from "../../../platform/core/index.ts";
import type { Context } from "../context.ts";
import { pruneDeliveries, recordAttempt, type Waiting, waitingDeliveries, waitingHooks } from "../store/deliveries.ts";
import { signedHeaders } from "./sign.ts";

/**
 * Sends what waits in the deliveries table, at once after the transaction that wrote it.
 *
 * 1. One attempt a delivery, as on GitHub; a new attempt is a redelivery that somebody asked for.
 * 2. Deliveries of one hook leave one after the other in the order of their ids; hooks do not wait for each other.
 * 3. What was written but not attempted when the process ended is attempted after the next start, with the same guid.
 */
export type Dispatcher = {
  /** Says that these hooks have something waiting. */
  wake(hooks: Iterable<number>): void;
  /** Attempts what an earlier process left, and forgets deliveries older than three days. */
  start(): Promise<void>;
  /** Resolves when nothing is in flight. */
  idle(): Promise<void>;
  close(): Promise<void>;
};

export type DispatcherParts = Omit<Context, "dispatcher" | "repositories" | "urls"> & {
  /** Whom a hook may lead to: whoever may set one up must not reach into the network from here. */
  readonly hookPolicy: UrlPolicy;
};

export function makeDispatcher(context: DispatcherParts): Dispatcher {
  const fetching = guardedFetch(context.hookPolicy, { timeoutMs: context.limits.hookTimeoutMs, maxBytes: 1024 * 1024 });
  const running = new Map<number, { again: boolean; done: Promise<void> }>();
  const closing = new AbortController();

  const pump = async (hook: number, self: { again: boolean }) => {
    do {
      self.again = false;
      for (const delivery of await waitingDeliveries(context.sql, hook)) {
        if (closing.signal.aborted) return;
        self.again = true;
        await attempt(context, fetching, delivery, closing.signal);
      }
    } while (self.again && !closing.signal.aborted);
  };

  const startPump = (hook: number) => {
    const self = { again: false, done: Promise.resolve() };
    running.set(hook, self);
    self.done = pump(hook, self)
      .catch((thrown: Error) =>
        context.observe({ kind: "fault", where: "forge deliveries", code: "NEB900", message: thrown.message }),
      )
      .finally(() => {
        running.delete(hook);
        if (self.again && !closing.signal.aborted) startPump(hook);
      });
  };

  const wake: Dispatcher["wake"] = (hooks) => {
    for (const hook of hooks) {
      const current = running.get(hook);
      if (current !== undefined) current.again = true;
      else if (!closing.signal.aborted) startPump(hook);
    }
  };
  const idle = async () => {
    while (running.size > 0) await Promise.all([...running.values()].map(({ done }) => done));
  };
  return {
    wake,
    idle,
    async start() {
      await pruneDeliveries(context.sql, new Date(context.clock.now()));
      wake(await waitingHooks(context.sql));
    },
    async close() {
      closing.abort();
      await idle();
    },
  };
}

async function attempt(
  context: DispatcherParts,
  fetching: typeof fetch,
  delivery: Waiting,
  closing: AbortSignal,
): Promise<void> {
  const { headers, body } = signedHeaders(context.vault, delivery);
  const startedMs = context.clock.monotonicMs();
  const timeout = AbortSignal.timeout(context.limits.hookTimeoutMs);
  const outcome = await send(fetching, delivery.url, headers, body, AbortSignal.any([timeout, closing])).catch(
    (thrown: Error) => ({
      code: 0,
      status: timeout.aborted ? "timed out" : "failed to connect to host",
      headers: {},
      body: timeout.aborted ? "" : String((thrown.cause as Error | undefined)?.message ?? thrown.message),
    }),
  );
  if (outcome.code === 0 && closing.aborted) return; // not attempted: the next process does it
  const durationMs = context.clock.monotonicMs() - startedMs;
  const at = new Date(context.clock.now());
  await recordAttempt(context.sql, delivery, { ...outcome, requestHeaders: headers, durationMs, at });
  context.observe({ kind: "webhook.delivery", event: delivery.event, status: outcome.code, durationMs });
}

async function send(
  fetching: typeof fetch,
  url: string,
  headers: Record<string, string>,
  body: string,
  signal: AbortSignal,
) {
  const response = await fetching(url, { method: "POST", headers, body, signal, redirect: "manual" });
  const text = (await response.text()).slice(0, 64 * 1024).replaceAll("\0", "");
  return {
    code: response.status,
    status: response.ok ? "OK" : response.statusText || `Invalid HTTP Response: ${response.status}`,
    headers: Object.fromEntries(response.headers),
    body: text,
  };
}
