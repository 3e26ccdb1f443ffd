import { expect, test } from "vitest";
import { Secret } from "../secret.ts";
import { parseHeaders, resolveTraces, type TraceConfig } from "./settings.ts";

const own: TraceConfig = { NEBULA_TRACES_URL: "", NEBULA_TRACES_HEADERS: undefined, NEBULA_TRACES_ONE_IN: 0 };
const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };
const resolve = (env: Record<string, string>, config = own) => resolveTraces(env, config, "portal");

test("without an address nothing is traced, whatever else is set", () => {
  expect(resolve({ OTEL_TRACES_SAMPLER: "always_on", OTEL_SERVICE_NAME: "x" })).toBeUndefined();
});

test.each([{ OTEL_SDK_DISABLED: "true" }, { OTEL_TRACES_EXPORTER: "none" }])("%o switches it off", (off) => {
  expect(resolve({ ...endpoint, ...off } as Record<string, string>)).toBeUndefined();
});

test("the standard variables are enough", () => {
  expect(resolve(endpoint)).toMatchObject({
    ...{ url: "http://collector:4318/v1/traces", timeoutMs: 10_000 },
    ...{ encoding: "protobuf", serviceName: "nebuladb-portal" },
    sampling: { followsParent: true, share: 1 },
    batch: { maxQueueSize: 2048, maxExportBatchSize: 512, scheduledDelayMillis: 5000, exportTimeoutMillis: 30_000 },
  });
  const all = {
    ...{ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: "http/json", OTEL_SERVICE_NAME: "mine" },
    ...{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.25", OTEL_BSP_MAX_QUEUE_SIZE: "100" },
  };
  expect(resolve(all)).toMatchObject({
    ...{ encoding: "json", serviceName: "mine", sampling: { followsParent: false, share: 0.25 } },
    batch: { maxQueueSize: 100, maxExportBatchSize: 100 },
  });
});

test("the address of the one signal is taken as it is", () => {
  const own = { ...endpoint, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://traces:4318/in" };
  expect(resolve(own)).toMatchObject({ url: "http://traces:4318/in" });
});

test("our own settings win", () => {
  const config = { ...own, NEBULA_TRACES_URL: "https://traces.example.com/", NEBULA_TRACES_ONE_IN: 50 };
  expect(resolve({ ...endpoint, OTEL_TRACES_SAMPLER: "always_off" }, config)).toMatchObject({
    url: "https://traces.example.com/v1/traces",
    sampling: { followsParent: true, share: 0.02 },
  });
});

test.each([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" }, "no http address"],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "https://ada:hunter2@collector:4318" }, "holds a credential"],
  [{ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, "http/protobuf or http/json"],
  [{ ...endpoint, OTEL_TRACES_SAMPLER: "sometimes" }, "OTEL_TRACES_SAMPLER"],
  [{ ...endpoint, OTEL_TRACES_SAMPLER: "parentbased_sometimes" }, "OTEL_TRACES_SAMPLER"],
  [{ ...endpoint, OTEL_TRACES_SAMPLER_ARG: "2" }, "between 0 and 1"],
  [{ ...endpoint, OTEL_BSP_SCHEDULE_DELAY: "0" }, "OTEL_BSP_SCHEDULE_DELAY"],
] as const)("%o is refused, and says why", (env, why) => {
  expect(() => resolve(env as Record<string, string>)).toThrow(why);
});

test("headers are read as OpenTelemetry writes them", () => {
  expect(parseHeaders("authorization=Bearer%20a%3Db, x-scope = 7,")).toEqual({
    authorization: "Bearer a=b",
    "x-scope": "7",
  });
});

test.each(["hunter2", "=hunter2", "a b=hunter2", "a=hunter2%", "a=hunter2%0d%0ab:c"])(
  "%j is no header: it is refused at the start, and not repeated",
  (text) => {
    const config = { ...own, NEBULA_TRACES_HEADERS: new Secret(text) };
    const reading = () => resolve(endpoint, config);
    expect(reading).toThrow("NEBULA_TRACES_HEADERS");
    expect(reading).not.toThrow("hunter2");
  },
);
