import fc from "fast-check";
import { expect, test } from "vitest";
import type { JournalLine, JournalState } from "../../platform/compute/index.ts";
import type { MeteredInstance, UsageSample } from "../../platform/store/index.ts";
import { measure, type Position, slotMs } from "./measure.ts";
import { stretchesOf } from "./reading.ts";

const start = Date.UTC(2026, 4, 31, 23, 58, 0);
const instance = {
  ...{ id: "acme.shop.orders", phase: "Ready", commit: null, createdAt: new Date(start) },
  ...{ spec: { compute: { maxUnits: 2 }, instances: 1, replicas: 0 }, dataDir: null },
} as unknown as MeteredInstance;

type Event =
  | { readonly kind: "run"; readonly ms: number }
  | { readonly kind: "become"; readonly state: JournalState }
  | { readonly kind: "resize"; readonly units: number }
  | { readonly kind: "crash" }
  | { readonly kind: "look" };

const events = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("run" as const), ms: fc.integer({ min: 1, max: 200_000 }) }),
    fc.record({
      kind: fc.constant("become" as const),
      state: fc.constantFrom<JournalState[]>("awake", "frozen", "asleep", "paused"),
    }),
    fc.record({ kind: fc.constant("look" as const) }),
    fc.record({ kind: fc.constant("resize" as const), units: fc.constantFrom(0.25, 0.75, 1.5, 2) }),
  ) as fc.Arbitrary<Event>,
  { maxLength: 80 },
);

/** What the meter filed, and what is true. */
function play(list: readonly Event[]) {
  let nowMs = 0;
  let state: JournalState | "crashed" = "awake";
  let startedAtMs: number | null = start;
  let units = 2;
  const lived = { awake: 0, frozen: 0 };
  const integral = { awake: 0, frozen: 0 };
  const lines: JournalLine[] = [];
  const ledger = new Map<number, UsageSample>();
  let position: Position | undefined;
  const note = (next: JournalState, more: { readonly resized?: true } = {}) =>
    lines.push({ state: next, at: "2000-01-01T00:00:00Z", upMs: nowMs, boot: "this", units, ...more });
  const look = () => {
    const stretches = stretchesOf(lines, { bootId: "this", uptimeMs: nowMs }, 0);
    const at = { atMs: start + nowMs, monotonicMs: nowMs, wallMs: start + nowMs };
    const measured = measure(instance, { startedAtMs, connections: 0, storageBytes: 1, stretches }, position, at);
    for (const sample of measured.samples) ledger.set(sample.slotMs, sample);
    position = measured.position;
  };
  note("awake");
  look();
  for (const event of list) {
    if (event.kind === "run") {
      nowMs += event.ms;
      if (state !== "awake" && state !== "frozen") continue;
      lived[state] += event.ms;
      integral[state] += event.ms * units;
    } else if (event.kind === "look") look();
    else if (event.kind === "resize") {
      if (state !== "awake") continue;
      units = event.units;
      note("awake", { resized: true });
    } else if (event.kind === "crash") {
      state = "crashed";
      startedAtMs = null;
    } else if (event.state !== state && !(event.state === "frozen" && startedAtMs === null)) {
      if (event.state === "awake" && state !== "frozen") startedAtMs = start + nowMs;
      if (event.state === "asleep" || event.state === "paused") startedAtMs = null;
      state = event.state;
      note(event.state);
    }
  }
  look();
  const samples = [...ledger.values()];
  const sum = (of: (sample: UsageSample) => number) => samples.reduce((all, one) => all + of(one), 0);
  const unitMs = { awake: sum((one) => one.computeUnitMs), frozen: sum((one) => one.frozenUnitMs) };
  return { lived, integral, samples, awakeMs: sum((one) => one.awakeMs), unitMs };
}

test("awake and frozen time are metered to the millisecond, and with the units that there were, however the looks fall", () => {
  fc.assert(
    fc.property(events, (list) => {
      const { lived, integral, samples, awakeMs, unitMs } = play(list);
      expect(awakeMs).toBe(lived.awake);
      expect(unitMs).toEqual(integral);
      for (const one of samples) expect(one.computeUnitMs + one.frozenUnitMs).toBeLessThanOrEqual(2 * slotMs);
    }),
    { numRuns: 500 },
  );
});

test("a sleeper that woke and slept between two looks is metered for what it was awake", () => {
  const asleep: Event = { kind: "become", state: "asleep" };
  const awake: Event = { kind: "become", state: "awake" };
  const run = (ms: number): Event => ({ kind: "run", ms });
  const { awakeMs } = play([asleep, { kind: "look" }, run(20_000), awake, run(7_000), asleep, run(30_000)]);
  expect(awakeMs).toBe(7_000);
});

test("nobody pays for a crash: what nobody saw awake is not metered", () => {
  const run = (ms: number): Event => ({ kind: "run", ms });
  const { awakeMs } = play([run(5_000), { kind: "look" }, run(40_000), { kind: "crash" }, run(10_000)]);
  expect(awakeMs).toBe(5_000);
  const again = play([
    ...[run(5_000), { kind: "look" } as const, run(40_000), { kind: "crash" } as const, run(10_000)],
    ...[{ kind: "become", state: "awake" } as const, run(1_000)],
  ]);
  expect(again.awakeMs).toBe(6_000);
});
