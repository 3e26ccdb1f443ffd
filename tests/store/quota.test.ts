import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { databaseId, defaultQuota, type ProjectSpec, type Quota, specHash } from "../../platform/spec/index.ts";
import {
  admitQuota,
  deleteProject,
  putFleet,
  recordInstance,
  recordWanted,
  reserveInstance,
} from "../../platform/store/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { declared, deployShop, fleetWith, projectOf } from "../portal/deployed.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
  await deployShop(db.sql, ["orders"]);
});
afterAll(() => db.close());

type Database = ProjectSpec["databases"][number];
const stack = "shop.store";
const small: Quota = { cpuUnits: 4, memoryBytes: 2 ** 40, storageBytes: 2 ** 40, databases: 2 };
const units = (spec: Database, maxUnits: number): Database => ({
  ...spec,
  compute: { ...spec.compute, minUnits: 1, maxUnits },
});
const ask = (spec: Database) =>
  db.sql
    .tx((tx) => admitQuota(tx, { stack, id: databaseId("shop", "store", spec.name), spec }))
    .then(
      () => "admitted",
      (thrown: { code: string; message: string }) => `${thrown.code} ${thrown.message}`,
    );

describe("a project's quota in the ledger", () => {
  it("is not asked where no fleet is in force", async () => {
    expect(await ask(units(declared("huge"), 1000))).toBe("admitted");
  });

  it("is the plan's, and the one of seed 002 when the fleet lacks the plan", async () => {
    await putFleet(db.sql, fleetWith({}));
    expect(await ask(units(declared("more"), defaultQuota.cpuUnits - declared("orders").compute.maxUnits))).toBe(
      "admitted",
    );
    expect(await ask(units(declared("more"), defaultQuota.cpuUnits))).toMatch(
      /^NEB628 shop.store would use .* cpuUnits of 10$/,
    );
    await putFleet(db.sql, fleetWith({ standard: small }));
    expect(await ask(units(declared("more"), 4))).toMatch(/NEB628 .* cpuUnits of 4/);
  });

  it("is narrowed by what the project asks for itself", async () => {
    const spec = { ...projectOf([declared("orders")]), quota: { ...small, databases: 1 } };
    const at = { tenant: "shop", project: "store", repository: "repo_1", commit: "b".repeat(40), tree: "t" };
    await recordWanted(db.sql, { ...at, kind: "spec", spec, hash: specHash(spec), unsettled: false });
    expect(await ask(declared("more"))).toMatch(/NEB628 .* 2 databases of 1/);
    const wide = { ...spec, quota: null };
    await recordWanted(db.sql, { ...at, kind: "spec", spec: wide, hash: specHash(wide), unsettled: false });
    expect(await ask(declared("more"))).toBe("admitted");
  });

  it("lets what was too much before stay and shrink, and not grow", async () => {
    await putFleet(db.sql, fleetWith({ standard: { ...small, cpuUnits: 0.25, databases: 0 } }));
    const own = declared("orders");
    expect(await ask(own)).toBe("admitted");
    expect(await ask(units(own, own.compute.maxUnits / 2))).toBe("admitted");
    expect(await ask(units(own, own.compute.maxUnits * 2))).toMatch(/NEB628/);
    expect(await ask({ ...own, retire: true })).toBe("admitted");
  });

  it("refuses the row itself, whoever writes it, and frees the place of what is removed or about to be", async () => {
    await putFleet(db.sql, fleetWith({ standard: { ...small, databases: 1 } }));
    const write = (name: string) =>
      db.sql.tx((tx) =>
        reserveInstance(tx, {
          ...{ id: databaseId("shop", "store", name), stack, placement: "local", spec: declared(name), fence: 1 },
          commit: null,
        }),
      );
    await expect(write("second")).rejects.toMatchObject({ code: "NEB628" });
    await db.sql.tx((tx) =>
      recordInstance(tx, {
        ...{ id: databaseId("shop", "store", "orders"), fence: 1, phase: "Retired" },
        spec: { ...declared("orders"), retire: true },
      }),
    );
    await expect(write("second")).rejects.toMatchObject({ code: "NEB628" });
    const spec = projectOf([declared("second")]);
    const at = { tenant: "shop", project: "store", repository: "repo_1", commit: "c".repeat(40), tree: "t" };
    await recordWanted(db.sql, { ...at, kind: "spec", spec, hash: specHash(spec), unsettled: false });
    expect((await write("second")).phase).toBe("Creating");
    await deleteProject(db.sql, stack);
  });
});
