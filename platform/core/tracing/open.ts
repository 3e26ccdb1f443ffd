import type { Observe } from "../observations.ts";
import { noTracer } from "./current.ts";
import { resolveTraces, type TraceConfig } from "./settings.ts";
import type { SpanRecord, Tracer } from "./types.ts";

export type OpenTracer = Tracer & {
  /** Sends what is left, for a few seconds at most. */
  close(): Promise<void>;
};

type Environment = Readonly<Record<string, string | undefined>>;

/** A process's tracer, as it is configured. OpenTelemetry is loaded here, and only when there is somewhere to send spans to. */
export async function openTracer(options: {
  readonly env: Environment;
  readonly config: TraceConfig;
  readonly process: string;
  readonly version: string;
  readonly observe: Observe;
}): Promise<OpenTracer> {
  const settings = resolveTraces(options.env, options.config, options.process);
  if (settings === undefined) return { ...noTracer, close: async () => undefined };
  const { makeExportingTracer } = await import("./export.ts");
  return makeExportingTracer(settings, options.version, options.observe);
}

/** A child process's tracer: its spans go to whoever started it, who exports them. */
export async function openForwarder(send: (record: SpanRecord) => void): Promise<Tracer> {
  const { makeForwardingTracer } = await import("./forward.ts");
  return makeForwardingTracer(send);
}
