import { describe, expect, test } from "vitest";
import { resolveDatabase } from "../spec/index.ts";
import type { Activity } from "../store/index.ts";
import { type Looked, rules } from "./rules.ts";

const hours = 30 * 24;
const activity: Activity = {
  ...{ project: "store", database: "orders", hours, awakeHours: hours, unitSeconds: hours * 3600, idleUnitSeconds: 0 },
  ...{ peakUnits: 1, connectionSeconds: 10, storageByteHours: 2 ** 30 * hours, backupByteHours: 2 ** 30 * hours },
};
function looked(options: object, used: Partial<Activity> = {}, more: Partial<Looked> = {}): Looked {
  const resolved = resolveDatabase({ engine: "postgres", name: "orders", options: { version: "18", ...options } });
  if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
  const plain = { ageDays: 60, enforced: true, paused: false, minRetentionSeconds: 0 };
  return { spec: resolved.spec, activity: { ...activity, ...used }, ...plain, ...more };
}
const found = (of: Looked) =>
  rules.flatMap(({ id, look }) => {
    const finding = look(of);
    return finding === null ? [] : [{ id, ...finding }];
  });
const ids = (of: Looked) => found(of).map(({ id }) => id);

describe("a database that never sleeps", () => {
  const awake = { compute: { min: 0.25, max: 2, suspendAfter: "never" } };

  test("and is idle for hours would save what it had in those", () => {
    const [finding] = found(looked(awake, { idleUnitSeconds: hours * 3600 * 0.5 }));
    expect(finding).toMatchObject({
      id: "never-sleeps",
      saves: [{ meter: "compute_unit_seconds", quantity: hours * 1800 }],
      change: { kind: "change", options: { compute: { suspendAfter: "5m" } } },
    });
    expect(finding?.why).toContain("50 %");
  });

  test("is left alone when it is used, new, paused, or sleeps by itself already", () => {
    expect(ids(looked(awake, { idleUnitSeconds: hours * 3600 * 0.1 }))).toEqual([]);
    expect(ids(looked(awake, { idleUnitSeconds: 1e9, hours: 24 }))).toEqual([]);
    expect(ids(looked(awake, { idleUnitSeconds: 1e9 }, { paused: true }))).toEqual([]);
    expect(ids(looked({ compute: { min: 0.25, max: 2, suspendAfter: "5m" } }, { idleUnitSeconds: 1e9 }))).toEqual([]);
  });
});

describe("a least size", () => {
  const large = { compute: { min: 2, max: 4, suspendAfter: "5m" } };

  test("that was never exceeded is halved, where the machine holds it", () => {
    expect(found(looked(large, { peakUnits: 2 }))).toMatchObject([
      { id: "oversized", saves: [{ quantity: (hours * 3600) / 2 }], change: { options: { compute: { min: 1 } } } },
    ]);
    expect(ids(looked(large, { peakUnits: 2 }, { enforced: false }))).toEqual([]);
    expect(ids(looked(large, { peakUnits: 2.5 }))).toEqual([]);
  });

  test("of a quarter is the smallest there is", () => {
    expect(ids(looked({ compute: { min: 0.25, max: 4, suspendAfter: "5m" } }, { peakUnits: 0.25 }))).toEqual([]);
    const [finding] = found(looked({ compute: { min: 0.5, max: 4, suspendAfter: "5m" } }, { peakUnits: 0.5 }));
    expect(finding).toMatchObject({ change: { options: { compute: { min: 0.25 } } } });
  });
});

test("backups beyond thirty days save their part, and never below what the policies ask", () => {
  const kept = (retention: string) => ({
    compute: { min: 0.25, max: 1, suspendAfter: "5m" },
    backups: { retention, pitr: true },
  });
  expect(found(looked(kept("90d")))).toMatchObject([
    {
      id: "old-backups",
      saves: [{ quantity: expect.closeTo((2 ** 30 * hours * 2) / 3, 0) }],
      change: { options: { backups: { retention: "30d" } } },
    },
  ]);
  expect(ids(looked(kept("30d")))).toEqual([]);
  expect(ids(looked(kept("90d"), {}, { minRetentionSeconds: 90 * 86_400 }))).toEqual([]);
  expect(ids(looked(kept("90d"), { backupByteHours: 0 }))).toEqual([]);
});

test("a branch that nobody connected to goes as a whole; one of a pull request, or a young one, does not", () => {
  const base = looked(
    { compute: { min: 0.25, max: 1, suspendAfter: "5m" } },
    { connectionSeconds: 0, awakeHours: 0, unitSeconds: 0 },
  );
  const branch = (more: object = {}, ageDays = 20): Looked => ({
    ...base,
    ...{ ageDays, spec: { ...base.spec, branch: { of: "orders", at: null, ttlSeconds: null, ...more } } },
  });
  expect(found(branch())).toMatchObject([{ id: "unused-branch", change: { kind: "delete" } }]);
  expect(ids(branch({ pull: 7 }))).toEqual([]);
  expect(ids(branch({}, 3))).toEqual([]);
  expect(ids({ ...branch(), activity: { ...base.activity, connectionSeconds: 5 } })).toEqual([]);
});
