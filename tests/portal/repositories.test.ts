import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { putRepository, recordWanted, stallRepository } from "../../platform/store/index.ts";
import { type Caller, startPortal, type TestPortal, testVault } from "./harness.ts";

let portal: TestPortal;
let admin: Caller;
const approve = "/api/v1/repositories/nebula/tenants/approve";
const stall = { code: "NEB380", reason: "main was moved from aaaaaaa to bbbbbbb, which does not follow it." };

beforeAll(async () => {
  portal = await startPortal();
  admin = portal.as(await portal.tokenFor("platform-admin"));
  const sealed = testVault.seal(new Secret("x"), "x");
  await putRepository(portal.sql, {
    id: "repo_1",
    owner: "nebula",
    name: "tenants",
    defaultBranch: "main",
    apiUrl: "http://127.0.0.1:1/api/v3",
    gitUrl: "http://127.0.0.1:1/nebula/tenants.git",
    appId: null,
    appKeySealed: null,
    installationId: null,
    hookSecretSealed: sealed,
    botTokenSealed: sealed,
  });
  await recordWanted(portal.sql, {
    ...{ kind: "refused", tenant: "shop", project: "store", repository: "repo_1", commit: "a".repeat(40), tree: "t" },
    ...{ unsettled: false, reason: "Invalid", message: "it does not evaluate", problems: [] },
  } as const);
});
afterAll(() => portal?.close());

test("one that is followed has nothing to approve", async () => {
  expect((await admin.get("/api/v1/repositories")).body.items).toMatchObject([{ name: "tenants", stalled: null }]);
  expect(await admin.send("POST", approve)).toMatchObject({ status: 409, body: { code: "NEB612" } });
  expect(await admin.send("POST", approve.replace("nebula", "nobody"))).toMatchObject({ status: 404 });
});

test("one that is stalled stalls its projects, whoever asks and however", async () => {
  await stallRepository(portal.sql, "repo_1", stall);
  const stalled = { name: "store", status: "Stalled", reason: "RepositoryStalled", message: stall.reason };
  const developer = portal.as(await portal.tokenFor("developer", "shop", "store"));
  for (const caller of [admin, developer])
    for (const query of ["", "?status=Stalled"]) {
      const { items } = (await caller.get(`/api/v1/projects${query}`)).body;
      expect(items).toMatchObject([{ ...stalled, problems: [{ code: "NEB380", file: "refs/heads/main" }] }]);
    }
  expect((await admin.get("/api/v1/projects?status=Ready")).body.items).toEqual([]);
  expect((await admin.get("/api/v1/projects/shop/store")).body).toMatchObject(stalled);
});

test("a rewritten history is accepted by a platform-admin, what a push must mend is not", async () => {
  await stallRepository(portal.sql, "repo_1", { code: "NEB381", reason: "nebula/tenants has no commit on main." });
  expect(await admin.send("POST", approve)).toMatchObject({ status: 409, body: { code: "NEB612" } });
  await stallRepository(portal.sql, "repo_1", stall);
  const domainAdmin = portal.as(await portal.tokenFor("domain-admin", "shop"));
  expect(await domainAdmin.send("POST", approve)).toMatchObject({ status: 403 });
  expect(await admin.send("POST", approve)).toMatchObject({ status: 200, body: { stalled: null, seenCommit: null } });
  expect((await admin.get("/api/v1/projects/shop/store")).body).toMatchObject({ reason: "Invalid" });
});
