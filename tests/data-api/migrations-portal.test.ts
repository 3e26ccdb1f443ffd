import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHub, makeGitHub } from "../../platform/github/index.ts";
import {
  type DatabaseSpec,
  type ProjectSpec,
  resolveBranch,
  resolveDatabase,
  specHash,
} from "../../platform/spec/index.ts";
import { getOperation, putRepository, recordSchema, recordWanted } from "../../platform/store/index.ts";
import { type TestForge, testForge } from "../harness/forge.ts";
import { runs } from "../portal/deployed.ts";
import { type Caller, startPortal, type TestPortal } from "../portal/harness.ts";

const checksum = (letter: string) => letter.repeat(64);
const migrations = { "0001_orders": checksum("a"), "0002_bad": checksum("b"), "0003_after": checksum("c") };
const orders: DatabaseSpec = {
  ...resolved(resolveDatabase({ engine: "postgres", name: "orders", options: { version: "18" } })),
  migrations,
};
const feature = resolved(resolveBranch({ name: "feature-x", options: { of: "orders" } }, [orders]));
const folder = "tenants/shop/store";
const collection = "/api/v1/domain/shop/project/store/databases";
const seed = new Map([
  [`${folder}/project.ts`, 'import { project } from "@nebuladb/platform";\n\nexport default project();\n'],
  [
    `${folder}/orders.ts`,
    'import { Postgres } from "@nebuladb/platform";\n\nexport default new Postgres("orders", { version: "18" });\n',
  ],
  [
    `${folder}/feature-x.ts`,
    'import { Branch } from "@nebuladb/platform";\nimport orders from "./orders.ts";\n\nexport default new Branch("feature-x", { of: orders });\n',
  ],
  [`${folder}/feature-x/migrations/0001_own.sql`, "select 1;\n"],
  ...Object.keys(migrations).map((file) => [`${folder}/orders/migrations/${file}.sql`, "select 1;\n"] as const),
]);

let forge: TestForge;
let portal: TestPortal;
let host: GitHub;
let admin: Caller;
let developer: Caller;
let viewer: Caller;

beforeAll(async () => {
  forge = await testForge();
  const { bootstrap } = forge.forge;
  await bootstrap.ensureOrganisation({ login: "nebula" });
  await bootstrap.ensureUser({ login: "bot" });
  const { commit = "" } = await bootstrap.ensureRepository({ owner: "nebula", name: "tenants", seedFiles: seed });
  const permissions = { contents: "write", pull_requests: "write", statuses: "write" } as const;
  const token = await bootstrap.makeToken({ login: "bot", owner: "nebula", permissions });
  const repository = { owner: "nebula", name: "tenants" };
  host = makeGitHub({ apiUrl: forge.apiUrl, repository, auth: { kind: "token", token } });
  portal = await startPortal({ hostOf: () => host });
  admin = portal.as(await portal.tokenFor("project-admin", "shop", "store", "eve"));
  developer = portal.as(await portal.tokenFor("developer", "shop", "store", "dan"));
  viewer = portal.as(await portal.tokenFor("viewer", "shop", "store", "vic"));
  await putRepository(portal.sql, {
    ...{ ...repository, id: "repo_1", defaultBranch: "main", apiUrl: forge.apiUrl, gitUrl: forge.url },
    ...{ appId: null, appKeySealed: null, installationId: null, hookSecretSealed: "-", botTokenSealed: "-" },
  });
  const place = { tenant: "shop", project: "store", placement: "local", region: "local", quota: null } as const;
  const spec: ProjectSpec = { ...place, databases: [feature, orders] };
  const at = { tenant: "shop", project: "store", repository: "repo_1", commit, tree: "t", unsettled: false };
  await recordWanted(portal.sql, { ...at, kind: "spec", spec, hash: specHash(spec) });
  await portal.sql.tx(async (tx) => {
    for (const one of [orders, feature]) await runs(tx, one);
  });
  const applied = { checksum: checksum("a"), commit, operation: "op_1", at: "2026-11-21T10:00:00.000Z" };
  await recordSchema(portal.sql, {
    ...{ instance: "shop.store.orders", waits: null, fingerprint: checksum("f"), operation: "op_1" },
    applied: { "0001_orders": applied },
    failed: {
      file: "0002_bad",
      checksum: checksum("b"),
      code: "NEB440",
      message: "no such column",
      line: 3,
      column: 8,
    },
  });
});
afterAll(async () => {
  await portal?.close();
  await forge?.close();
});

test("every file is listed with what became of it", async () => {
  const { status, body } = await viewer.get(`${collection}/orders/migrations`);
  expect(status, JSON.stringify(body)).toBe(200);
  expect(body).toMatchObject({
    items: [
      { file: "0001_orders", state: "applied", operation: "op_1" },
      { file: "0002_bad", state: "failed", message: "no such column", line: 3, appliedAt: null },
      { file: "0003_after", state: "pending" },
    ],
    fingerprint: checksum("f"),
  });
  expect((await viewer.get(`${collection}/feature-x/migrations`)).body.items).toEqual([]);
});

