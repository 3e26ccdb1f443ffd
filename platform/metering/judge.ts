import type { ErrorDefinition } from "../core/index.ts";
import { tellingsOf } from "../pricing/index.ts";
import type { Placement } from "../spec/index.ts";
import type { EventTarget } from "../store/index.ts";
import { notTold, tooEarly, tooLate, unknownSubject } from "./errors.ts";
import type { UsageEvent } from "./event.ts";
import { hourOf } from "./spread.ts";

/** How far a sender's clock may be ahead. */
export const aheadMs = 60_000;
/** How old an event may be, and how long a time it may be of: together what an hour stays open for. */
export const oldestMs = 48 * 3_600_000;
export const longestMs = 24 * 3_600_000;
/** Corrections of what is longer ago are nobody's invoice any more. */
const oldestCorrectionMs = 400 * 24 * 3_600_000;

export type Verdict = { readonly definition: ErrorDefinition; readonly reason: string } | undefined;

/** Why an event cannot be taken; undefined when it can. */
export function judge(event: UsageEvent, target: EventTarget | undefined, nowMs: number): Verdict {
  const { kind, meter, atMs, sinceMs } = event;
  const refuse = (fault: { readonly definition: ErrorDefinition }, reason: string): Verdict => ({
    definition: fault.definition,
    reason,
  });
  if (target === undefined) return refuse(unknownSubject, `there is no ${event.instance.replaceAll(".", "/")}`);
  const at = new Date(atMs).toISOString();
  if (atMs > nowMs + aheadMs) return refuse(tooEarly, `${at} is to come`);
  if (kind === "correction") {
    if (hourOf(atMs) + 3_600_000 > nowMs) return refuse(tooEarly, `the hour of ${at} is still open`);
    return nowMs - atMs > oldestCorrectionMs ? refuse(tooLate, `${at} is more than 400 days ago`) : undefined;
  }
  const tellings = tellingsOf(meter, target.placement as Placement);
  if (!tellings.includes(kind))
    return refuse(
      notTold,
      tellings.length === 0
        ? `${meter} of a database on ${target.placement} is not taken from outside`
        : `${meter} is told as ${tellings.join(" or ")}, not as ${kind}`,
    );
  if (nowMs - atMs > oldestMs) return refuse(tooLate, `${at} is more than 48 hours ago`);
  if (sinceMs !== null && atMs - sinceMs > longestMs) return refuse(tooLate, "it is of more than 24 hours");
  return undefined;
}
