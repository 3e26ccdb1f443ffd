import { afterAll, beforeAll, expect, test } from "vitest";
import type { GitHub } from "../../platform/github/index.ts";
import { type DatabaseSpec, resolveBranch, resolveDatabase, specHash } from "../../platform/spec/index.ts";
import { getOperation, putFleet, recordBackupLine, recordWanted } from "../../platform/store/index.ts";
import { fleetWith, projectOf, runs } from "./deployed.ts";
import type { Caller, TestPortal } from "./harness.ts";
import { type HostedPortal, startHostedPortal } from "./hosted.ts";

const orders = resolved(resolveDatabase({ engine: "postgres", name: "orders", options: { version: "18" } }));
const feature = resolved(resolveBranch({ name: "feature-x", options: { of: "orders", ttl: "7d" } }, [orders]));
const preview = resolved(resolveBranch({ name: "pr-3-orders", options: { of: "orders" } }, [orders]));

const folder = "tenants/shop/store";
const featureText = `import { Branch } from "@nebuladb/platform";
import orders from "./orders.ts";

// for the new checkout
export default new Branch("feature-x", { of: orders, ttl: "7d" });
`;
const seed = new Map([
  ["tenants/shop/tenant.ts", 'import { tenant } from "@nebuladb/platform";\n\nexport default tenant({});\n'],
  [`${folder}/project.ts`, 'import { project } from "@nebuladb/platform";\n\nexport default project();\n'],
  [
    `${folder}/orders.ts`,
    'import { Postgres } from "@nebuladb/platform";\n\nexport default new Postgres("orders", { version: "18" });\n',
  ],
  [`${folder}/feature-x.ts`, featureText],
]);
const collection = "/api/v1/domain/shop/project/store/databases";

let hosted: HostedPortal;
let portal: TestPortal;
let host: GitHub;
let admin: Caller;
let viewer: Caller;

beforeAll(async () => {
  hosted = await startHostedPortal(seed);
  ({ portal, host } = hosted);
  admin = portal.as(await portal.tokenFor("project-admin", "shop", "store", "eve"));
  viewer = portal.as(await portal.tokenFor("viewer", "shop", "store", "vic"));
  const spec = projectOf([feature, orders]);
  const at = {
    tenant: "shop",
    project: "store",
    repository: "repo_1",
    commit: hosted.commit,
    tree: "t",
    unsettled: false,
  };
  await recordWanted(portal.sql, { ...at, kind: "spec", spec, hash: specHash(spec) });
  const previewed: DatabaseSpec = { ...preview, branch: { of: "orders", at: null, ttlSeconds: null, pull: 3 } };
  await portal.sql.tx(async (tx) => {
    for (const one of [orders, feature, previewed]) await runs(tx, one);
  });
  await recordBackupLine(portal.sql, {
    ...{ instance: "shop.store.orders", identity: "i1", lastSegment: null, baseLabel: "b1", baseSegment: null },
    ...{ baseAt: null, fullAt: null, storedBytes: 1, recoverableFrom: new Date("2026-11-20T00:00:00Z") },
    coveredTo: new Date("2026-11-20T12:00:00Z"),
  });
});
afterAll(async () => {
  await hosted?.close();
});

const fileAt = async (commit: string, name: string) => (await host.getFile(`${folder}/${name}.ts`, commit))?.text;

test("a branch is a pull request with one file, which imports its parent", async () => {
  const answer = await admin.send("POST", `${collection}/orders/branches`, {
    name: "try-it",
    at: "2026-11-20T10:00:00Z",
    ttl: "3d",
    compute: { max: 1 },
  });
  expect(answer.status, JSON.stringify(answer.body)).toBe(202);
  expect(answer.body).toMatchObject({ step: "create", pull: { title: "Branch try-it of shop/store/orders" } });
  expect(await fileAt(answer.body.pull.headCommit, "try-it")).toBe(
    'import { Branch } from "@nebuladb/platform";\nimport orders from "./orders.ts";\n\nexport default new Branch("try-it", {\n  of: orders,\n  at: "2026-11-20T10:00:00Z",\n  ttl: "3d",\n  compute: { max: 1 },\n});\n',
  );
});

test.each([
  ["a branch of a branch", "feature-x", { name: "second" }, "NEB133"],
  ["a ttl of nothing", "orders", { name: "second", ttl: "0d" }, "NEB135"],
  ["a moment that is none", "orders", { name: "second", at: "yesterday" }, "NEB131"],
  ["an option that branches do not have", "orders", { name: "second", version: "18" }, "NEB110"],
])("%s is refused before anything is written", async (_, of, body, code) => {
  const answer = await admin.send("POST", `${collection}/${of}/branches`, body);
  expect(answer.status).toBe(422);
  expect(JSON.stringify(answer.body)).toContain(code);
});

test.each([
  ["before the first backup", "2026-11-19T10:00:00Z", "is before 2026-11-20T00:00:00.000Z"],
  ["to come", "2100-01-01T00:00:00Z", "has not come"],
])("a branch of a moment %s is refused with what can be restored", async (_, at, says) => {
  const answer = await admin.send("POST", `${collection}/orders/branches`, { name: "second", at });
  expect([answer.status, answer.body.code]).toEqual([422, "NEB601"]);
  expect(answer.body.errors).toEqual([expect.objectContaining({ path: "at", message: expect.stringContaining(says) })]);
});

