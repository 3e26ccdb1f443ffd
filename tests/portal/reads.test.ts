import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { roleScopes, roles } from "../../platform/identity/index.ts";
import { databaseId, type FleetSpec, type ProjectSpec, resolveDatabase, specHash } from "../../platform/spec/index.ts";
import {
  credentialContext,
  keepCredential,
  putFleet,
  putRepository,
  putSamples,
  recordApplied,
  recordInstance,
  recordStatus,
  recordWanted,
  reserveInstance,
} from "../../platform/store/index.ts";
import { type Caller, startPortal, type TestPortal, testVault } from "./harness.ts";

const commit = "a".repeat(40);
const fleet: FleetSpec = {
  quotas: { standard: { cpuUnits: 10, memoryBytes: 20 * 2 ** 30, storageBytes: 100 * 2 ** 30, databases: 10 } },
  priceBook: {
    id: "2026-01",
    currency: "USD",
    prices: {
      computeUnitHourMicros: 120_000,
      storageGibMonthMicros: 150_000,
      backupGibMonthMicros: 50_000,
      egressGibMicros: 80_000,
      apiMillionRequestsMicros: 300_000,
    },
  },
  policies: {
    requiredTags: [],
    allowedExtensions: [],
    maxUnitsPerDatabase: 16,
    minBackupRetentionSeconds: 0,
    allowPublicNetwork: false,
    unreviewed: "stop",
    retireGraceSeconds: 0,
    drift: "report",
    prune: { databases: 1, percent: 10 },
  },
  providers: [{ name: "here", placement: "local", region: "local", engines: ["postgres"] }],
};

const readers = [
  { name: "reports", access: "read", login: true },
  { name: "app", access: "write", login: true },
];

function declared(name: string) {
  const roles = name === "orders" ? readers : [];
  const resolved = resolveDatabase({ engine: "postgres", name, options: { version: "18", roles } });
  if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
  return resolved.spec;
}

const projectOf = (tenant: string, project: string, names: readonly string[]): ProjectSpec => ({
  tenant,
  project,
  placement: "local",
  region: "local",
  quota: null,
  databases: names.map((name) => declared(name)),
});

let portal: TestPortal;
let admin: Caller;
const base = "/api/v1/domain/shop/project/store/databases";

beforeAll(async () => {
  portal = await startPortal();
  admin = portal.as(await portal.tokenFor("platform-admin"));
  const { sql } = portal;
  const seal = (text: string) => testVault.seal(new Secret(text), "x");
  await putRepository(sql, {
    id: "repo_1",
    owner: "nebula",
    name: "tenants",
    defaultBranch: "main",
    apiUrl: "http://127.0.0.1:1/api/v3",
    gitUrl: "http://127.0.0.1:1/nebula/tenants.git",
    appId: null,
    appKeySealed: null,
    installationId: null,
    hookSecretSealed: seal("hook"),
    botTokenSealed: seal("bot"),
  });
  await putFleet(sql, {
    repository: "repo_1",
    commit,
    inputs: "x",
    fleet,
    tenants: [
      {
        tenant: "shop",
        displayName: "Shop",
        plan: "standard",
        members: [
          { user: "ada", role: "domain-admin", projects: null },
          { user: "bob", role: "developer", projects: ["other"] },
        ],
      },
      { tenant: "bank", displayName: "Bank", plan: "standard", members: [] },
    ],
    problems: [],
  });
  for (const [tenant, project, names] of [
    ["shop", "store", ["orders", "sessions"]],
    ["shop", "other", []],
    ["bank", "core", ["ledger"]],
  ] as const) {
    const spec = projectOf(tenant, project, names);
    const hash = specHash(spec);
    const at = { tenant, project, repository: "repo_1", commit, tree: "t", unsettled: false };
    await recordWanted(sql, { ...at, kind: "spec", spec, hash });
    if (project === "store") await recordApplied(sql, "shop.store", { commit, spec, hash });
  }
  await recordStatus(sql, "shop.store", { status: "Ready", reason: "Applied" });
  const id = databaseId("shop", "store", "orders");
  await sql.tx(async (tx) => {
    const at = { id, stack: "shop.store", placement: "local", fence: 1, commit } as const;
    await reserveInstance(tx, { ...at, spec: declared("orders") });
    await recordInstance(tx, { id, fence: 1, phase: "Ready", host: "127.0.0.1" });
  });
  for (const [role, password] of [
    ["orders_owner", "p/w"],
    ["reports", "r/w"],
    ["app", "a/w"],
  ] as const)
    await keepCredential(sql, id, role, testVault.seal(new Secret(password), credentialContext(id, role)));
  const slotMs = Math.floor(Date.now() / 60_000) * 60_000;
  await putSamples(sql, [
    {
      instance: id,
      slotMs,
      slotSeconds: 60,
      untilMs: slotMs + 60_000,
      awakeMs: 60_000,
      computeUnitMs: 30_000,
      frozenUnitMs: 0,
      storageByteMs: 10n ** 12n,
      branchByteMs: 0n,
      backupByteMs: 0n,
      connectionMs: 0,
      computeUnits: 0.5,
      storageBytes: 40_000_000,
      connections: 3,
      serverStartedAtMs: slotMs,
      commit,
    },
  ]);
});
afterAll(() => portal.close());

