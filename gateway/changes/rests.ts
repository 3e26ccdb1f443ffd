import type { Backoff } from "../../platform/webhooks/index.ts";

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
