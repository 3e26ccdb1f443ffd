/** Our spans over OpenTelemetry's. Loaded only where something is traced. */
import {
  type Attributes,
  type Context,
  SpanKind as OtelKind,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  type SpanContext,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { emptyResource, type Resource } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Sampling } from "./settings.ts";
import { formatTraceparent, parseTraceparent, type TraceContext } from "./traceparent.ts";
import type { Span, SpanKind, SpanRecord, SpanWish, Tracer } from "./types.ts";

export const scopeName = "nebuladb";

/** Of a value: codes, ids and names are shorter; what is not must not be there. */
const longestFact = 256;

export type SpanMaker = Pick<Tracer, "begin"> & { shutdown(): Promise<void> };

/** Makes spans and gives what is over to a processor. */
export function makeSpans(options: {
  readonly processor: SpanProcessor;
  readonly sampling: Sampling;
  readonly resource?: Resource;
  readonly version?: string;
}): SpanMaker {
  const provider = new TracerProvider({
    resource: options.resource ?? emptyResource(),
    sampler: samplerOf(options.sampling),
    spanProcessors: [options.processor],
    spanLimits: { attributeValueLengthLimit: longestFact, attributeCountLimit: 32, linkCountLimit: 16 },
  });
  const tracer = provider.getTracer(scopeName, options.version);
  return {
    begin: ({ name, kind = "internal", parent, links = [], facts = {}, beganMs }) =>
      toSpan(
        tracer.startSpan(
          name,
          {
            kind: kinds[kind],
            attributes: facts as Attributes,
            links: links.flatMap(contextOf).map((context) => ({ context })),
            ...(beganMs === undefined ? {} : { startTime: beganMs }),
          },
          below(parent),
        ),
      ),
    shutdown: () => provider.shutdown(),
  };
}

const kinds: Readonly<Record<SpanKind, OtelKind>> = {
  internal: OtelKind.INTERNAL,
  server: OtelKind.SERVER,
  client: OtelKind.CLIENT,
  producer: OtelKind.PRODUCER,
  consumer: OtelKind.CONSUMER,
};

function samplerOf({ followsParent, share }: Sampling): Sampler {
  const root =
    share >= 1 ? new AlwaysOnSampler() : share <= 0 ? new AlwaysOffSampler() : new TraceIdRatioBasedSampler(share);
  return followsParent ? new ParentBasedSampler({ root }) : root;
}

const toContext = ({ traceId, spanId, sampled }: TraceContext): SpanContext => ({
  ...{ traceId, spanId, isRemote: true },
  traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
});

const contextOf = (traceparent: string): SpanContext[] => {
  const parsed = parseTraceparent(traceparent);
  return parsed === undefined ? [] : [toContext(parsed)];
};

const below = (parent: SpanWish["parent"]): Context => {
  const [context] = parent == null ? [] : contextOf(parent);
  return context === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, context);
};

function toSpan(span: OtelSpan): Span {
  const { traceId, spanId, traceFlags } = span.spanContext();
  const sampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
  return {
    traceparent: formatTraceparent({ traceId, spanId, sampled }),
    note: (facts) => void span.setAttributes(facts as Attributes),
    fail: (code) => void span.setAttribute("error.type", code).setStatus({ code: SpanStatusCode.ERROR, message: code }),
    end: (atMs) => span.end(atMs),
  };
}

/** A span that is over, for a pipe. */
export const toRecord = (span: ReadableSpan): SpanRecord => ({
  name: span.name,
  kind: span.kind,
  traceId: span.spanContext().traceId,
  spanId: span.spanContext().spanId,
  parentSpanId: span.parentSpanContext?.spanId,
  began: span.startTime,
  ended: span.endTime,
  failed: span.status.code === SpanStatusCode.ERROR,
  facts: span.attributes as SpanRecord["facts"],
  links: span.links.map(({ context: { traceId, spanId } }) => ({ traceId, spanId })),
});

/** And back, as if it had been made here. */
export function fromRecord(record: SpanRecord, resource: Resource, version?: string): ReadableSpan {
  const { traceId, began, ended, parentSpanId } = record;
  const context = (spanId: string): SpanContext => ({ traceId, spanId, traceFlags: TraceFlags.SAMPLED });
  const nanoseconds = (ended[0] - began[0]) * 1e9 + (ended[1] - began[1]);
  const code = record.facts["error.type"];
  return {
    name: record.name,
    kind: record.kind,
    spanContext: () => context(record.spanId),
    ...(parentSpanId === undefined ? {} : { parentSpanContext: context(parentSpanId) }),
    startTime: [...began],
    endTime: [...ended],
    duration: [Math.floor(nanoseconds / 1e9), nanoseconds % 1e9],
    status: record.failed
      ? { code: SpanStatusCode.ERROR, message: String(code ?? "") }
      : { code: SpanStatusCode.UNSET },
    attributes: { ...record.facts },
    links: record.links.map((link) => ({ context: { ...link, traceFlags: TraceFlags.SAMPLED } })),
    events: [],
    ended: true,
    ...{ resource, instrumentationScope: { name: scopeName, ...(version === undefined ? {} : { version }) } },
    ...{ droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
  };
}
