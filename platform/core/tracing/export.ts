/** Spans to an OTLP/HTTP receiver, by OpenTelemetry's own exporter. Loaded only where it is configured (`openTracer`). */
import { TraceFlags } from "@opentelemetry/api";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, type SpanExporter, type SpanProcessor } from "@opentelemetry/sdk-trace";
import type { Observe } from "../observations.ts";
import type { OpenTracer } from "./open.ts";
import { parseHeaders, type TraceSettings } from "./settings.ts";
import { fromRecord, makeSpans } from "./spans.ts";

/** A receiver that does not answer holds no process up for longer. */
const farewellMs = 3_000;

export function makeExportingTracer(settings: TraceSettings, version: string, observe: Observe): OpenTracer {
  const resource = detectResources({ detectors: [envDetector] }).merge(
    resourceFromAttributes({ "service.name": settings.serviceName, "service.version": version }),
  );
  const processor = makeQueue(makeExporter(settings), settings.batch, observe);
  const spans = makeSpans({ processor, resource, version, sampling: settings.sampling });
  return {
    on: true,
    begin: spans.begin,
    accept: (record) => processor.onEnd(fromRecord(record, resource, version)),
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, farewellMs);
      });
      await Promise.race([spans.shutdown().catch(() => undefined), late]);
      clearTimeout(timer);
    },
  };
}

/** What it reads in OTEL_EXPORTER_OTLP_* itself: certificates, compression, and headers beside ours. */
function makeExporter({ url, timeoutMs, headers, encoding }: TraceSettings): SpanExporter {
  const options = {
    ...{ url, timeoutMillis: timeoutMs },
    ...(headers === undefined ? {} : { headers: { ...parseHeaders(headers.reveal()) } }),
  };
  return encoding === "json" ? new JsonExporter(options) : new ProtobufExporter(options);
}

/**
 * OpenTelemetry's queue, which counts what is lost: spans that found it full, and batches that nobody took. It is said once a batch, so
 * that a receiver that is away fills no log; nothing waits for it.
 */
function makeQueue(exporter: SpanExporter, batch: TraceSettings["batch"], observe: Observe): SpanProcessor {
  let waiting = 0;
  let lost = 0;
  const inner = new BatchSpanProcessor({
    ...batch,
    exporter: {
      export(spans, done) {
        waiting -= spans.length;
        exporter.export(spans, (result) => {
          if (result.code !== 0) lost += spans.length;
          if (lost > 0) observe({ kind: "traces.lost", spans: lost });
          lost = 0;
          done(result);
        });
      },
      shutdown: () => exporter.shutdown(),
      ...(exporter.forceFlush === undefined ? {} : { forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve() }),
    },
  });
  return {
    onStart: (span, context) => inner.onStart(span, context),
    onEnd(span) {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
      if (waiting >= batch.maxQueueSize) {
        lost += 1;
        return;
      }
      waiting += 1;
      inner.onEnd(span);
    },
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
  };
}
