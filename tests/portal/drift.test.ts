import { afterAll, beforeAll, expect, test } from "vitest";
import { resolveDatabase, resolveFleetPart, resolveProject, specHash } from "../../platform/spec/index.ts";
import {
  recordApplied,
  recordInstance,
  recordLooks,
  recordOrphans,
  recordStatus,
  recordWanted,
  reserveInstance,
} from "../../platform/store/index.ts";
import { type Caller, startPortal, type TestPortal } from "./harness.ts";

let portal: TestPortal;
let admin: Caller;
const base = "/api/v1/domain/shop/project/store/databases/orders";
const id = "shop.store.orders" as const;

beforeAll(async () => {
  portal = await startPortal();
  const { sql } = portal;
  admin = portal.as(await portal.tokenFor("project-admin", "shop", null));
  await sql.query(
    `insert into repositories (id, owner, name, api_url, git_url, hook_secret_sealed, bot_token_sealed)
     values ('repo_1', 'nebula', 'tenants', '', '', '', '')`,
  );
  const database = resolveDatabase({ engine: "postgres", name: "orders", options: { version: "18" } });
  if (database.kind !== "ok") throw new Error("no database");
  const project = resolveProject("shop", "store", {}, [database.spec]);
  if (project.kind !== "ok") throw new Error("no project");
  const { spec } = project;
  const hash = specHash(spec);
  const at = { tenant: "shop", project: "store", repository: "repo_1", commit: "c", tree: "t", unsettled: false };
  await recordWanted(sql, { ...at, kind: "spec", spec, hash });
  await recordApplied(sql, "shop.store", { commit: "c", spec, hash });
  await recordStatus(sql, "shop.store", { status: "Ready", reason: "Applied" });
  await sql.tx(async (tx) => {
    const made = { id, stack: "shop.store", placement: "local", fence: 1, commit: "c" } as const;
    await reserveInstance(tx, { ...made, spec: database.spec });
    await recordInstance(tx, { id, fence: 1, phase: "Ready", host: "127.0.0.1" });
  });
});
afterAll(() => portal.close());

const look = (...differences: readonly [path: string, effect: "in place" | "by hand"][]) =>
  recordLooks(portal.sql, [
    {
      ...{ instance: id, stack: "shop.store", inspected: true, problem: null, identity: null },
      differences: differences.map(([path, effect]) => ({
        ...{ path, effect, declared: "a", observed: ["b"], inside: true },
      })),
    },
  ]);

test("what differs shows with both sides, beside a status that stays Ready", async () => {
  expect((await admin.get(`${base}/drift`)).body).toMatchObject({ inSync: true, inspectedAt: null, findings: [] });
  await look(["owner", "in place"]);
  const { body } = await admin.get(`${base}/drift`);
  expect(body).toMatchObject({ inSync: false, findings: [{ path: "owner", declared: "a", observed: ["b"] }] });
  expect(body.inspectedAt).not.toBeNull();
  expect((await admin.get(base)).body).toMatchObject({ status: "Ready", drift: 1 });
  expect((await admin.get("/api/v1/drift?domain=shop")).body.items).toMatchObject([
    { database: "orders", path: "owner" },
  ]);
  expect((await admin.get("/api/v1/projects/shop/store")).body).toMatchObject({ status: "Ready" });
});

test("healing is one operation at a time, for whoever may run things; what only a person may decide is refused", async () => {
  const developer = portal.as(await portal.tokenFor("developer", "shop", null));
  expect((await developer.get(`${base}/drift`)).status).toBe(200);
  expect((await developer.send("POST", `${base}/drift/heal`)).status).toBe(403);
  const { status, body, headers } = await admin.send("POST", `${base}/drift/heal`);
  expect([status, body.type, body.database]).toEqual([202, "DEPLOY", "orders"]);
  expect(headers.get("location")).toBe(`/api/v1/operations/${body.id}`);
  expect((await admin.get(`${base}/drift`)).body.findings[0].healOperation).toBe(body.id);
  expect((await admin.send("POST", `${base}/drift/heal`)).body).toMatchObject({ code: "NEB403", status: 409 });
  await portal.sql.query("update operations set state = 'CANCELLED' where id = $1", [body.id]);
  await look(["data", "by hand"]);
  const refused = await admin.send("POST", "/api/v1/projects/shop/store/drift/heal");
  expect(refused.body).toMatchObject({ code: "NEB403", detail: expect.stringContaining("data") });
  await look();
  expect((await admin.get(`${base}/drift`)).body).toMatchObject({ inSync: true, findings: [] });
  expect(
    (await admin.get(`${base}/drift?state=closed`)).body.findings.map(({ path }: { path: string }) => path),
  ).toEqual(["data", "owner"]);
});

test("another tenant sees nothing of it, and orphans are for the platform's administrators", async () => {
  await look(["owner", "in place"]);
  const stranger = portal.as(await portal.tokenFor("domain-admin", "bank", null));
  expect((await stranger.get(`${base}/drift`)).status).toBe(404);
  expect((await stranger.get("/api/v1/drift")).body.items).toEqual([]);
  expect((await stranger.get("/api/v1/drift/orphans")).status).toBe(403);
  await recordOrphans(portal.sql, [
    {
      ...{ path: "/data/instances/x", kind: "instance", instance: "a.b.c", owner: "other", ours: false },
      ...{ pid: 7, reason: "it carries the tag of another installation" },
    },
  ]);
  const { body } = await portal.as(await portal.tokenFor("platform-admin")).get("/api/v1/drift/orphans");
  expect(body.items).toMatchObject([{ kind: "instance", instance: "a.b.c", pid: 7 }]);
});

test("a fleet says whether drift is healed; when it does not say, it is shown", () => {
  const drift = (options: object) => resolveFleetPart("policies", options);
  expect(drift({})).toMatchObject({ kind: "ok", spec: { drift: "report" } });
  expect(drift({ drift: "heal" })).toMatchObject({ kind: "ok", spec: { drift: "heal" } });
  expect(drift({ drift: "always" })).toMatchObject({ kind: "invalid" });
});
