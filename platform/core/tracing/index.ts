/**
 * Traces: one OpenTelemetry trace from a request to what it came to, over processes, Git and days (docs/tracing.md, decision 0039).
 * Makes and exports spans; what is worth one is for each room to say.
 */
export {
  currentTraceIds,
  currentTraceparent,
  following,
  holdSpan,
  inSpan,
  noTracer,
  noteSpan,
  outsideSpans,
  recordBelow,
  recordSpan,
  traced,
  under,
} from "./current.ts";
export { type Door, makeDoor } from "./door.ts";
export { type OpenTracer, openForwarder, openTracer } from "./open.ts";
export { resolveTraces, traceFields } from "./settings.ts";
export { formatTraceparent, parseTraceparent } from "./traceparent.ts";
export type { Span, SpanFacts, SpanRecord, SpanWish, Tracer } from "./types.ts";
