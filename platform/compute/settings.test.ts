import fc from "fast-check";
import { expect, test } from "vitest";
import { computeSettings, restartsBetween, type Shape, settingsOf } from "./settings.ts";

const units = fc.integer({ min: 1, max: 256 }).map((quarters) => quarters / 4);
const inMb = (text = "") => Number(text.replace("MB", ""));

test("more compute never gives a setting less", () => {
  fc.assert(
    fc.property(units, units, (a, b) => {
      const [less, more] = [computeSettings(Math.min(a, b)), computeSettings(Math.max(a, b))];
      for (const [name, value] of Object.entries(less)) expect(inMb(more[name])).toBeGreaterThanOrEqual(inMb(value));
    }),
  );
});

test("shared buffers stay far below the memory of a unit, so that many fit a laptop", () => {
  fc.assert(
    fc.property(units, (n) => {
      expect(inMb(computeSettings(n).shared_buffers)).toBeLessThanOrEqual(Math.max(16, n * 64));
    }),
  );
});

test("the smallest and a middle size are as documented", () => {
  expect(computeSettings(0.25)).toMatchObject({ shared_buffers: "16MB", max_connections: "28", work_mem: "4MB" });
  expect(computeSettings(2)).toMatchObject({ shared_buffers: "128MB", max_connections: "203", work_mem: "16MB" });
});

const shape: Shape = { units: 1, extensions: [] };

test("the plan knows beforehand what restarts", () => {
  expect(restartsBetween(shape, shape)).toEqual([]);
  expect(restartsBetween(shape, { ...shape, extensions: ["vector"] })).toEqual([]);
  expect(restartsBetween(shape, { ...shape, extensions: ["pg_stat_statements"] })).toEqual([
    "shared_preload_libraries",
  ]);
  expect(restartsBetween(shape, { ...shape, units: 2 })).toContain("shared_buffers");
});

test("an instance listens on no address", () => {
  expect(settingsOf(shape)).toMatchObject({ listen_addresses: "", port: "5432" });
});
