import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type DatabaseSpec, defaultQuota, type FleetSpec, type ProjectSpec, type Quota } from "../spec/index.ts";
import {
  authorityAtBase,
  checkPolicy,
  checkProjectDeleted,
  checkQuota,
  checkReach,
  databasesAppearing,
  isPublicNetwork,
  narrowQuota,
  quotaFindings,
  quotaUse,
} from "./index.ts";

const GiB = 1024 ** 3;
const day = 86_400;
const database = (change: Partial<DatabaseSpec> = {}): DatabaseSpec => ({
  engine: "postgres",
  name: "orders",
  version: "18",
  compute: { minUnits: 0.25, maxUnits: 1, suspendAfterSeconds: 0 },
  storageBytes: 10 * GiB,
  replicas: 0,
  instances: 1,
  backups: { retentionSeconds: 7 * day, pitr: true },
  extensions: ["pgcrypto"],
  roles: [],
  allowFrom: [],
  tags: { owner: "shop" },
  passwordSecret: null,
  engineOptions: {},
  retire: false,
  ...change,
});
const project = (databases: DatabaseSpec[], change: Partial<ProjectSpec> = {}): ProjectSpec => ({
  tenant: "acme",
  project: "shop",
  placement: "local",
  region: "here",
  quota: null,
  databases,
  ...change,
});
const fleet: FleetSpec = {
  quotas: { standard: defaultQuota, big: { ...defaultQuota, cpuUnits: 40 } },
  priceBook: {
    id: "standard",
    currency: "USD",
    prices: {
      computeUnitHourMicros: 1,
      storageGibMonthMicros: 1,
      backupGibMonthMicros: 1,
      egressGibMicros: 1,
      apiMillionRequestsMicros: 1,
    },
  },
  policies: {
    requiredTags: ["owner"],
    allowedExtensions: ["pgcrypto"],
    maxUnitsPerDatabase: 4,
    minBackupRetentionSeconds: day,
    allowPublicNetwork: false,
    unreviewed: "stop",
    retireGraceSeconds: 0,
    drift: "report",
    prune: { databases: 1, percent: 10 },
  },
  providers: [
    { name: "this-machine", placement: "local", region: "here", engines: ["postgres"] },
    { name: "cluster", placement: "kubernetes", region: "fra", engines: ["postgres", "mongodb"] },
  ],
};
const authority = authorityAtBase({ baseCommit: "c0ffee", baseFleet: fleet, baseTenant: null });
const codes = (found: readonly { code: string; severity: string }[]) => found.map((f) => `${f.code} ${f.severity}`);

describe("a data API", () => {
  const served = (anonymous: boolean) =>
    project([database({ api: { anonymous } as unknown as NonNullable<DatabaseSpec["api"]> })]);
  const judged = (head: ProjectSpec, dataApi?: "signed-in" | "none") =>
    codes(checkPolicy(head, { ...authority, policies: { ...fleet.policies, ...(dataApi && { dataApi }) } }, null));

  test("is allowed unless the fleet says otherwise: none at all, or none for strangers", () => {
    expect([judged(served(true)), judged(served(false), "signed-in")]).toEqual([[], []]);
    expect(judged(served(true), "signed-in")).toEqual(["NEB775 error"]);
    expect(judged(served(false), "none")).toEqual(["NEB775 error"]);
  });
});

