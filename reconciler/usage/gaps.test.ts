import { describe, expect, test } from "vitest";
import type { MeteredInstance } from "../../platform/store/index.ts";
import { measure, type Position, type Reading, slotMs } from "./measure.ts";

const minute = 60_000;
const hour = 60 * minute;
const start = Date.UTC(2026, 4, 31, 22);
const id = "acme.shop.orders";
const instance = {
  ...{ id, phase: "Ready", commit: null, createdAt: new Date(start), dataDir: null },
  ...{ spec: { compute: { maxUnits: 1 }, instances: 1, replicas: 0 } },
} as unknown as MeteredInstance;
const awake: Reading = { startedAtMs: start, connections: 0, storageBytes: 1, stretches: [] };

/** Looks so long after the start; `monotonicMs` is what has truly passed. */
const look = (before: Position | undefined, afterMs: number, reading = awake, monotonicMs = afterMs) =>
  measure(instance, reading, before, { atMs: start + afterMs, monotonicMs, wallMs: start + afterMs });
const first = look(undefined, 0).position;
const spans = (gaps: ReturnType<typeof look>["gaps"]) =>
  gaps.map(({ reason, fromMs, toMs }) => [reason, (fromMs - start) / minute, (toMs - start) / minute]);

describe("a gap", () => {
  test("is noted where nobody looked for more than five slots, and what is proved is metered all the same", () => {
    const { samples, gaps } = look(first, 3 * hour);
    expect(spans(gaps)).toEqual([["unwatched", 0, 180]]);
    expect(samples.reduce((sum, { awakeMs }) => sum + awakeMs, 0)).toBe(3 * hour);
  });

  test("is none between looks that come as they should", () => {
    expect(look(first, slotMs).gaps).toEqual([]);
    expect(look(first, 5 * slotMs).gaps).toEqual([]);
    expect(look(undefined, 3 * hour).gaps).toEqual([]);
  });

  test("that is older than hours may change says so, and counts nothing there", () => {
    const { samples, gaps } = look(first, 100 * hour);
    expect(spans(gaps)).toEqual([
      ["too-late", 0, 28 * 60],
      ["unwatched", 28 * 60, 100 * 60],
    ]);
    expect(samples.reduce((sum, { awakeMs }) => sum + awakeMs, 0)).toBe(72 * hour);
  });

  test("of a clock that was set ahead is no time that anybody lived", () => {
    const { samples, gaps } = look(first, 2 * hour, awake, minute);
    expect(spans(gaps)).toEqual([["clock", 0, 119]]);
    expect(samples.reduce((sum, { awakeMs }) => sum + awakeMs, 0)).toBe(minute);
  });

  test("after a crash that nobody saw is unproved: it counts until the server was seen last", () => {
    const crashed: Reading = {
      ...{ startedAtMs: null, connections: 0, storageBytes: 1 },
      stretches: [{ state: "awake", agoMs: 4 * hour, units: 1 }],
    };
    const seen = look(undefined, 0, { ...awake, stretches: [{ state: "awake", agoMs: hour, units: 1 }] }).position;
    const { samples, gaps, position } = look(seen, 3 * hour, crashed);
    expect(spans(gaps)).toEqual([
      ["unwatched", 0, 180],
      ["unproved", 0, 180],
    ]);
    expect(samples.reduce((sum, { awakeMs }) => sum + awakeMs, 0)).toBe(0);
    const later = look(position, 6 * hour, {
      ...crashed,
      stretches: [{ state: "awake", agoMs: 7 * hour, units: 1 }],
    });
    expect(spans(later.gaps)).toEqual([["unwatched", 180, 360]]);
  });
});

test("the storage of a branch is a branch's, and nothing is counted as both", () => {
  const branch = { ...instance, spec: { ...instance.spec, branch: { of: "orders", at: null, ttlSeconds: null } } };
  const { position } = measure(branch, awake, undefined, { atMs: start, monotonicMs: 0, wallMs: start });
  const { samples } = measure(branch, awake, position, {
    atMs: start + minute,
    monotonicMs: minute,
    wallMs: start + minute,
  });
  expect(samples).toMatchObject([{ storageByteMs: 0n, branchByteMs: BigInt(minute) }]);
});
