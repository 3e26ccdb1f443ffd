import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MeteredInstance, UsageSample } from "../../platform/store/index.ts";
import { measure, type Position, positionOf, slotMs } from "./measure.ts";
import { makeTimeline } from "./timeline.ts";

const minute = 60_000;
const hour = 60 * minute;
const start = Date.UTC(2026, 4, 31, 22, 0, 0);
const gib = 1024 ** 3;

const instance = (change: Partial<MeteredInstance> = {}): MeteredInstance =>
  ({
    id: "acme.shop.orders",
    phase: "Ready",
    spec: { compute: { minUnits: 0.25, maxUnits: 0.5, suspendAfterSeconds: 0 }, instances: 1, replicas: 0 },
    commit: "c0ffee",
    createdAt: new Date(start),
    dataDir: null,
    ...change,
  }) as MeteredInstance;

/** A machine whose true time, clock and processes the test moves; what the ledger would hold; and what is true. */
function makeWorld() {
  let trueMs = 0;
  let offsetMs = 0;
  let bootMs = 0;
  let startedAtMs: number | null = start;
  let awakeMs = 0;
  const ledger = new Map<number, UsageSample>();
  const clock = {
    now: () => start + trueMs + offsetMs,
    monotonicMs: () => trueMs - bootMs + 0.5,
    sleep: async () => {},
  };
  let position: Position | undefined;
  let timeline = makeTimeline(clock, 0);
  const world = {
    ledger,
    clock,
    awakeMs: () => awakeMs,
    samples: () => [...ledger.values()],
    run(ms: number) {
      trueMs += ms;
      if (startedAtMs !== null) awakeMs += ms;
    },
    step(ms: number) {
      offsetMs += ms;
    },
    sleep() {
      startedAtMs = null;
    },
    wake() {
      startedAtMs ??= clock.now();
    },
    look(of: MeteredInstance = instance()) {
      const moment = timeline();
      const measured = measure(of, { startedAtMs, connections: 2, storageBytes: gib, stretches: [] }, position, moment);
      for (const sample of measured.samples) {
        const held = ledger.get(sample.slotMs);
        if (held !== undefined) {
          expect(sample.awakeMs).toBeGreaterThanOrEqual(held.awakeMs);
          expect(sample.untilMs).toBeGreaterThanOrEqual(held.untilMs);
        }
        ledger.set(sample.slotMs, sample);
      }
      position = measured.position;
    },
    /** The metering process dies and comes back after a while; databases go on. */
    restart(downMs: number) {
      world.run(downMs);
      bootMs = trueMs;
      const last = world.samples().at(-1);
      position = last && positionOf(last, null);
      timeline = makeTimeline(clock, last?.untilMs ?? 0);
    },
    meteredMs: () => world.samples().reduce((sum, { awakeMs: ms }) => sum + ms, 0),
  };
  return world;
}

describe("a database that is awake", () => {
  test("is metered to the millisecond, over the edges of slots, hours and months", () => {
    const world = makeWorld();
    world.look();
    for (let i = 0; i < 200; i++) {
      world.run(59_000 + i * 17);
      world.look();
    }
    expect(world.meteredMs()).toBe(world.awakeMs());
    const [first] = world.samples();
    expect(first).toMatchObject({
      slotMs: start,
      slotSeconds: 60,
      commit: "c0ffee",
      connections: 2,
      storageBytes: gib,
    });
    for (const sample of world.samples()) {
      expect(sample.slotMs % slotMs).toBe(0);
      expect(sample.computeUnitMs).toBe(sample.awakeMs / 2);
      expect(sample.connectionMs).toBe(sample.awakeMs * 2);
      expect(sample.storageByteMs).toBe(BigInt(gib) * BigInt(sample.awakeMs));
    }
  });

  test("is metered for each of its servers, the primary and its standbys", () => {
    const of = (replicas: number) => {
      const world = makeWorld();
      const one = instance();
      world.look({ ...one, spec: { ...one.spec, replicas } });
      world.run(minute);
      world.look({ ...one, spec: { ...one.spec, replicas } });
      return world.samples().reduce((sum, { computeUnitMs }) => sum + computeUnitMs, 0);
    };
    expect(of(0)).toBe(minute / 2);
    expect(of(2)).toBe(3 * of(0));
  });

  test("is metered from its start, not from the first look", () => {
    const world = makeWorld();
    world.run(90_000);
    world.look();
    expect(world.meteredMs()).toBe(90_000);
  });

  test("is metered through a restart of the meter", () => {
    const world = makeWorld();
    for (let i = 0; i < 5; i++) {
      world.run(40_000);
      world.look();
      world.restart(3 * hour + 1234);
      world.look();
    }
    expect(world.meteredMs()).toBe(world.awakeMs());
  });

  test("is not metered for longer ago than windows may be revised", () => {
    const world = makeWorld();
    world.run(minute);
    world.look();
    world.restart(100 * hour);
    world.look();
    expect(world.meteredMs()).toBe(72 * hour + minute);
  });
});

