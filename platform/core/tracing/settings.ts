import { badConfig, integer, optional, secret, text } from "../config.ts";
import type { Secret } from "../secret.ts";

/** Where spans go. Without an address here or in OTEL_EXPORTER_OTLP_(TRACES_)ENDPOINT there is no tracing. */
export const traceFields = {
  /** Base address of an OTLP/HTTP receiver. Wins over the OTEL_* variables. */
  NEBULA_TRACES_URL: text(""),
  /** Headers for it, as OTEL_EXPORTER_OTLP_HEADERS writes them: name=value,name=value. */
  NEBULA_TRACES_HEADERS: optional(secret()),
  /** Of how many traces that begin here one is kept. 0: as OTEL_TRACES_SAMPLER says, else all. */
  NEBULA_TRACES_ONE_IN: integer(0),
};

type Environment = Readonly<Record<string, string | undefined>>;

export type TraceConfig = {
  readonly NEBULA_TRACES_URL: string;
  readonly NEBULA_TRACES_HEADERS: Secret | undefined;
  readonly NEBULA_TRACES_ONE_IN: number;
};

export type Sampling = {
  /** Goes by the caller's decision where there is one. */
  readonly followsParent: boolean;
  /** Share of the traces that begin here, 0 to 1. */
  readonly share: number;
};

export type TraceSettings = {
  /** Where spans are posted to. */
  readonly url: string;
  /** Of one request. */
  readonly timeoutMs: number;
  readonly headers: Secret | undefined;
  readonly encoding: "protobuf" | "json";
  readonly sampling: Sampling;
  readonly serviceName: string;
  readonly batch: {
    readonly scheduledDelayMillis: number;
    readonly maxQueueSize: number;
    readonly maxExportBatchSize: number;
    readonly exportTimeoutMillis: number;
  };
};

/** What is configured; undefined: nothing is traced. @throws NEB901 naming what cannot be. */
export function resolveTraces(env: Environment, config: TraceConfig, process: string): TraceSettings | undefined {
  const own = config.NEBULA_TRACES_URL;
  const standard = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const isOff = env.OTEL_SDK_DISABLED?.toLowerCase() === "true" || env.OTEL_TRACES_EXPORTER === "none";
  if (isOff || (own === "" && !standard)) return undefined;
  for (const [name, value] of Object.entries({ NEBULA_TRACES_URL: own, OTEL_EXPORTER_OTLP_ENDPOINT: standard }))
    if (value) requireAddress(name, value);
  if (config.NEBULA_TRACES_HEADERS !== undefined) parseHeaders(config.NEBULA_TRACES_HEADERS.reveal());
  const maxQueueSize = whole(env, "OTEL_BSP_MAX_QUEUE_SIZE", 2048);
  return {
    url: own === "" ? standardUrl(env) : below(own),
    timeoutMs: whole(env, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", whole(env, "OTEL_EXPORTER_OTLP_TIMEOUT", 10_000)),
    headers: config.NEBULA_TRACES_HEADERS,
    encoding: encodingIn(env),
    sampling: samplingIn(env, config.NEBULA_TRACES_ONE_IN),
    serviceName: env.OTEL_SERVICE_NAME || `nebuladb-${process}`,
    batch: {
      maxQueueSize,
      scheduledDelayMillis: whole(env, "OTEL_BSP_SCHEDULE_DELAY", 5000),
      maxExportBatchSize: Math.min(maxQueueSize, whole(env, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)),
      exportTimeoutMillis: whole(env, "OTEL_BSP_EXPORT_TIMEOUT", 30_000),
    },
  };
}

function requireAddress(name: string, value: string): void {
  const url = URL.parse(value);
  if (!/^https?:$/.test(url?.protocol ?? "")) throw badConfig(`${name} is no http address`);
  if (url?.username || url?.password)
    throw badConfig(`${name} holds a credential, and settings are printed: give it in NEBULA_TRACES_HEADERS_FILE`);
}

/**
 * name=value,name=value; values are percent-encoded, as OpenTelemetry has them. @throws NEB901, which repeats nothing of what it read.
 */
export function parseHeaders(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(",").filter((pair) => pair.trim() !== "");
  return Object.fromEntries(
    pairs.map((pair, i) => {
      const [, name = "", value = ""] = /^\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(.*?)\s*$/s.exec(pair) ?? [];
      const decoded = name === "" ? undefined : decode(value);
      if (decoded === undefined || !/^[\t\x20-\x7e]*$/.test(decoded))
        throw badConfig(`NEBULA_TRACES_HEADERS must be name=value,name=value; number ${i + 1} is none`);
      return [name, decoded];
    }),
  );
}

function decode(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}

const below = (base: string): string => `${base.replace(/\/+$/, "")}/v1/traces`;

/** The address of the one signal is taken as it is, the common one as a base. */
const standardUrl = (env: Environment): string =>
  env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || below(env.OTEL_EXPORTER_OTLP_ENDPOINT ?? "");

function encodingIn(env: Environment): TraceSettings["encoding"] {
  const protocol = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || env.OTEL_EXPORTER_OTLP_PROTOCOL || "http/protobuf";
  if (protocol === "http/protobuf") return "protobuf";
  if (protocol === "http/json") return "json";
  throw badConfig(`OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf or http/json, not ${protocol}`);
}

function samplingIn(env: Environment, oneIn: number): Sampling {
  if (oneIn < 0) throw badConfig("NEBULA_TRACES_ONE_IN must not be negative");
  if (oneIn > 0) return { followsParent: true, share: 1 / oneIn };
  const share = env.OTEL_TRACES_SAMPLER_ARG ? Number(env.OTEL_TRACES_SAMPLER_ARG) : 1;
  if (!(share >= 0 && share <= 1)) throw badConfig("OTEL_TRACES_SAMPLER_ARG must be between 0 and 1");
  const sampler = env.OTEL_TRACES_SAMPLER || "parentbased_always_on";
  const shares: Readonly<Record<string, number>> = { always_on: 1, always_off: 0, traceidratio: share };
  const followsParent = sampler.startsWith("parentbased_");
  const found = shares[followsParent ? sampler.slice("parentbased_".length) : sampler];
  if (found === undefined)
    throw badConfig(`OTEL_TRACES_SAMPLER must be a sampler that OpenTelemetry names, not ${sampler}`);
  return { followsParent, share: found };
}

function whole(env: Environment, name: string, fallback: number): number {
  const value = env[name] ? Number(env[name]) : fallback;
  if (!Number.isSafeInteger(value) || value < 1) throw badConfig(`${name} must be a whole number above 0`);
  return value;
}
