import { setTimeout as sleep } from "node:timers/promises";

/** A machine that does three other things at once is still right: limits say "never", and no test measures time by them. */
const patience = 3;

/**
 * Calls `probe` until it returns a value that is neither undefined nor false, and returns that value.
 * @throws what the last try threw, or an Error that names `what`, after `timeoutMs`, three times that at most.
 */
export async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
  { timeoutMs = 10_000, everyMs = 25 }: { readonly timeoutMs?: number; readonly everyMs?: number } = {},
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + timeoutMs * patience;
  for (;;) {
    let failure: unknown;
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
    } catch (thrown) {
      failure = thrown;
    }
    if (performance.now() > deadline) throw failure ?? new Error(`${what}: not within ${timeoutMs} ms`);
    await sleep(everyMs);
  }
}
