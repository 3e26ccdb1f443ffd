import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { GitHub } from "../../platform/github/index.ts";
import { listSavings } from "../../platform/savings/index.ts";
import { type DatabaseSpec, resolveDatabase } from "../../platform/spec/index.ts";
import { getInstance, putFleet, recordInstance, reserveInstance, setComputeSeen } from "../../platform/store/index.ts";
import { fleetWith } from "../portal/deployed.ts";
import type { Caller, TestPortal } from "../portal/harness.ts";
import { type HostedPortal, startHostedPortal } from "../portal/hosted.ts";
import { hourMs, use } from "./ground.ts";

const dayMs = 24 * hourMs;
const database = "/api/v1/domain/shop/project/store/databases/orders";
const seed = new Map([
  [
    "tenants/shop/tenant.ts",
    'import { tenant } from "@nebuladb/platform";\n\nexport default tenant({ displayName: "Shop" });\n',
  ],
  ["tenants/shop/store/project.ts", 'import { project } from "@nebuladb/platform";\n\nexport default project();\n'],
  [
    "tenants/shop/store/orders.ts",
    'import { Postgres } from "@nebuladb/platform";\n\nexport default new Postgres("orders", {\n  version: "18",\n  compute: { min: 1, max: 1, suspendAfter: "never" },\n});\n',
  ],
]);
let hosted: HostedPortal;
let portal: TestPortal;
let host: GitHub;
let finance: Caller;
let developer: Caller;

beforeAll(async () => {
  hosted = await startHostedPortal(seed);
  ({ portal, host } = hosted);
  finance = portal.as(await portal.tokenFor("billing-viewer", "shop"));
  developer = portal.as(await portal.tokenFor("developer", "shop", "store", "eve"));
  await putFleet(
    portal.sql,
    fleetWith({ standard: { cpuUnits: 10, memoryBytes: 2 ** 34, storageBytes: 2 ** 37, databases: 10 } }),
  );
});
afterAll(() => hosted?.close());
beforeEach(async () => {
  await portal.sql.query("truncate usage_records restart identity");
  await portal.sql.query("delete from instances");
});

/** shop/store/orders as it runs, declared long ago. */
async function runsAs(options: object): Promise<DatabaseSpec> {
  const resolved = resolveDatabase({ engine: "postgres", name: "orders", options: { version: "18", ...options } });
  if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
  const { spec } = resolved;
  await portal.sql.tx(async (tx) => {
    const of = { id: "shop.store.orders", spec, fence: 1, commit: "a".repeat(40) } as const;
    await reserveInstance(tx, { ...of, stack: "shop.store", placement: "local" });
    await recordInstance(tx, { ...of, phase: "Ready", host: "127.0.0.1" });
  });
  await portal.sql.query("update instances set created_at = now() - interval '60 days'");
  return spec;
}

/** The last ten days, hour by hour: a unit each, and somebody connected in every second hour. */
async function tenDays(): Promise<void> {
  const fromMs = Math.floor(Date.now() / hourMs) * hourMs - 10 * dayMs;
  await use(
    portal.sql,
    ...Array.from({ length: 240 }, (_, hour) => ({ fromMs, hour, quantity: "3600" })),
    ...Array.from({ length: 120 }, (_, index) => ({
      fromMs,
      hour: 2 * index,
      meter: "connection_seconds",
      quantity: "60",
    })),
  );
}

describe("savings", () => {
  test("of a database that is idle half the time and never sleeps is what half of its hours cost", async () => {
    await runsAs({ compute: { min: 1, max: 1, suspendAfter: "never" } });
    await tenDays();
    const [saving] = (await finance.get("/api/v1/savings?domain=shop")).body.items;
    expect(saving).toMatchObject({
      ...{ tenant: "shop", project: "store", database: "orders", rule: "never-sleeps" },
      // half of 730 hours at 0.12
      saves: { amount: "43.80", currency: "USD" },
      change: { compute: { suspendAfter: "5m" } },
    });
    expect(saving.why).toContain("50 %");
  });

  test("becomes a pull request that changes that and nothing else, for who may change the database", async () => {
    await runsAs({ compute: { min: 1, max: 1, suspendAfter: "never" } });
    await tenDays();
    const path = `${database}/savings/never-sleeps`;
    expect(await finance.send("POST", path, {})).toMatchObject({ status: 403 });
    const answer = await developer.send("POST", path, {});
    expect(answer).toMatchObject({
      status: 202,
      body: { step: "change", operation: { database: "orders", requestedBy: "eve" } },
    });
    const { number, headCommit, title } = answer.body.pull;
    expect(title).toContain("43.80 USD a month");
    expect(await host.pullFiles(number)).toMatchObject([{ path: "tenants/shop/store/orders.ts", status: "modified" }]);
    expect((await host.getFile("tenants/shop/store/orders.ts", headCommit))?.text).toContain('suspendAfter: "5m"');
    expect((await host.getPull(number))?.state).toBe("open");
    const gone = await developer.send("POST", `${database}/savings/old-backups`, {});
    expect(gone).toMatchObject({ status: 404, body: { code: "NEB575" } });
    expect(await developer.send("POST", `${database}/savings/no-such-rule`, {})).toMatchObject({ status: 404 });
  });

  test("of a least that was never exceeded needs a machine that holds databases to their units", async () => {
    await runsAs({ compute: { min: 1, max: 4, suspendAfter: "5m" } });
    await tenDays();
    const found = async () =>
      (await listSavings(portal.sql, { tenant: "shop", nowMs: Date.now() })).map(({ id }) => id);
    expect(await found()).toEqual([]);
    await setComputeSeen(
      portal.sql,
      { id: "shop.store.orders" },
      { computeState: "awake", computeUnits: 1, computeEnforced: true },
    );
    expect((await getInstance(portal.sql, "shop.store.orders"))?.computeEnforced).toBe(true);
    expect(await found()).toEqual(["oversized/store/orders"]);
  });

  test("do not stop anybody from saying what a month may cost: a pull request of tenant.ts, by who runs the tenant", async () => {
    const owner = portal.as(await portal.tokenFor("domain-admin", "shop", null, "olga"));
    const budgets = "/api/v1/tenants/shop/budgets";
    expect(await finance.send("POST", budgets, { monthly: "200" })).toMatchObject({ status: 403 });
    for (const monthly of ["0", "-1", "NaN", "1e3", ""])
      expect(await owner.send("POST", budgets, { monthly })).toMatchObject({ status: 422 });
    const answer = await owner.send("POST", budgets, { monthly: "200", project: "store", atCap: "suspend" });
    expect(answer).toMatchObject({
      status: 202,
      body: { step: "change", pull: { title: "Let a month of shop/store cost 200" } },
    });
    const text = (await host.getFile("tenants/shop/tenant.ts", answer.body.pull.headCommit))?.text;
    expect(text).toContain('budgets: [{ project: "store", monthly: "200", atCap: "suspend" }]');
    expect(await owner.send("DELETE", budgets)).toMatchObject({ status: 404, body: { code: "NEB642" } });
  });

  test("of nothing, of strangers and of a tenant without prices are none", async () => {
    expect((await finance.get("/api/v1/savings")).body.items).toEqual([]);
    await runsAs({ compute: { min: 1, max: 1, suspendAfter: "never" } });
    await tenDays();
    const stranger = portal.as(await portal.tokenFor("domain-admin", "bank"));
    expect((await stranger.get("/api/v1/savings")).body.items).toEqual([]);
    const ofLab = portal.as(await portal.tokenFor("developer", "shop", "lab"));
    expect((await ofLab.get("/api/v1/savings")).body.items).toEqual([]);
  });
});
