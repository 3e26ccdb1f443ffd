import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Observation } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Sample } from "../../platform/telemetry/index.ts";
import type { Kept, SecondLayer } from "./second-layer.ts";
import { makeServedMetrics } from "./served.ts";
import type { Source } from "./source.ts";

const id: DatabaseId = "shop.store.orders";
const seen = (connections: number): Sample => ({
  ...{ state: "awake", atMs: 0, startedAtMs: 0, values: { connections }, rates: {} },
});

/** The code that a question is refused with. */
const codeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => "nothing was refused",
    (thrown: unknown) => (thrown as { readonly code: string }).code,
  );

let nowMs = 0;
const pass = (ms: number): void => {
  nowMs += ms;
  vi.setSystemTime(nowMs);
};
beforeEach(() => {
  nowMs = 1_000_000;
  vi.useFakeTimers({ now: nowMs, toFake: ["Date"] });
  return () => vi.useRealTimers();
});

/** A second layer in memory with the test's time, which several paths may share. */
function sharedLayer(): SecondLayer & { fails: boolean } {
  const rows = new Map<string, { sample: Sample; keptMs: number; forMs: number }>();
  const layer = {
    fails: false,
    async get(key: string): Promise<Kept | undefined> {
      if (layer.fails) throw new Error("the layer is away");
      const row = rows.get(key);
      if (row === undefined || nowMs - row.keptMs > row.forMs) return undefined;
      return { sample: row.sample, ageMs: nowMs - row.keptMs };
    },
    async put(key: string, sample: Sample, forMs: number) {
      if (layer.fails) throw new Error("the layer is away");
      rows.set(key, { sample, keptMs: nowMs, forMs });
    },
    close: async () => undefined,
  };
  return layer;
}

function ground(second = sharedLayer()) {
  const observed: Observation[] = [];
  const source = {
    looks: 0,
    fails: false,
    last: undefined as Sample | undefined,
  };
  const port: Source = {
    async look() {
      source.looks += 1;
      await Promise.resolve();
      if (source.fails) throw new Error("nobody answers");
      return seen(source.looks);
    },
    last: async () => source.last,
  };
  const served = makeServedMetrics({
    ...{ second, source: port, observe: (it) => void observed.push(it) },
    clock: { monotonicMs: () => nowMs },
  });
  const read = async () => {
    const { sample, layer } = await served.read(id);
    return [layer, sample.values.connections] as const;
  };
  const layers = () => observed.flatMap((it) => (it.kind === "metrics.served" ? [it.layer] : []));
  return { second, source, served, read, observed, layers };
}

describe("figures of a database", () => {
  it("are looked up once, then come from memory for five seconds, then from what portals share for fifteen", async () => {
    const { read, source } = ground();
    expect(await read()).toEqual(["source", 1]);
    pass(4_900);
    expect(await read()).toEqual(["l1", 1]);
    pass(200);
    expect(await read()).toEqual(["l2", 1]);
    pass(5_100);
    expect(await read()).toEqual(["l2", 1]);
    expect(source.looks).toBe(1);
  });

  it("are looked up once however many ask together", async () => {
    const { served, source } = ground();
    const answers = await Promise.all(Array.from({ length: 200 }, () => served.read(id)));
    expect(source.looks).toBe(1);
    expect(new Set(answers.map(({ sample }) => sample.values.connections))).toEqual(new Set([1]));
  });

  it("are looked up once for all portals", async () => {
    const one = ground();
    const other = ground(one.second);
    await one.read();
    expect(await other.read()).toEqual(["l2", 1]);
    expect(other.source.looks).toBe(0);
  });

  it("that are past their time are answered at once, and looked up behind the answer", async () => {
    const { read, source, served } = ground();
    await read();
    pass(20_000);
    expect(await read()).toEqual(["stale", 1]);
    await vi.waitFor(() => expect(source.looks).toBe(2));
    await served.close();
    pass(1_100);
    expect(await read()).toEqual(["l2", 2]);
  });

  it("older than five minutes more are not answered while somebody can look", async () => {
    const { read } = ground();
    await read();
    pass(5 * 60_000 + 16_000);
    expect(await read()).toEqual(["source", 2]);
  });

  it("stay those of five minutes ago while nobody can look, and are as last seen after that", async () => {
    const { read, source } = ground();
    await read();
    source.fails = true;
    pass(4 * 60_000);
    expect(await read()).toEqual(["stale", 1]);
    pass(2 * 60_000);
    source.last = seen(99);
    expect(await read()).toEqual(["stale", 99]);
  });

  it("that nobody can look up and nobody remembers are refused with a code that asks to come back", async () => {
    const { read, source } = ground();
    source.fails = true;
    await expect(read()).rejects.toMatchObject({ code: "NEB472", status: 503, retry: true });
  });

  it("of a database that nobody has ever looked at do not exist, and that is no failure of the source", async () => {
    const { observed } = ground();
    const looks = { look: vi.fn(async () => undefined), last: async () => undefined };
    const served = makeServedMetrics({
      ...{ second: sharedLayer(), source: looks, observe: (it) => void observed.push(it) },
      clock: { monotonicMs: () => nowMs },
    });
    for (let i = 0; i < 9; i++) expect(await codeOf(served.read(id))).toBe("NEB473");
    expect(looks.look).toHaveBeenCalledTimes(9);
  });
});

describe("a source that fails", () => {
  it("is left alone after five failures in a row, and asked once after thirty seconds", async () => {
    const { read, source, observed } = ground();
    source.fails = true;
    for (let i = 0; i < 20; i++) expect(await codeOf(read())).toBe("NEB472");
    expect(source.looks).toBe(5);
    pass(31_000);
    expect(await codeOf(read())).toBe("NEB472");
    expect(await codeOf(read())).toBe("NEB472");
    expect(source.looks).toBe(6);
    source.fails = false;
    pass(31_000);
    expect(await read()).toEqual(["source", 7]);
    expect(observed.flatMap((it) => (it.kind === "metrics.breaker" ? [it.state] : []))).toEqual([
      "open",
      "open",
      "closed",
    ]);
  });

  it("is that of one database: others are asked", async () => {
    const { served, source } = ground();
    source.fails = true;
    for (let i = 0; i < 6; i++) await codeOf(served.read(id));
    source.fails = false;
    expect((await served.read("shop.store.sessions")).layer).toBe("source");
    expect(await codeOf(served.read(id))).toBe("NEB472");
  });
});

describe("without the second layer", () => {
  it("answers are slower and as right, and the fault is told", async () => {
    const { read, second, observed } = ground();
    second.fails = true;
    expect(await read()).toEqual(["source", 1]);
    expect(await read()).toEqual(["l1", 1]);
    pass(5_100);
    expect(await read()).toEqual(["source", 2]);
    expect(observed.some((it) => it.kind === "fault" && it.where === "metrics.second")).toBe(true);
  });
});

it("nineteen of twenty questions of people who look on are answered from memory", async () => {
  const { read, layers, served } = ground();
  // a picture that is drawn anew every five seconds by ten people for ten minutes
  for (let turn = 0; turn < 120; turn++) {
    for (let person = 0; person < 10; person++) await read();
    pass(5_001);
  }
  await served.close();
  const all = layers();
  const asked = all.filter((layer) => layer === "source" || layer === "none").length;
  expect(all).toHaveLength(1200);
  expect(1 - asked / all.length).toBeGreaterThanOrEqual(0.95);
});