describe("quota", () => {
  test("counts max units, 2 GiB a unit, times the servers of a database", () => {
    const use = quotaUse(project([database({ replicas: 2 }), database({ name: "carts", instances: 3 })]));
    expect(use).toEqual({ cpuUnits: 6, memoryBytes: 12 * GiB, storageBytes: 60 * GiB, databases: 2 });
  });

  test("of a retired database is its storage and its place", () => {
    expect(quotaUse(project([database({ retire: true })]))).toEqual({
      ...{ cpuUnits: 0, memoryBytes: 0, storageBytes: 10 * GiB, databases: 1 },
    });
  });

  test("is what the tenant's plan grants at the base, narrowed by the project's own ask and never widened", () => {
    const tenant = { tenant: "acme", displayName: "Acme", plan: "big", members: [] };
    const big = authorityAtBase({ baseCommit: "c0ffee", baseFleet: fleet, baseTenant: tenant });
    expect([big.granted.cpuUnits, authority.granted.cpuUnits]).toEqual([40, 10]);
    const amount = fc.nat(100);
    const quota = fc.record({ cpuUnits: amount, memoryBytes: amount, storageBytes: amount, databases: amount });
    fc.assert(
      fc.property(quota, fc.option(quota), (granted, ask) => {
        const limit = narrowQuota(granted, ask);
        for (const field of Object.keys(granted) as (keyof Quota)[])
          expect(limit[field]).toBeLessThanOrEqual(granted[field]);
      }),
    );
  });

  test("shows before, after and limit of every resource, and refuses with where and how much", () => {
    const base = project([database()]);
    const report = checkQuota(project([database({ storageBytes: 200 * GiB })]), authority.granted, base);
    expect(report.ok).toBe(false);
    expect(report.rows.map(({ resource, before, after, limit, ok }) => [resource, before, after, limit, ok])).toEqual([
      ["cpu", 1, 1, 10, true],
      ["memory", 2 * GiB, 2 * GiB, 20 * GiB, true],
      ["storage", 10 * GiB, 200 * GiB, 100 * GiB, false],
      ["databases", 1, 1, 10, true],
    ]);
    expect(quotaFindings(report)).toMatchObject([
      { code: "NEB200", message: "storage: 200Gi (now 10Gi) is above the limit of 100Gi", severity: "error" },
    ]);
  });

  test("lets an overdrawn project come down, and not go up", () => {
    const at = (gib: number) => project([database({ storageBytes: gib * GiB })]);
    const ok = (from: number, to: number) => checkQuota(at(to), authority.granted, at(from)).ok;
    expect([ok(300, 200), ok(300, 300), ok(300, 301), ok(100, 101), ok(99, 100)]).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
    expect(checkQuota(at(101), authority.granted, null).ok).toBe(false);
  });
});

describe("policy", () => {
  test("finds every breach of a database at once", () => {
    const bad = database({
      tags: {},
      extensions: ["pgcrypto", "plpython3u"],
      compute: { minUnits: 1, maxUnits: 8, suspendAfterSeconds: 0 },
      backups: { retentionSeconds: 3600, pitr: false },
      allowFrom: ["10.0.0.0/8", "0.0.0.0/0", "::/0"],
      instances: 2,
    });
    expect(codes(checkPolicy(project([bad]), authority, null))).toEqual([
      ...[
        "NEB207 error",
        "NEB201 error",
        "NEB202 error",
        "NEB203 error",
        "NEB204 error",
        "NEB205 error",
        "NEB205 error",
      ],
    ]);
    expect(checkPolicy(project([database()]), authority, null)).toEqual([]);
  });

  test("lets a Postgres database have standbys on the local placement", () => {
    expect(checkPolicy(project([database({ replicas: 2, synchronous: true })]), authority, null)).toEqual([]);
  });

  test("says which engines the placement offers", () => {
    const found = checkPolicy(project([database({ engine: "mongodb", version: "8" })]), authority, null);
    expect(found).toMatchObject([
      { code: "NEB206", message: "orders: this placement does not offer mongodb yet", database: "orders" },
    ]);
    expect(found[0]?.hint).toBe("The local placement in here offers postgres.");
    expect(checkPolicy(project([database({ version: "17" })]), authority, null)).toMatchObject([
      { code: "NEB206", message: "orders: this placement does not offer postgres 17 yet" },
    ]);
    const there = project([database({ engine: "mongodb", version: "8.0", replicas: 2 })], {
      placement: "kubernetes",
      region: "fra",
    });
    expect(checkPolicy(there, authority, null)).toEqual([]);
    expect(codes(checkPolicy(project([database()], { region: "mars" }), authority, null))).toEqual(["NEB211 error"]);
  });

  test("only warns of a breach that stood before in a database that is left alone", () => {
    const old = database({ tags: {} });
    const base = project([old]);
    expect(codes(checkPolicy(project([old, database({ name: "carts" })]), authority, base))).toEqual(["NEB201 warn"]);
    expect(codes(checkPolicy(project([{ ...old, storageBytes: GiB }]), authority, base))).toEqual(["NEB201 error"]);
  });

  test("asks nothing of a database that is being retired", () => {
    const retired = database({ tags: {}, extensions: ["x"], retire: true });
    expect(checkPolicy(project([retired]), authority, project([database()]))).toEqual([]);
  });

  test("a network wider than a private one is public", () => {
    const publics = ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "::/0", "2000::/3", "::ffff:0.0.0.0/96"];
    const named = ["10.0.0.0/8", "203.0.113.7/32", "203.0.113.7", "2001:db8::/32", "fc00::/7", "fe80::/10", "::1/128"];
    expect(publics.filter((block) => !isPublicNetwork(block))).toEqual([]);
    expect(named.filter(isPublicNetwork)).toEqual([]);
  });
});

