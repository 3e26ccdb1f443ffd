/**
 * All that a span may say of what it is about. A name that is not here does not compile: so no statement's text, no value of a
 * tenant's, no header and no credential comes into a trace, whoever writes the next span.
 */
export type SpanFacts = {
  readonly "http.request.method"?: string;
  /** The route's pattern, never the path. */
  readonly "http.route"?: string;
  readonly "http.response.status_code"?: number;
  /** `host[:port]` of somebody else. */
  readonly "server.address"?: string;
  /** A code of docs/errors.md. */
  readonly "error.type"?: string;
  /** `owner/name` at the Git host. */
  readonly "nebula.repository"?: string;
  readonly "nebula.pull"?: number;
  readonly "nebula.commit"?: string;
  /** `tenant.project` */
  readonly "nebula.stack"?: string;
  /** `tenant.project.database` */
  readonly "nebula.database"?: string;
  readonly "nebula.operation"?: string;
  readonly "nebula.operation.type"?: string;
  readonly "nebula.attempt"?: number;
  /** How it came out: a word of ours. */
  readonly "nebula.outcome"?: string;
  /** What is being done: a word of ours or of Pulumi's. */
  readonly "nebula.verb"?: string;
  readonly "nebula.request"?: string;
  readonly "nebula.count"?: number;
  readonly "nebula.cached"?: boolean;
};

export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer";

export type SpanWish = {
  /** Of a bounded set: no id, no address. */
  readonly name: string;
  /** Default: internal. */
  readonly kind?: SpanKind;
  /** A traceparent. Undefined: the span that is current here. Null: none, it begins a trace. */
  readonly parent?: string | null | undefined;
  /** Traceparents of what it has to do with, and that did not cause it. */
  readonly links?: readonly string[];
  readonly facts?: SpanFacts;
  /** Milliseconds since the epoch. Default: now. */
  readonly beganMs?: number;
};

export type Span = {
  readonly traceparent: string;
  note(facts: SpanFacts): void;
  /** It did not come out well; the code says how, no message does. */
  fail(code: string): void;
  /** Milliseconds since the epoch. Default: now. */
  end(atMs?: number): void;
};

/** A span that is over, as it crosses a pipe. Times are seconds and nanoseconds. */
export type SpanRecord = {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly began: readonly [number, number];
  readonly ended: readonly [number, number];
  readonly failed: boolean;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
};

/** Makes spans. Which of them are kept is decided where a trace begins, and everybody after goes by that. */
export type Tracer = {
  /** False: nothing is made, nothing is loaded, and what would carry a context is not written. */
  readonly on: boolean;
  begin(wish: SpanWish): Span;
  /** Takes over a span that another process of ours made. */
  accept(record: SpanRecord): void;
};
