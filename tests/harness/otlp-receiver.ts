/**
 * A receiver of OpenTelemetry's protocol: an HTTP server of our own that takes POST /v1/traces and decodes it, in protobuf or JSON, by
 * the published messages and without any code of OpenTelemetry's. What it has understood is what was really sent.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { type Field, fieldsOf, hex, textOf } from "./protobuf.ts";

export type ReceivedSpan = {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: it begins its trace. */
  readonly parentId: string;
  readonly kind: number;
  readonly beganMs: number;
  readonly endedMs: number;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly links: readonly string[];
  readonly failed: boolean;
};

export type OtlpReceiver = {
  /** Base address: what OTEL_EXPORTER_OTLP_ENDPOINT is set to. */
  readonly url: string;
  readonly spans: ReceivedSpan[];
  /** Of each request. */
  readonly headers: Readonly<Record<string, unknown>>[];
  /** Everything that came, as it came: what must not be in it is looked for here. */
  readonly raw: () => Buffer;
  /** By their names. */
  named(name: string): readonly ReceivedSpan[];
  close(): Promise<void>;
};

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const headers: Record<string, unknown>[] = [];
  const bodies: Buffer[] = [];
  const server = createServer(async (request, response) => {
    const sent = await buffer(request);
    if (request.method !== "POST" || request.url !== "/v1/traces") return void response.writeHead(404).end();
    const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent;
    const isJson = request.headers["content-type"]?.startsWith("application/json") === true;
    headers.push(request.headers);
    bodies.push(body);
    spans.push(...(isJson ? fromJson(body) : fromProtobuf(body)));
    // An empty ExportTraceServiceResponse: all was taken.
    response.writeHead(200, { "content-type": isJson ? "application/json" : "application/x-protobuf" });
    response.end(isJson ? "{}" : "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ spans, headers },
    raw: () => Buffer.concat(bodies),
    named: (name) => spans.filter((span) => span.name === name),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Attributes whose values are no text and no number have none here. */
type JsonValue = { readonly stringValue?: string; readonly intValue?: number | string; readonly boolValue?: boolean };
type JsonPairs = readonly { readonly key: string; readonly value: JsonValue }[];
type JsonSpan = {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: JsonPairs;
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status?: { readonly code?: number };
};

function fromJson(body: Buffer): ReceivedSpan[] {
  const { resourceSpans } = JSON.parse(body.toString("utf8")) as {
    resourceSpans: { resource: { attributes: JsonPairs }; scopeSpans: { spans: JsonSpan[] }[] }[];
  };
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        service: String(factsOf(resource.attributes)["service.name"]),
        ...{ name: span.name, traceId: span.traceId, spanId: span.spanId, parentId: span.parentSpanId ?? "" },
        kind: span.kind,
        beganMs: Number(BigInt(span.startTimeUnixNano) / 1000n) / 1000,
        endedMs: Number(BigInt(span.endTimeUnixNano) / 1000n) / 1000,
        facts: factsOf(span.attributes ?? []),
        links: (span.links ?? []).map(({ traceId, spanId }) => `${traceId}-${spanId}`),
        failed: span.status?.code === 2,
      })),
    ),
  );
}

const factsOf = (pairs: JsonPairs): Record<string, unknown> =>
  Object.fromEntries(
    pairs.map(({ key, value }) => [key, value.stringValue ?? value.boolValue ?? Number(value.intValue)]),
  );

/** ExportTraceServiceRequest: resource_spans = 1 { resource = 1, scope_spans = 2 { spans = 2 } }. */
function fromProtobuf(body: Buffer): ReceivedSpan[] {
  return all(fieldsOf(body), 1).flatMap((resourceSpans) => {
    const [resource] = all(resourceSpans, 1);
    const service = String(pairsOf(resource ?? [], 1)["service.name"]);
    return all(resourceSpans, 2)
      .flatMap((scopeSpans) => all(scopeSpans, 2))
      .map((span) => spanOf(service, span));
  });
}

function spanOf(service: string, span: readonly Field[]): ReceivedSpan {
  const one = (number: number) => span.find((field) => field.number === number);
  const nanoseconds = (number: number) => Number((one(number)?.integer ?? 0n) / 1000n) / 1000;
  const [status] = all(span, 15);
  return {
    service,
    name: textOf(one(5)),
    ...{ traceId: hex(one(1)), spanId: hex(one(2)), parentId: hex(one(4)) },
    kind: Number(one(6)?.integer ?? 0n),
    ...{ beganMs: nanoseconds(7), endedMs: nanoseconds(8) },
    facts: pairsOf(span, 9),
    links: all(span, 13).map((link) => {
      const part = (number: number) => hex(link.find((field) => field.number === number));
      return `${part(1)}-${part(2)}`;
    }),
    failed: status?.find((field) => field.number === 3)?.integer === 2n,
  };
}

/** KeyValue { key = 1, value = 2 AnyValue { string = 1, bool = 2, int = 3 } }. */
const pairsOf = (fields: readonly Field[], number: number): Record<string, unknown> =>
  Object.fromEntries(
    all(fields, number).map((pair) => {
      const [value] = all(pair, 2);
      const [given] = value ?? [];
      const key = textOf(pair.find((field) => field.number === 1));
      if (given?.number === 1) return [key, textOf(given)];
      return [key, given?.number === 2 ? given.integer === 1n : Number(given?.integer)];
    }),
  );

/** The messages in the fields of a number. */
const all = (fields: readonly Field[], number: number): readonly (readonly Field[])[] =>
  fields.flatMap((field) => (field.number === number && field.bytes !== undefined ? [fieldsOf(field.bytes)] : []));