test("a new migration is a pull request with one file that has the next free number", async () => {
  const sql = "alter table orders add column total bigint;";
  const { status, body } = await developer.send("POST", `${collection}/orders/migrations`, { name: "add_total", sql });
  expect(status, JSON.stringify(body)).toBe(202);
  expect(body).toMatchObject({ step: "change", pull: { title: "Migration 0004_add_total.sql of shop/store/orders" } });
  const file = await host.getFile(`${folder}/orders/migrations/0004_add_total.sql`, body.pull.headCommit);
  expect(file?.text).toBe(`${sql}\n`);
  expect((await viewer.send("POST", `${collection}/orders/migrations`, { name: "x", sql })).status).toBe(403);
});

test("whoever deletes a database's declaration deletes its migrations with it, and nobody else's", async () => {
  const { status, body } = await developer.send("DELETE", `${collection}/feature-x`, undefined, { "if-match": "*" });
  expect(status, JSON.stringify(body)).toBe(202);
  const { files } = await host.listTree(body.pull.headCommit);
  const left = files.map(({ path }) => path).filter((path) => path.startsWith(folder));
  expect(left.filter((path) => path.includes("feature-x"))).toEqual([]);
  expect(left.filter((path) => path.endsWith(".sql"))).toHaveLength(Object.keys(migrations).length);
});

test.each([
  ["what is no SQL", "create tabel x ();", "line 1, column 8"],
  ["a transaction of its own", "select 1;\n  commit;", "line 2, column 3"],
  ["a superuser's statement", "alter system set fsync = off", "line 1, column 1"],
])("%s is refused before anything is written, with its place", async (_, sql, place) => {
  const { status, body } = await developer.send("POST", `${collection}/orders/migrations`, { name: "x", sql });
  expect(status).toBe(422);
  expect(body).toMatchObject({ code: "NEB601", errors: [{ path: "sql" }] });
  expect(JSON.stringify(body.errors)).toContain(place);
});

test("SQL runs at once on a branch only", async () => {
  const asked = { name: "try", sql: "create table tried (id bigint primary key)", direct: true };
  const refused = await developer.send("POST", `${collection}/orders/migrations`, asked);
  expect([refused.status, refused.body.code]).toEqual([409, "NEB446"]);
  const { status, body } = await developer.send("POST", `${collection}/feature-x/migrations`, asked);
  expect(status).toBe(202);
  expect(body).toMatchObject({ step: "migrate", pull: null, operation: { type: "MIGRATE", database: "feature-x" } });
  expect((await getOperation(portal.sql, body.operation.id))?.params).toMatchObject({ verb: "direct", sql: asked.sql });
});

test("a table is made by a pull request with its migration; on a branch at once, by who may write there", async () => {
  const table = { name: "items", columns: [{ name: "text", type: "text", required: true }] };
  const path = (database: string) => `/api/v1/databases/shop.store.${database}/tables`;
  const { status, body } = await developer.send("POST", path("orders"), table);
  expect(status, JSON.stringify(body)).toBe(202);
  const file = await host.getFile(`${folder}/orders/migrations/0004_create_items.sql`, body.pull.headCommit);
  expect(file?.text).toContain('create table "public"."items" (');
  const branch = await developer.send("POST", path("feature-x"), table);
  expect(branch.body).toMatchObject({ step: "migrate", pull: null, operation: { database: "feature-x" } });
  const { params } = (await getOperation(portal.sql, branch.body.operation.id)) ?? {};
  expect(params).toMatchObject({ verb: "direct", sql: file?.text });
  const bad = await developer.send("POST", path("orders"), {
    ...table,
    columns: [{ name: "id", type: "int" }, { name: "" }],
  });
  expect(bad).toMatchObject({ status: 422, body: { code: "NEB601" } });
  expect(bad.body.errors.map((one: { path: string }) => one.path)).toEqual(
    expect.arrayContaining(["columns.1.name", "columns.1.type"]),
  );
  expect((await viewer.send("POST", path("feature-x"), table)).status).toBe(403);
});

test("running what is merged, and comparing, are operations, of those who may act on what runs and who may read it", async () => {
  const migrate = await admin.send("POST", `${collection}/orders/migrate`);
  expect(migrate.body).toMatchObject({ step: "migrate", operation: { type: "MIGRATE" } });
  expect((await getOperation(portal.sql, migrate.body.operation.id))?.params).toEqual({ verb: "apply", go: true });
  expect((await admin.send("POST", `${collection}/orders/schema/diff`)).body.step).toBe("schema-diff");
  expect((await developer.send("POST", `${collection}/orders/migrate`)).status).toBe(403);
  expect((await developer.send("POST", `${collection}/orders/schema/diff`)).status).toBe(202);
  expect((await viewer.send("POST", `${collection}/orders/schema/diff`)).status).toBe(403);
});

function resolved(made: ReturnType<typeof resolveDatabase>): DatabaseSpec {
  if (made.kind === "invalid") throw new Error(JSON.stringify(made.problems));
  return made.spec;
}
