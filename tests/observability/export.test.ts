/** Spans to a real receiver, by OpenTelemetry's exporter: what it takes, and what happens when nobody does. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import {
  inSpan,
  type Observation,
  openForwarder,
  openTracer,
  Secret,
  type SpanRecord,
  traced,
} from "../../platform/core/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../harness/otlp-receiver.ts";
import { freePort } from "../harness/ports.ts";

let receiver: OtlpReceiver | undefined;
afterEach(async () => {
  await receiver?.close();
  receiver = undefined;
  observations.length = 0;
});

const observations: Observation[] = [];
const open = (url: string, env: Record<string, string> = {}, more: object = {}) =>
  openTracer({
    env,
    config: { NEBULA_TRACES_URL: url, NEBULA_TRACES_HEADERS: undefined, NEBULA_TRACES_ONE_IN: 0, ...more },
    ...{ process: "portal", version: "1.2.3" },
    observe: (observation) => void observations.push(observation),
  });

test.each(["http/protobuf", "http/json"])("a trace arrives whole in %s", async (protocol) => {
  receiver = await startOtlpReceiver();
  const headers = new Secret("authorization=Bearer%20secret,x-tenant=7");
  const tracer = await open(
    receiver.url,
    { OTEL_EXPORTER_OTLP_PROTOCOL: protocol },
    { NEBULA_TRACES_HEADERS: headers },
  );
  const other = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const facts = { "http.route": "/x", "nebula.pull": 7, "nebula.cached": true };
  const began = Date.now();
  await traced(tracer, { name: "POST /x", kind: "server", parent: null, links: [other], facts }, async () => {
    await inSpan({ name: "inner" }, async (span) => span.fail("NEB123"));
  });
  await tracer.close();
  const [outer, inner] = [receiver.named("POST /x")[0], receiver.named("inner")[0]];
  expect(outer).toMatchObject({ ...{ service: "nebuladb-portal", kind: 2, parentId: "", failed: false }, facts });
  expect(outer?.links).toEqual([other.slice(3, 52)]);
  expect(inner).toMatchObject({ traceId: outer?.traceId, parentId: outer?.spanId, kind: 1, failed: true });
  expect(inner?.facts).toEqual({ "error.type": "NEB123" });
  expect(outer?.beganMs).toBeGreaterThan(began - 1000);
  expect(outer?.endedMs).toBeGreaterThanOrEqual(outer?.beganMs ?? 0);
  expect(receiver.headers[0]).toMatchObject({ authorization: "Bearer secret", "x-tenant": "7" });
});

test("spans of a child process arrive as if they had been made here", async () => {
  receiver = await startOtlpReceiver();
  const tracer = await open(receiver.url);
  const crossed: SpanRecord[] = [];
  const child = await openForwarder((record) => crossed.push(structuredClone(record)));
  await traced(tracer, { name: "operation", parent: null }, async (operation) => {
    await traced(
      child,
      { name: "worker", parent: operation.traceparent, facts: { "nebula.stack": "a.b" } },
      async () => {
        await inSpan({ name: "provider" }, async (span) => span.fail("NEB300"));
      },
    );
  });
  for (const record of crossed) tracer.accept(record);
  await tracer.close();
  const one = (name: string) => receiver?.named(name)[0];
  expect(one("worker")).toMatchObject({ parentId: one("operation")?.spanId, facts: { "nebula.stack": "a.b" } });
  expect(one("provider")).toMatchObject({ parentId: one("worker")?.spanId, failed: true, service: "nebuladb-portal" });
  expect(new Set(receiver.spans.map(({ traceId }) => traceId)).size).toBe(1);
});

test("of the traces that begin here only the chosen share is kept, each of them whole", async () => {
  receiver = await startOtlpReceiver();
  const tracer = await open(receiver.url, {}, { NEBULA_TRACES_ONE_IN: 4 });
  for (let i = 0; i < 400; i++)
    await traced(tracer, { name: "outer", parent: null }, () => inSpan({ name: "inner" }, () => undefined));
  await tracer.close();
  const kept = receiver.named("outer").length;
  // A quarter of 400: 100, and six standard deviations to each side.
  expect(kept).toBeGreaterThan(45);
  expect(kept).toBeLessThan(155);
  expect(receiver.named("inner")).toHaveLength(kept);
});

test("a receiver that is away costs nobody anything: it is said how many were lost", async () => {
  const tracer = await open(`http://127.0.0.1:${await freePort(1)}`, { OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "200" });
  await traced(tracer, { name: "outer", parent: null }, async () => undefined);
  await tracer.close();
  expect(observations.filter(({ kind }) => kind === "traces.lost")).toEqual([{ kind: "traces.lost", spans: 1 }]);
});

const lostSpans = () => observations.reduce((sum, one) => (one.kind === "traces.lost" ? sum + one.spans : sum), 0);

test("more spans than the queue holds are dropped and counted, and the others arrive", async () => {
  receiver = await startOtlpReceiver();
  const tracer = await open(receiver.url, { OTEL_BSP_MAX_QUEUE_SIZE: "10", OTEL_BSP_SCHEDULE_DELAY: "60000" });
  for (let i = 0; i < 500; i++) traced(tracer, { name: "many", parent: null }, () => undefined);
  await tracer.close();
  expect(receiver.named("many").length).toBeGreaterThan(0);
  expect(receiver.named("many").length + lostSpans()).toBe(500);
});

test("a receiver that takes connections and never answers holds nobody up, and its spans are counted as lost", async () => {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const few = { OTEL_BSP_MAX_QUEUE_SIZE: "8", OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "300", OTEL_BSP_SCHEDULE_DELAY: "50" };
  const tracer = await open(`http://127.0.0.1:${port}`, few);
  try {
    for (let i = 0; i < 100; i++) expect(traced(tracer, { name: "many", parent: null }, () => i)).toBe(i);
    await eventually("all are told to be lost", () => lostSpans() === 100, { timeoutMs: 60_000 });
    await tracer.close();
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

test.each([307, 401, 500])(
  "a receiver that answers %i is told nothing twice, and follows us nowhere",
  async (status) => {
    let asked = 0;
    const elsewhere = await startOtlpReceiver();
    const server = createServer((request, response) => {
      asked += 1;
      request.resume();
      response.writeHead(status, { location: `${elsewhere.url}/v1/traces` }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const tracer = await open(`http://127.0.0.1:${port}`, { OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "60000" });
      await traced(tracer, { name: "outer", parent: null }, async () => undefined);
      await tracer.close();
      expect([asked, lostSpans(), elsewhere.spans.length]).toEqual([1, 1, 0]);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await elsewhere.close();
    }
  },
);