describe("databases", () => {
  it("say what Git wants and how they are", async () => {
    const { body } = await admin.get(base);
    expect(
      body.items.map((each: { name: string; status: string; reason: string }) => [each.name, each.status, each.reason]),
    ).toEqual([
      ["orders", "Ready", "Ready"],
      ["sessions", "Stalled", "Missing"],
    ]);
    const orders = await admin.get(`${base}/orders`);
    expect(orders.headers.get("etag")).toMatch(/^"[0-9a-f]{32}"$/);
    expect(orders.body).toMatchObject({
      id: "shop.store.orders",
      ...{ host: "localhost", port: 4490 },
      spec: { version: "18" },
      estimate: { month: { currency: "USD" } },
    });
    expect((await admin.get(`${base}/orders/status`)).body).toMatchObject({
      status: "Ready",
      upToDate: true,
      phase: "Ready",
    });
  });

  it.each(roles.filter((role) => roleScopes[role].has("databases:read")))(
    "show a %s what they cost as usage:read says",
    async (role) => {
      const caller = portal.as(await portal.tokenFor(role));
      const isShown = roleScopes[role].has("usage:read");
      const { items } = (await caller.get(base)).body;
      const one = (await caller.get(`${base}/orders`)).body;
      expect([...items, one].map(({ estimate }) => estimate !== null)).toEqual([isShown, isShown, isShown]);
    },
  );

  it("give their credentials to who may have them, and the audit says who had them", async () => {
    const lead = portal.as(await portal.tokenFor("project-admin", "shop", "store", "eve"));
    expect((await lead.get(`${base}/orders/credentials`)).body).toMatchObject({
      user: "orders_owner",
      password: "p/w",
      database: "shop.store.orders",
      url: "postgres://orders_owner:p%2Fw@localhost:4490/shop.store.orders",
      roles: ["app", "orders_owner", "reports"],
    });
    const viewer = portal.as(await portal.tokenFor("viewer"));
    expect((await viewer.get(`${base}/orders/credentials`)).status).toBe(403);
    const { body: audit } = await admin.get("/api/v1/audit-logs?action=credentials.show");
    expect(audit.items.map((each: { actor: string; result: string }) => [each.actor, each.result])).toEqual([
      ["ada", "refused"],
      ["eve", "accepted"],
    ]);
    expect(JSON.stringify(audit)).not.toContain("p/w");
    expect((await admin.get(`${base}/sessions/credentials`)).body.code).toBe("NEB614");
    expect((await admin.get(`${base}/orders/credentials?role=nobody`)).status).toBe(404);
  });

  it("show a developer the passwords of roles that read, and no other", async () => {
    const developer = portal.as(await portal.tokenFor("developer", "shop", "store"));
    expect((await developer.get(`${base}/orders/credentials`)).body).toMatchObject({
      user: "reports",
      password: "r/w",
      roles: ["reports"],
    });
    for (const role of ["app", "orders_owner"])
      expect(await developer.get(`${base}/orders/credentials?role=${role}`)).toMatchObject({
        status: 403,
        body: { code: "NEB662", scope: "credentials:owner" },
      });
  });

  it("show what they used", async () => {
    const { body } = await admin.get(`${base}/orders/metrics`);
    expect(body.samples).toEqual([
      expect.objectContaining({ seconds: 60, awakeSeconds: 60, computeUnits: 0.5, connections: 3 }),
    ]);
    const longAgo = new Date(Date.now() - 3 * 86_400_000).toISOString();
    expect((await admin.get(`${base}/orders/metrics?from=${longAgo}`)).body.code).toBe("NEB601");
  });
});