test("a database that sleeps or is stopped on purpose costs its storage and no compute", () => {
  const world = makeWorld();
  world.sleep();
  world.look();
  world.run(10 * minute);
  world.look();
  expect(world.meteredMs()).toBe(0);
  expect(world.samples().reduce((sum, one) => sum + one.storageByteMs, 0n)).toBe(BigInt(gib) * BigInt(10 * minute));
  world.wake();
  world.run(10 * minute);
  world.look(instance({ phase: "Paused" }));
  expect(world.meteredMs()).toBe(0);
  world.run(10 * minute);
  world.look();
  expect(world.meteredMs()).toBe(10 * minute);
});

test("a server that was restarted counts from its own start", () => {
  const world = makeWorld();
  world.look();
  world.sleep();
  world.run(2 * minute);
  world.wake();
  world.run(minute);
  world.look();
  expect(world.meteredMs()).toBe(minute);
});

describe("a step of the clock", () => {
  test("back by an hour loses and doubles nothing", () => {
    const world = makeWorld();
    world.look();
    for (let i = 0; i < 300; i++) {
      world.run(minute);
      if (i === 100) world.step(-hour);
      world.look();
    }
    expect(world.meteredMs()).toBe(300 * minute);
    expect(Math.max(...world.samples().map(({ awakeMs }) => awakeMs))).toBe(minute);
  });

  test("forward by an hour files nothing for the hour that never was", () => {
    const world = makeWorld();
    world.look();
    world.run(minute);
    world.step(hour);
    world.look();
    world.run(minute);
    world.look();
    expect(world.meteredMs()).toBe(2 * minute);
  });

  test("into a far future and back does not keep the meter there", () => {
    const world = makeWorld();
    world.look();
    world.step(400 * 24 * hour);
    world.run(minute);
    world.look();
    world.step(-400 * 24 * hour);
    world.run(minute);
    world.look();
    expect(world.meteredMs()).toBe(2 * minute);
    expect(world.ledger.has(start + minute)).toBe(true);
  });
});

test("control: a meter that trusts the clock is wrong after a step", () => {
  const world = makeWorld();
  let [naiveMs, last] = [0, world.clock.now()];
  for (const step of [0, -hour, 0, hour, 0]) {
    world.run(minute);
    world.step(step);
    naiveMs += Math.max(0, world.clock.now() - last);
    last = world.clock.now();
  }
  expect(naiveMs).not.toBe(world.awakeMs());
});

type Event = readonly ["run" | "step" | "restart", number] | readonly ["look" | "sleep" | "wake"];
const events = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.tuple(fc.constant("run" as const), fc.integer({ min: 1, max: 10 * minute })) },
    { weight: 6, arbitrary: fc.tuple(fc.constant("look" as const)) },
    { weight: 2, arbitrary: fc.tuple(fc.constant("step" as const), fc.integer({ min: -3 * hour, max: 3 * hour })) },
    { weight: 1, arbitrary: fc.tuple(fc.constant("restart" as const), fc.integer({ min: 1, max: hour })) },
  ) as fc.Arbitrary<Event>,
  { maxLength: 120 },
);

function play(world: ReturnType<typeof makeWorld>, list: readonly Event[]): void {
  for (const [what, ms] of list) {
    if (what === "run") world.run(ms ?? 0);
    else if (what === "step") world.step(ms ?? 0);
    else if (what === "restart") world.restart(ms ?? 0);
    else world[what]();
  }
}

describe("for any order of looks, steps and restarts", () => {
  test("no slot holds more than its length, and never more is metered than was lived", () => {
    fc.assert(
      fc.property(events, (list) => {
        const world = makeWorld();
        world.look();
        play(world, list);
        for (const { awakeMs, untilMs, slotMs: slot } of world.samples()) {
          expect(awakeMs).toBeGreaterThanOrEqual(0);
          expect(awakeMs).toBeLessThanOrEqual(slotMs);
          expect(untilMs > slot && untilMs <= slot + slotMs).toBe(true);
        }
        expect(world.meteredMs()).toBeLessThanOrEqual(world.awakeMs() + steppedWhileDown(list));
      }),
      { numRuns: 500 },
    );
  });

  test("while one meter runs, all that was lived is metered, but for the small steps back that are followed", () => {
    fc.assert(
      fc.property(events, (list) => {
        const world = makeWorld();
        const steady = list.filter(([what]) => what !== "restart");
        world.look();
        play(world, [...steady, ["look"]]);
        const back = steady.filter(([what, ms]) => what === "step" && (ms ?? 0) < 0).length;
        expect(world.awakeMs() - world.meteredMs()).toBeLessThanOrEqual(back * 2_000);
        expect(world.meteredMs()).toBeLessThanOrEqual(world.awakeMs());
      }),
      { numRuns: 500 },
    );
  });

  test("looking twice at the same moment changes nothing", () => {
    fc.assert(
      fc.property(events, (list) => {
        const [once, twice] = [makeWorld(), makeWorld()];
        play(once, list);
        play(
          twice,
          list.flatMap((event) => (event[0] === "look" ? [event, event] : [event])),
        );
        expect(twice.samples()).toEqual(once.samples());
      }),
    );
  });
});

/** A step that no process saw can only be taken for time that passed; the server's own start bounds it. */
const steppedWhileDown = (list: readonly Event[]): number =>
  list.some(([what]) => what === "restart")
    ? list.reduce((sum, [what, ms]) => sum + (what === "step" ? Math.abs(ms ?? 0) : 0), 0)
    : 0;
