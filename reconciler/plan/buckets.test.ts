import { describe, expect, test } from "vitest";
import { authorityAtBase, checkQuota, quotaUse } from "../../platform/policy/index.ts";
import { monthlyEstimate } from "../../platform/pricing/index.ts";
import {
  type BucketSpec,
  type DatabaseSpec,
  type FleetSpec,
  type ProjectSpec,
  type Quota,
  resolveDatabase,
} from "../../platform/spec/index.ts";
import { applyPlan, describeChange, planProject } from "./index.ts";

const gibi = 2 ** 30;
const bucket = (change: Partial<BucketSpec> = {}): BucketSpec => ({
  ...{ public: false, maxObjectBytes: gibi, storageBytes: 10 * gibi, cors: [], retire: false },
  ...change,
});
const project = (buckets?: Readonly<Record<string, BucketSpec>>): ProjectSpec => {
  const resolved = resolveDatabase({ engine: "postgres", name: "orders", options: { version: "18" } });
  if (resolved.kind === "invalid") throw new Error(JSON.stringify(resolved.problems));
  const database: DatabaseSpec = { ...resolved.spec, ...(buckets === undefined ? {} : { buckets }) };
  return { tenant: "acme", project: "shop", placement: "local", region: "here", quota: null, databases: [database] };
};
type Buckets = Readonly<Record<string, BucketSpec>> | undefined;
const changed = (from: Buckets, to: Buckets) =>
  planProject(project(from), project(to)).steps.flatMap(({ changes, blocked }) =>
    changes.map(({ path, effect }) => [path, effect, blocked?.code ?? ""].join(" ").trim()),
  );
const site = { index: "index.html" };
const ends = bucket({ retire: true });

describe("the plan of a bucket", () => {
  test("says what each option does", () => {
    expect(changed(undefined, { assets: bucket() })).toEqual(["buckets online"]);
    expect(changed({ a: bucket() }, { a: bucket(), b: bucket() })).toEqual(["buckets.b online"]);
    expect(changed({ a: bucket() }, { a: bucket({ public: true, cors: ["*"], website: site }) })).toEqual([
      "buckets.a.cors online",
      "buckets.a.public online",
      "buckets.a.website online",
    ]);
    expect(changed({ a: bucket() }, { a: ends })).toEqual(["buckets.a.retire downtime"]);
  });

  test("is a sentence", () => {
    const said = (from: Buckets, to: Buckets) =>
      planProject(project(from), project(to)).steps.flatMap(({ changes }) => changes.map(describeChange));
    expect(said(undefined, { a: bucket() })).toEqual(["bucket a added"]);
    expect(said({ a: bucket(), b: ends }, { a: bucket() })).toEqual(["bucket b removed"]);
  });

  test("lets it go only when it was retired before", () => {
    expect(changed({ a: bucket() }, undefined)).toEqual(["buckets data-loss NEB451"]);
    expect(changed({ a: bucket(), b: ends }, { b: ends })).toEqual(["buckets.a data-loss NEB451"]);
    expect(changed({ a: bucket(), b: ends }, undefined)).toEqual(["buckets data-loss NEB451"]);
    expect(changed({ a: ends }, undefined)).toEqual(["buckets data-loss"]);
    expect(changed({ a: bucket(), b: ends }, { a: bucket() })).toEqual(["buckets.b data-loss"]);
  });

  test("applied is the spec that it was made for", () => {
    const states: Buckets[] = [
      ...[undefined, { a: bucket() }, { a: ends }, { a: bucket(), b: bucket({ cors: ["https://a.test", "*"] }) }],
      ...[{ b: bucket({ website: site }) }, { b: bucket({ website: { index: "i.html", error: "e.html" } }) }],
    ];
    for (const from of states)
      for (const to of states)
        expect(applyPlan(project(from), planProject(project(from), project(to)))).toEqual(project(to));
  });
});

test("a bucket's room counts in the quota and in the price", () => {
  const [plain, more] = [project(), project({ a: bucket() })];
  expect(quotaUse(more).storageBytes - quotaUse(plain).storageBytes).toBe(10 * gibi);
  const quota = { ...quotaUse(plain), cpuUnits: 100, memoryBytes: 1024 * gibi, databases: 10 };
  const limit = granted(quota);
  expect([checkQuota(plain, limit, null).ok, checkQuota(more, limit, null).ok]).toEqual([true, false]);
  const prices = {
    ...{ computeUnitHourMicros: 0, backupGibMonthMicros: 0, egressGibMicros: 0, apiMillionRequestsMicros: 0 },
    storageGibMonthMicros: 1_000_000,
  };
  const cost = ({ databases: [database] }: ProjectSpec) =>
    database === undefined ? 0 : monthlyEstimate(database, { id: "t", currency: "USD", prices }).micros;
  expect(cost(more) - cost(plain)).toBe(10_000_000);
});

function granted(quota: Quota) {
  const baseFleet = { quotas: { standard: quota } } as unknown as FleetSpec;
  return authorityAtBase({ baseCommit: "c0ffee", baseFleet, baseTenant: null }).granted;
}
