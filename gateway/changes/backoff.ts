/** When to try again. Ten waits, a little under a day in all; whoever has not taken a message by then has it among the dead. */
const waitsSeconds = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 21_600, 28_800];
const longestMs = 24 * 3_600_000;

export type NextTry = { readonly kind: "later"; readonly afterMs: number } | { readonly kind: "dead" };

export type Backoff = (failure: {
  /** That failed, this one included. */
  readonly attempts: number;
  readonly ageMs: number;
  readonly status: number;
}) => NextTry;

/** `random` spreads receivers that failed together over a fifth of the wait. 410 says that nobody will ever be there again. */
export const makeBackoff =
  (random: () => number = Math.random): Backoff =>
  ({ attempts, ageMs, status }) => {
    const wait = waitsSeconds[attempts - 1];
    if (wait === undefined || ageMs > longestMs || status === 410) return { kind: "dead" };
    return { kind: "later", afterMs: Math.round(wait * 1000 * (1 + random() * 0.2)) };
  };

/** A receiver that fails again and again is left alone as a whole: each of its messages would only wait for it. */
export function makeRests(backoff: Backoff, nowMs: () => number) {
  const most = 5;
  const failing = new Map<string, { failures: number; untilMs: number }>();
  return {
    failed(webhook: string): void {
      const one = failing.get(webhook) ?? { failures: 0, untilMs: 0 };
      one.failures += 1;
      const next =
        one.failures < most ? undefined : backoff({ attempts: one.failures - most + 1, ageMs: 0, status: 0 });
      if (next !== undefined) one.untilMs = nowMs() + (next.kind === "later" ? next.afterMs : 3_600_000);
      failing.set(webhook, one);
    },
    succeeded: (webhook: string): void => void failing.delete(webhook),
    untilMs: (webhook: string): number => failing.get(webhook)?.untilMs ?? 0,
    resting: (): string[] => [...failing].flatMap(([webhook, { untilMs }]) => (untilMs > nowMs() ? [webhook] : [])),
  };
}
