import { finalAfterMs } from "../../platform/billing/index.ts";
import { monthOf, monthSpan } from "../../platform/pricing/index.ts";

/** Months from `since` on whose hours are final at `nowMs`, oldest first. */
export function finalMonths(since: string, nowMs: number): string[] {
  const months: string[] = [];
  for (let month = since; ; ) {
    const { toMs } = monthSpan(month);
    if (toMs + finalAfterMs > nowMs) return months;
    months.push(month);
    month = monthOf(toMs);
  }
}
