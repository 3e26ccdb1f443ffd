/**
 * The span that is current, and how spans are made around work.
 *
 * 1. Whoever begins a trace has a tracer (a server, a loop, a claim); everything below it needs none, and makes spans only where it
 *    was called under one. Without tracing nobody ever enters, and each of these functions is one look at an empty place.
 * 2. Tracing never changes how work comes out: what throws still throws, and a span ends with the work.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { asNebulaError } from "../errors.ts";
import { parseTraceparent } from "./traceparent.ts";
import type { Span, SpanWish, Tracer } from "./types.ts";

type Here = { readonly tracer: Tracer; readonly span: Span };

const here = new AsyncLocalStorage<Here | undefined>();

export const noSpan: Span = {
  traceparent: "",
  note: () => undefined,
  fail: () => undefined,
  end: () => undefined,
};

/** Where nothing is configured. */
export const noTracer: Tracer = { on: false, begin: () => noSpan, accept: () => undefined };

/** Does the work in a span of this tracer: for servers, loops and whoever else begins, or goes on with what came from elsewhere. */
export function traced<T>(tracer: Tracer, wish: SpanWish, work: (span: Span) => T): T {
  if (!tracer.on) return work(noSpan);
  return around(tracer, tracer.begin(resolveParent(wish)), work);
}

/** Does the work in a span below the current one; where there is none, just does it. */
export function inSpan<T>(wish: SpanWish, work: (span: Span) => T): T {
  const current = here.getStore();
  if (current === undefined) return work(noSpan);
  return around(current.tracer, current.tracer.begin(resolveParent(wish)), work);
}

/** Something that is over already: it was only known afterwards that it belongs here, and by which code it failed. */
export function recordSpan(tracer: Tracer, wish: SpanWish, endedMs: number, failedBy?: string): Span {
  if (!tracer.on) return noSpan;
  const span = tracer.begin(resolveParent(wish));
  if (failedBy !== undefined) span.fail(failedBy);
  span.end(endedMs);
  return span;
}

/** The same, below the current span, with its tracer; nothing where there is none. */
export function recordBelow(wish: SpanWish, endedMs: number): void {
  const current = here.getStore();
  if (current !== undefined) recordSpan(current.tracer, wish, endedMs);
}

/** Does the work under a span that stays open, as somebody else ends it. */
export const under = <T>(tracer: Tracer, span: Span, work: () => T): T =>
  tracer.on ? here.run({ tracer, span }, work) : work();

/** Goes on where somebody else left off, without a span of its own: what it makes hangs there. */
export const following = <T>(tracer: Tracer, traceparent: string | null | undefined, work: () => T): T =>
  tracer.on && parseTraceparent(traceparent) !== undefined
    ? here.run({ tracer, span: { ...noSpan, traceparent: String(traceparent) } }, work)
    : work();

/** Lends the span that is current now to work that is called from elsewhere, as answers to another process are. */
export function holdSpan(): <T>(work: () => T) => T {
  const held = here.getStore();
  return (work) => (held === undefined ? work() : here.run(held, work));
}

/** For what goes on after the work that started it: timers, pools, child processes, passes that many asked for. */
export const outsideSpans = <T>(work: () => T): T =>
  here.getStore() === undefined ? work() : here.run(undefined, work);

/** Adds to the current span. */
export const noteSpan: Span["note"] = (facts) => here.getStore()?.span.note(facts);

/** For a row, a header or a message; undefined where nothing is traced. */
export const currentTraceparent = (): string | undefined => here.getStore()?.span.traceparent;

/** For log lines, named as OpenTelemetry names them there. */
export function currentTraceIds(): { readonly trace_id: string; readonly span_id: string } | undefined {
  const context = parseTraceparent(currentTraceparent());
  return context === undefined ? undefined : { trace_id: context.traceId, span_id: context.spanId };
}

const resolveParent = (wish: SpanWish): SpanWish =>
  wish.parent === undefined ? { ...wish, parent: currentTraceparent() ?? null } : wish;

/** A span that was begun ends with the work. */
export function around<T>(tracer: Tracer, span: Span, work: (span: Span) => T): T {
  const failed = (thrown: unknown): never => {
    span.fail(asNebulaError(thrown).code);
    span.end();
    throw thrown;
  };
  let value: T;
  try {
    value = here.run({ tracer, span }, () => work(span));
  } catch (thrown) {
    return failed(thrown);
  }
  if (value instanceof Promise)
    return value.then((settled) => {
      span.end();
      return settled;
    }, failed) as T;
  span.end();
  return value;
}