describe("an allow-list", () => {
  const beyond = project([database({ allowFrom: ["127.0.0.0/8", "10.0.0.0/8"] }), database({ name: "carts" })]);

  test("that no gateway hears is warned of, and only that", () => {
    for (const host of ["127.0.0.1", "localhost", "::1"]) {
      const found = checkReach(beyond, host);
      expect(codes(found)).toEqual(["NEB219 warn"]);
      expect(found[0]).toMatchObject({
        database: "orders",
        message: expect.stringContaining("lets 10.0.0.0/8 connect"),
      });
    }
    for (const host of ["0.0.0.0", "10.1.2.3", "::"]) expect(checkReach(beyond, host)).toEqual([]);
    expect(checkReach(project([database({ allowFrom: ["127.0.0.0/8", "::1/128"] })]), "127.0.0.1")).toEqual([]);
    expect(checkReach({ ...beyond, placement: "kubernetes" }, "127.0.0.1")).toEqual([]);
  });
});

describe("what vanishes", () => {
  const base = project([database(), database({ name: "old", retire: true })]);

  test("may vanish only when the base says that it is retired", () => {
    expect(checkPolicy(project([database()]), authority, base)).toEqual([]);
    expect(checkPolicy(project([]), authority, base)).toMatchObject([
      { code: "NEB208", database: "orders", message: "orders is deleted without being retired first" },
    ]);
  });

  test("under another name is no rename", () => {
    const found = checkPolicy(project([database({ name: "orders2" })]), authority, base);
    expect(found).toMatchObject([{ code: "NEB208", message: expect.stringContaining("renaming it to orders2") }]);
  });

  test("into another project is explained as a move", () => {
    const other = project([database()], { project: "web" });
    const appeared = databasesAppearing([base], [project([]), other]);
    expect(appeared).toEqual([{ tenant: "acme", project: "web", database: "orders" }]);
    expect(codes(checkPolicy(project([]), authority, base, appeared))).toEqual(["NEB209 error"]);
    expect(codes(checkProjectDeleted(base, appeared))).toEqual(["NEB210 error", "NEB209 error"]);
  });

  test("with its whole project is refused while one database lives", () => {
    expect(checkProjectDeleted(base)).toMatchObject([{ code: "NEB210", message: expect.stringContaining("orders") }]);
    expect(checkProjectDeleted(project([database({ retire: true })]))).toEqual([]);
  });

  test("is never lost for any pair of projects: each live one that is gone has exactly one error", () => {
    const some = fc.uniqueArray(fc.record({ name: fc.constantFrom("a", "b", "c", "d"), retire: fc.boolean() }), {
      selector: ({ name }) => name,
    });
    fc.assert(
      fc.property(some, some, (before, after) => {
        const [from, to] = [before, after].map((all) => project(all.map((one) => database(one)))) as [
          ProjectSpec,
          ProjectSpec,
        ];
        const gone = before.filter((b) => !b.retire && !after.some((a) => a.name === b.name)).map((b) => b.name);
        const errors = checkPolicy(to, authority, from).filter(({ severity }) => severity === "error");
        expect(errors.map((f) => f.database).sort()).toEqual(gone.sort());
      }),
    );
  });
});

test("a head's own fleet does not have the type of an authority", () => {
  // @ts-expect-error: only authorityAtBase makes a Granted
  checkQuota(project([]), defaultQuota, null);
  // @ts-expect-error: only authorityAtBase makes an Authority
  expect(() => checkPolicy(project([]), fleet, null)).not.toThrow();
});
