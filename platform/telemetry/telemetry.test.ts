import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { engines, placements } from "../spec/index.ts";
import {
  databaseMetrics,
  databaseStates,
  type ExposedDatabase,
  engineSets,
  exposed,
  isCounter,
  isUp,
  metricKeys,
  ratesBetween,
  type Sample,
  sampleWire,
  type Values,
  valuesFrom,
  vitalKeys,
} from "./index.ts";

const sample = (changes: Partial<Sample> = {}): Sample => ({
  ...{ state: "awake", atMs: 100_000, startedAtMs: 1_000, values: {}, rates: {} },
  ...changes,
});

const database = (changes: Partial<Sample> = {}): ExposedDatabase => ({
  ...{ tenant: "shop", project: "store", database: "orders", engine: "postgres", sample: sample(changes) },
});

describe("the catalogue", () => {
  it("gives every figure a name of its own, with its unit, and `_total` to what only grows", () => {
    const names = metricKeys.map((key) => databaseMetrics[key].name);
    expect(new Set(names).size).toBe(names.length);
    for (const key of metricKeys) {
      expect(databaseMetrics[key].name).toMatch(/^nebuladb_database_[a-z_]+$/);
      expect(databaseMetrics[key].name.endsWith("_total")).toBe(isCounter(key));
      expect(databaseMetrics[key].help).toMatch(/^[A-Z0-9].*\.$/);
    }
  });
});

describe("the rate of a counter", () => {
  it("is what it grew by, a second", () => {
    const before = sample({ values: { operations: 100, connections: 3 } });
    const after = sample({ atMs: 110_000, values: { operations: 150, connections: 9 } });
    expect(ratesBetween(before, after)).toEqual({ operations: 5 });
  });

  it("is not known of another server, of one look, and after the statistics were reset", () => {
    const before = sample({ values: { operations: 100 } });
    const after = sample({ atMs: 110_000, values: { operations: 150 } });
    expect(ratesBetween(undefined, after)).toEqual({});
    expect(ratesBetween(before, { ...after, startedAtMs: 50_000 })).toEqual({});
    expect(ratesBetween(before, { ...after, values: { operations: 99 } })).toEqual({});
  });

  it("stays what it was when two looks are too close together to say", () => {
    const before = sample({ values: { operations: 100 }, rates: { operations: 7 } });
    expect(ratesBetween(before, sample({ atMs: 100_400, values: { operations: 900 } }))).toEqual({ operations: 7 });
  });

  it("is never negative, NaN or infinite, whatever two looks say", () => {
    const values = fc.dictionary(fc.constantFrom(...metricKeys), fc.nat()) as fc.Arbitrary<Values>;
    const looks = fc.record({ atMs: fc.nat(), startedAtMs: fc.constantFrom(1, 2), values });
    fc.assert(
      fc.property(looks, looks, (before, after) => {
        for (const rate of Object.values(ratesBetween(sample(before), sample(after)))) {
          expect(Number.isFinite(rate)).toBe(true);
          expect(rate).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});

describe("a sample from elsewhere", () => {
  it("keeps what is known here, and nothing that is no number", () => {
    expect(valuesFrom({ connections: 3, invented: 4, operations: "5", deadlocks: Number.NaN })).toEqual({
      connections: 3,
    });
    expect(valuesFrom(null)).toEqual({});
  });

  it("crosses the wire whole, and is refused when it is none", () => {
    const whole = sample({ values: { connections: 3 }, rates: { operations: 0.5 } });
    expect(sampleWire.parse(JSON.parse(JSON.stringify(whole)))).toEqual(whole);
    expect(sampleWire.safeParse({ ...whole, state: "dancing" }).success).toBe(false);
  });
});

describe("what Prometheus is told", () => {
  const told = (changes: Partial<Sample>, nowMs = 160_000) =>
    new Map(exposed([database(changes)], nowMs).map(({ name, series }) => [name, series]));
  const values = { connections: 3, operations: 10, storageBytes: 77 };

  it("of one that is awake is everything that was read, with whose it is", () => {
    const page = told({ values });
    expect(page.get("nebuladb_database_connections")).toEqual([
      { labels: { tenant: "shop", project: "store", database: "orders", engine: "postgres" }, value: 3 },
    ]);
    expect(page.get("nebuladb_database_operations_total")?.[0]?.value).toBe(10);
    expect(page.get("nebuladb_database_sample_age_seconds")?.[0]?.value).toBe(60);
  });

  it("of one that rests is what stays true, and its age: never an old figure as a new one", () => {
    const page = told({ state: "asleep", values });
    expect(page.get("nebuladb_database_storage_bytes")?.[0]?.value).toBe(77);
    expect(page.has("nebuladb_database_connections")).toBe(false);
    expect(page.has("nebuladb_database_operations_total")).toBe(false);
    expect(page.get("nebuladb_database_up")?.[0]?.value).toBe(1);
  });

  it.each(databaseStates)("says of one that is %s exactly that", (state) => {
    const page = told({ state });
    const states = page.get("nebuladb_database_state") ?? [];
    expect(states.filter(({ value }) => value === 1).map(({ labels }) => labels.state)).toEqual([state]);
    expect(states).toHaveLength(databaseStates.length);
    expect(page.get("nebuladb_database_up")?.[0]?.value).toBe(isUp(state) ? 1 : 0);
  });

  it("of one that nobody could ask is no age, and of none at all nothing", () => {
    expect(told({ atMs: null }).has("nebuladb_database_sample_age_seconds")).toBe(false);
    expect(exposed([], 0)).toEqual([]);
  });
});

describe("the engines", () => {
  it("each have a set where they can be placed and scraped, and only one of each", () => {
    const pairs = engineSets.flatMap((set) =>
      set.engines.flatMap((engine) => set.placements.map((placement) => `${engine} ${placement}`)),
    );
    expect(new Set(pairs).size).toBe(pairs.length);
    for (const engine of engines) expect(pairs).toContain(`${engine} kubernetes`);
    expect(pairs).toContain("postgres local");
    // on aws the provider's own monitoring is asked
    expect(pairs.filter((pair) => pair.endsWith("aws"))).toEqual([]);
    expect(placements).toContain("aws");
  });

  it("say of every vital sign how it comes about, or in a sentence why it does not", () => {
    for (const { vitals: signs } of engineSets) {
      for (const key of vitalKeys) {
        const rule = signs[key];
        if ("none" in rule) expect(rule.none.length, key).toBeGreaterThan(20);
        else expect(rule.expr, key).toMatch(/tenant, project, database, engine/);
      }
    }
  });
});
