import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { badConfig } from "../config.ts";
import {
  currentTraceIds,
  currentTraceparent,
  following,
  holdSpan,
  inSpan,
  noTracer,
  outsideSpans,
  recordBelow,
  traced,
} from "./current.ts";
import { makeDoor } from "./door.ts";
import { makeForwardingTracer } from "./forward.ts";
import type { SpanRecord, Tracer } from "./types.ts";

const sampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const unsampled = sampled.replace(/01$/, "00");

function recording(): { readonly tracer: Tracer; readonly spans: SpanRecord[] } {
  const spans: SpanRecord[] = [];
  return { tracer: makeForwardingTracer((span) => spans.push(span)), spans };
}
const named = (spans: readonly SpanRecord[], name: string) => spans.find((span) => span.name === name);

test("work below a span is a span below it, through awaits, and ends with the work", async () => {
  const { tracer, spans } = recording();
  await traced(tracer, { name: "outer", parent: sampled, facts: { "nebula.pull": 7 } }, async () => {
    await Promise.resolve();
    await inSpan({ name: "inner" }, async () => expect(currentTraceIds()?.trace_id).toBe(sampled.slice(3, 35)));
  });
  const [outer, inner] = [named(spans, "outer"), named(spans, "inner")];
  expect(outer).toMatchObject({ traceId: sampled.slice(3, 35), parentSpanId: sampled.slice(36, 52), failed: false });
  expect(outer?.facts).toEqual({ "nebula.pull": 7 });
  expect(inner?.parentSpanId).toBe(outer?.spanId);
});

test("what throws still throws, and its span says the code and no message", async () => {
  const { tracer, spans } = recording();
  const work = traced(tracer, { name: "outer", parent: sampled }, async () => {
    throw badConfig("password=hunter2");
  });
  await expect(work).rejects.toMatchObject({ code: "NEB901" });
  expect(() =>
    traced(tracer, { name: "outer", parent: sampled }, () => {
      throw new Error("hunter2");
    }),
  ).toThrow("hunter2");
  expect(spans.map(({ failed, facts }) => [failed, facts["error.type"]])).toEqual([
    [true, "NEB901"],
    [true, "NEB900"],
  ]);
  expect(JSON.stringify(spans)).not.toContain("hunter2");
});

test("without tracing, work is just done, and nothing is carried", async () => {
  const seen = await traced(noTracer, { name: "outer" }, async (span) => {
    recordBelow({ name: "before" }, Date.now());
    span.note({ "nebula.pull": 1 });
    return inSpan({ name: "inner" }, async () => [currentTraceparent(), currentTraceIds()]);
  });
  expect(seen).toEqual([undefined, undefined]);
});

test("what is not kept makes no span, and says so to whoever comes after", async () => {
  const { tracer, spans } = recording();
  const carried = await traced(tracer, { name: "outer", parent: unsampled }, async () => currentTraceparent());
  expect(carried).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-00$/);
  expect(spans).toEqual([]);
});

test("a span can be lent, left, and gone on with elsewhere", () => {
  const { tracer, spans } = recording();
  const lent = traced(tracer, { name: "outer", parent: sampled }, () => {
    expect(outsideSpans(currentTraceparent)).toBeUndefined();
    return holdSpan();
  });
  lent(() => inSpan({ name: "later" }, () => undefined));
  following(tracer, sampled, () => inSpan({ name: "elsewhere" }, () => undefined));
  following(tracer, "no context", () => inSpan({ name: "nowhere" }, () => undefined));
  expect(named(spans, "later")?.parentSpanId).toBe(named(spans, "outer")?.spanId);
  expect(named(spans, "elsewhere")?.parentSpanId).toBe(sampled.slice(36, 52));
  expect(named(spans, "nowhere")).toBeUndefined();
});

test("a door lets so many of a second into traces, and serves the others all the same", async () => {
  const { tracer, spans } = recording();
  let nowMs = 1_000;
  const door = makeDoor(tracer, { perSecond: 2, nowMs: () => nowMs });
  const ask = (traceparent: string) => door({ name: "request" }, traceparent, async () => "served");
  expect(await Promise.all([sampled, unsampled, sampled, sampled, sampled].map(ask))).toEqual(Array(5).fill("served"));
  expect(spans).toHaveLength(2);
  nowMs = 2_000;
  await ask(sampled);
  expect(spans).toHaveLength(3);
});

test.each([
  ["x".repeat(100_000)],
  [`${sampled}, ${sampled}`],
  [`${sampled}\n`],
  [[sampled, sampled]],
  [{ toString: (): string => "hunter2" }],
  [undefined],
])("what a stranger says of traces is a trace context or nothing", async (said) => {
  const { tracer, spans } = recording();
  const carried = await makeDoor(tracer)({ name: "request" }, said, async () => currentTraceparent());
  // A trace of its own, which this tracer keeps none of.
  expect(carried).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  expect(carried).not.toContain(sampled.slice(3, 35));
  expect(spans).toEqual([]);
});

/** prom-client loads `@opentelemetry/api` for itself: interfaces and no more. */
test("nothing of OpenTelemetry is loaded while there is nowhere to send spans to", () => {
  const program = `
    import { createRequire } from "node:module";
    const { openTracer } = await import(${JSON.stringify(join(import.meta.dirname, "..", "index.ts"))}).then(
      async () => import(${JSON.stringify(join(import.meta.dirname, "index.ts"))}));
    const loaded = () => Object.keys(createRequire(import.meta.url).cache).filter((path) => /@opentelemetry.(?!api.)/.test(path)).length;
    const config = (url) => ({ NEBULA_TRACES_URL: url, NEBULA_TRACES_HEADERS: undefined, NEBULA_TRACES_ONE_IN: 0 });
    const open = (url) => openTracer({ env: {}, config: config(url), process: "x", version: "1", observe: () => undefined });
    const [off, before] = [(await open("")).on, loaded()];
    const on = (await open("http://127.0.0.1:9")).on;
    console.log(JSON.stringify({ off, before, on, after: loaded() > 0 }));
    process.exit(0);
  `;
  const ran = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
    encoding: "utf8",
    timeout: 120_000,
    env: { PATH: process.env.PATH },
  });
  expect(JSON.parse(ran.stdout || JSON.stringify(ran.stderr))).toEqual({
    off: false,
    before: 0,
    on: true,
    after: true,
  });
});