describe("another tenant", () => {
  it("has nothing, under every route that names one", async () => {
    const stranger = portal.as(await portal.tokenFor("domain-admin", "bank"));
    for (const path of [
      base,
      `${base}/orders`,
      `${base}/orders/status`,
      `${base}/orders/credentials`,
      `${base}/orders/metrics`,
      "/api/v1/projects/shop/store",
      "/api/v1/projects?domain=shop",
      "/api/v1/tenants/shop",
      "/api/v1/usage?domain=shop",
      "/api/v1/usage/invoice?domain=shop",
      "/api/v1/usage/export?domain=shop",
      "/api/v1/audit-logs?domain=shop",
      "/api/v1/operations?domain=shop",
    ])
      expect(await stranger.get(path), path).toMatchObject({ status: 404, body: { code: "NEB602" } });
    expect((await stranger.get("/api/v1/tenants")).body.items.map((each: { name: string }) => each.name)).toEqual([
      "bank",
    ]);
    expect((await stranger.get("/api/v1/projects")).body.items.map((each: { name: string }) => each.name)).toEqual([
      "core",
    ]);
    expect((await stranger.get("/api/v1/usage")).body.items).toEqual([]);
  });

  it("and another project of one's own tenant is refused by name to a project's member", async () => {
    const member = portal.as(await portal.tokenFor("developer", "shop", "other"));
    expect(await member.get(base)).toMatchObject({ status: 403, body: { code: "NEB673" } });
    expect((await member.get("/api/v1/projects")).body.items.map((each: { name: string }) => each.name)).toEqual([
      "other",
    ]);
    expect((await member.get("/api/v1/tenants/shop")).body.members).toHaveLength(2);
    expect((await member.get("/api/v1/usage/invoice")).body).toMatchObject({
      ...{ tenant: "shop", projects: ["other"], lines: [], totalMicros: 0 },
    });
    const own = portal.as(await portal.tokenFor("project-admin", "shop", "store"));
    const { body } = await own.get("/api/v1/usage/invoice?domain=shop");
    expect(body).toMatchObject({ projects: ["store"] });
    expect(new Set(body.lines.map(({ project }: { project: string }) => project))).toEqual(new Set(["store"]));
    expect((await own.get("/api/v1/usage/export?format=json")).body.invoices).toMatchObject([{ projects: ["store"] }]);
    expect((await own.get("/api/v1/usage/invoice?domain=bank")).status).toBe(404);
  });
});

describe("projects", () => {
  it("say what they may use and what they use", async () => {
    const { body } = await admin.get("/api/v1/projects/shop/store");
    expect(body).toMatchObject({
      status: "Ready",
      upToDate: true,
      databases: ["orders", "sessions"],
      quota: { limit: { cpuUnits: 10, databases: 10 }, used: { cpuUnits: 1, databases: 2 } },
    });
  });
});

describe("usage", () => {
  it("reaches from the record to the draft invoice and the export", async () => {
    const { body: usage } = await admin.get("/api/v1/usage?domain=shop");
    expect(usage.items.find((each: { meter: string }) => each.meter === "compute_unit_seconds")).toMatchObject({
      domain: "shop",
      database: "orders",
      quantity: "30",
      revision: 0,
      commits: [commit],
    });
    const { body: invoice } = await admin.get("/api/v1/usage/invoice?domain=shop");
    expect(invoice.lines[0]).toMatchObject({
      meter: "compute_unit_seconds",
      price: { amount: "0.001", currency: "USD" },
      commits: [commit],
    });
    const csv = await admin.get("/api/v1/usage/export?domain=shop");
    expect(csv.headers.get("content-type")).toContain("text/csv");
    expect(csv.body.split("\r\n")[0]).toContain("BilledCost,BillingAccountId");
    expect((await admin.get("/api/v1/usage/export?format=json")).body.invoices[0].id).toBe(invoice.id);
    expect((await admin.get("/api/v1/usage/invoice")).body.errors[0].path).toBe("query.domain");
  });

  it("is paged without gaps or repeats", async () => {
    const all = (await admin.get("/api/v1/usage")).body.items;
    const seen = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: { items: unknown[]; nextCursor: string | null } = (
        await admin.get(`/api/v1/usage?limit=1${cursor === "" ? "" : `&cursor=${cursor}`}`)
      ).body;
      seen.push(...page.items);
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(all);
    expect(all.length).toBeGreaterThan(1);
  });
});

describe("the catalogue", () => {
  it("names versions, sizes and providers", async () => {
    const viewer = portal.as(await portal.tokenFor("billing-viewer"));
    expect((await viewer.get("/api/v1/versions")).body.items[0]).toEqual({
      engine: "postgres",
      versions: expect.arrayContaining(["18"]),
    });
    expect((await viewer.get("/api/v1/sizes")).body.items).toContainEqual({
      name: "db.t3.small",
      units: 1,
      storage: "10Gi",
    });
    expect((await viewer.get("/api/v1/providers")).body.items).toEqual([fleet.providers[0]]);
  });
});
