import { following, noTracer, type Observe, recordSpan } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { WakePhases, WireDeps } from "./types.ts";

type Woken = {
  readonly instance: DatabaseId;
  /** From its wake to its first answer. */
  readonly sinceWakeMs: number;
};

/** The end of a wake, as its client saw it: signed in at the server, and the first row. Answers how to tell of it in that trace. */
export function traceFirstRow(
  { tracer = noTracer, clock, observe }: Pick<WireDeps, "tracer" | "clock" | "observe">,
  { traceparent }: WakePhases,
  { instance, sinceWakeMs }: Woken,
): Observe {
  if (!tracer.on || traceparent === undefined) return observe;
  const endedMs = clock.now();
  const wish = { name: "gateway.first_row", parent: traceparent, facts: { "nebula.database": instance } };
  recordSpan(tracer, { ...wish, beganMs: endedMs - Math.max(0, sinceWakeMs) }, endedMs);
  return (observation) => following(tracer, traceparent, () => observe(observation));
}
