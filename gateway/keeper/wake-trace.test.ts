import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  badConfig,
  noTracer,
  openForwarder,
  type SpanRecord,
  systemClock,
  type Tracer,
  traced,
} from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { beginWakeTrace } from "./wake-trace.ts";

const id = "shop.store.orders" as DatabaseId;
const deployment = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const phases = { kind: "start", queuedMs: 5, startMs: 40, readyMs: 10 } as const;

let dataDir: string;
let tracer: Tracer;
const spans: SpanRecord[] = [];
const file = () => join(dataDir, "instances", id, "trace.json");
const leave = (woken: boolean) => writeFile(file(), JSON.stringify({ traceparent: deployment, woken }));
const begin = (through: Tracer = tracer) =>
  beginWakeTrace({ dataDir, tracer: through, clock: systemClock, report: () => undefined }, id);
const wake = (through: Tracer = tracer) => begin(through).woke(phases, systemClock.monotonicMs() - 60);
const named = (name: string) => spans.find((span) => span.name === name);

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "nebula-wakes-"));
  await mkdir(join(dataDir, "instances", id), { recursive: true });
  spans.length = 0;
  // A forwarder keeps what its parent keeps; alone it would begin no trace that is kept.
  const forwarder = await openForwarder((span) => spans.push(span));
  tracer = { ...forwarder, begin: (wish) => forwarder.begin({ ...wish, parent: wish.parent ?? begun }) };
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

/** Stands for "no parent": what begins a trace hangs here. */
const begun = "00-11111111111111111111111111111111-2222222222222222-01";

test("the first wake after a deployment belongs to it, with its phases one after the other", async () => {
  await leave(false);
  const { traceparent } = await wake();
  const span = named("gateway.wake");
  expect(span).toMatchObject({ traceId: deployment.slice(3, 35), parentSpanId: deployment.slice(36, 52), links: [] });
  expect(traceparent).toContain(span?.spanId);
  for (const name of ["wake.queued", "wake.start", "wake.ready"]) expect(named(name)?.parentSpanId).toBe(span?.spanId);
  expect(named("wake.start")?.began).toEqual(named("wake.queued")?.ended);
  const isMarked = async () => expect(JSON.parse(await readFile(file(), "utf8")).woken).toBe(true);
  await vi.waitFor(isMarked, { timeout: 30_000 });
});

test("a later one begins a trace that points at the deployment", async () => {
  await leave(true);
  await wake();
  const span = named("gateway.wake");
  expect(span?.parentSpanId).toBe(begun.slice(36, 52));
  expect(span?.links).toEqual([{ traceId: deployment.slice(3, 35), spanId: deployment.slice(36, 52) }]);
});

test("one for a request that is traced belongs to the request", async () => {
  await leave(false);
  await traced(tracer, { name: "request" }, () => wake());
  expect(named("gateway.wake")?.parentSpanId).toBe(named("request")?.spanId);
  expect(named("gateway.wake")?.links).toHaveLength(1);
});

test("what nobody left, or somebody wrote over, is no reason not to wake", async () => {
  await wake();
  await writeFile(file(), "{");
  await wake();
  expect(spans.filter(({ name }) => name === "gateway.wake")).toHaveLength(2);
});

test("one that fails is in the trace with its code, and the next one is still the first", async () => {
  await leave(false);
  const fault = badConfig("password=hunter2");
  await expect(begin().failed(fault, systemClock.monotonicMs() - 60)).rejects.toBe(fault);
  expect(named("gateway.wake")).toMatchObject({ failed: true, traceId: deployment.slice(3, 35) });
  expect(named("gateway.wake")?.facts).toMatchObject({ "error.type": "NEB901", "nebula.database": id });
  expect(JSON.stringify(spans)).not.toContain("hunter2");
  await expect(begin(noTracer).failed(fault, 0)).rejects.toBe(fault);
  spans.length = 0;
  await wake();
  expect(named("gateway.wake")?.traceId).toBe(deployment.slice(3, 35));
});

test("without tracing nothing is read, written or made", async () => {
  await leave(false);
  expect(await wake(noTracer)).toEqual({});
  expect(JSON.parse(await readFile(file(), "utf8")).woken).toBe(false);
  expect(spans).toEqual([]);
});
