/** Time is injected: `now` is wall clock for records, `monotonicMs` for durations and leases. */
export type Clock = {
  /** Milliseconds since the epoch. May step. */
  now(): number;
  /** Milliseconds from an arbitrary start. Never goes back. */
  monotonicMs(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done, { once: true });
      if (signal?.aborted) done();
      function done() {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      }
    }),
};

/** RFC 3339 UTC with milliseconds. */
export const toTimestamp = (ms: number): string => new Date(ms).toISOString();
