import { around, noSpan, under } from "./current.ts";
import { formatTraceparent, parseTraceparent } from "./traceparent.ts";
import type { Span, SpanWish, Tracer } from "./types.ts";

/** Does the work of one request from outside, in a span that goes on with its caller's trace or begins one. */
export type Door = <T>(wish: SpanWish, traceparent: unknown, work: (span: Span) => T) => T;

const usualPerSecond = 100;

/**
 * A server's way into traces. Whoever asks may say which trace it belongs to, and also that it is to be kept: so it is bounded how many
 * requests of a second are. What is beyond that is served as if nothing was traced.
 */
export function makeDoor(tracer: Tracer, options: { perSecond?: number; nowMs?: () => number } = {}): Door {
  if (!tracer.on) return (_wish, _traceparent, work) => work(noSpan);
  const { perSecond = usualPerSecond, nowMs = Date.now } = options;
  let second = 0;
  let taken = 0;
  const isRoom = (): boolean => {
    const now = Math.floor(nowMs() / 1000);
    if (now !== second) [second, taken] = [now, 0];
    return taken++ < perSecond;
  };
  return (wish, traceparent, work) => {
    const parsed = parseTraceparent(traceparent);
    const parent = parsed === undefined ? null : formatTraceparent(parsed);
    const span = tracer.begin({ ...wish, parent });
    if (span.traceparent.endsWith("-00")) return under(tracer, span, () => work(span));
    return isRoom() ? around(tracer, span, work) : work(noSpan);
  };
}