test("a taken name and an unknown parent are said as what they are", async () => {
  const taken = await admin.send("POST", `${collection}/orders/branches`, { name: "feature-x" });
  expect([taken.status, taken.body.code]).toEqual([409, "NEB641"]);
  expect((await admin.send("POST", `${collection}/nothing/branches`, { name: "x" })).status).toBe(404);
  expect((await viewer.send("POST", `${collection}/orders/branches`, { name: "x" })).status).toBe(403);
});

test("the branches of a database are listed with their end, those of pull requests too", async () => {
  const { body, status } = await viewer.get(`${collection}/orders/branches`);
  expect(status).toBe(200);
  expect(body.items).toMatchObject([
    { id: "shop.store.feature-x", of: "orders", declared: true, pull: null, status: "Ready", reason: "Ready" },
    { id: "shop.store.pr-3-orders", of: "orders", declared: false, pull: 3, expiresAt: null },
  ]);
  const { createdAt, expiresAt } = body.items[0];
  expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(7 * 86_400_000);
});

test("a branch that is over says so, and what to do", async () => {
  await portal.sql.query("update instances set phase = 'Expired' where id = 'shop.store.feature-x'");
  try {
    const { body } = await viewer.get(`${collection}/feature-x/status`);
    expect(body).toMatchObject({ status: "Stalled", reason: "Expired", phase: "Expired" });
    expect(body.message).toContain("extend its ttl");
    expect((await admin.send("POST", `${collection}/feature-x/reset`)).status).toBe(409);
  } finally {
    await portal.sql.query("update instances set phase = 'Ready' where id = 'shop.store.feature-x'");
  }
});

test("a branch that is over takes nothing of the quota and nothing of the estimate", async () => {
  await putFleet(portal.sql, fleetWith({}));
  const seen = async () => {
    const [shop, { body: branch }] = await Promise.all([
      admin.get("/api/v1/projects/shop/store"),
      admin.get(`${collection}/feature-x`),
    ]);
    return { databases: shop.body.quota.used.databases, costs: Number(branch.estimate.month.amount) > 0 };
  };
  expect(await seen()).toEqual({ databases: 2, costs: true });
  const age = (days: number) =>
    portal.sql.query("update instances set created_at = now() - make_interval(days => $1) where id = $2", [
      days,
      "shop.store.feature-x",
    ]);
  await age(8);
  try {
    expect(await seen()).toEqual({ databases: 1, costs: false });
    const { body } = await admin.get("/api/v1/projects?domain=shop");
    expect(body.items[0].quota.used.databases).toBe(1);
  } finally {
    await age(0);
  }
});

test("a reset is an operation of the branch, and of nothing else", async () => {
  const { status, body } = await admin.send("POST", `${collection}/feature-x/reset`);
  expect(status).toBe(202);
  expect(body).toMatchObject({ step: "reset", pull: null, operation: { type: "BRANCH", database: "feature-x" } });
  expect((await getOperation(portal.sql, body.operation.id))?.params).toEqual({ verb: "reset" });
  const refused = await admin.send("POST", `${collection}/orders/reset`);
  expect([refused.status, refused.body.code]).toEqual([409, "NEB612"]);
  expect((await viewer.send("POST", `${collection}/feature-x/reset`)).status).toBe(403);
});

test("its time is changed where it is written, and it is deleted without being retired", async () => {
  const tag = (await admin.get(`${collection}/feature-x`)).headers.get("etag") ?? "";
  const longer = await admin.send("PATCH", `${collection}/feature-x`, { ttl: "14d" }, { "if-match": tag });
  expect(longer.status, JSON.stringify(longer.body)).toBe(202);
  expect(await fileAt(longer.body.pull.headCommit, "feature-x")).toBe(featureText.replace('"7d"', '"14d"'));
  await portal.sql.query(
    "update instances set created_at = now() - interval '2 days' where id = 'shop.store.feature-x'",
  );
  const over = await admin.send("PATCH", `${collection}/feature-x`, { ttl: "1d" }, { "if-match": tag });
  expect([over.status, over.body.code, over.body.detail]).toEqual([422, "NEB601", expect.stringContaining("are over")]);
  const wrong = await admin.send("PATCH", `${collection}/feature-x`, { storage: "20Gi" }, { "if-match": tag });
  expect(JSON.stringify(wrong.body)).toContain("NEB110");
  const gone = await admin.send("DELETE", `${collection}/feature-x`, undefined, { "if-match": tag });
  expect(gone.body).toMatchObject({ step: "delete" });
  expect(await fileAt(gone.body.pull.headCommit, "feature-x")).toBeUndefined();
  expect(await fileAt(gone.body.pull.headCommit, "orders")).toBeDefined();
});

test("an import is queued with a sealed address, and a file of SQL is refused", async () => {
  const url = "postgres://app:hunter2@db.example.com/shop";
  const { status, body } = await admin.send("POST", `${collection}/orders/import`, { url });
  expect(status).toBe(202);
  expect(body).toMatchObject({ step: "import", operation: { type: "IMPORT", maxAttempts: 1 } });
  const kept = JSON.stringify(await getOperation(portal.sql, body.operation.id));
  expect(kept).not.toContain("hunter2");
  expect(kept).not.toContain(Buffer.from("hunter2").toString("base64").replace(/=+$/, ""));
  for (const bad of ["dump.sql", "create table a (b int);", "mysql://a:b@c/d", "postgres://a b"])
    expect((await admin.send("POST", `${collection}/orders/import`, { url: bad })).status).toBe(422);
});

function resolved(made: ReturnType<typeof resolveDatabase>): DatabaseSpec {
  if (made.kind === "invalid") throw new Error(JSON.stringify(made.problems));
  return made.spec;
}
