import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProblemDocument } from "../../platform/core/index.ts";
import { type ProjectSpec, specHash } from "../../platform/spec/index.ts";
import {
  claimOperation,
  enqueueOperation,
  findApproval,
  finishOperation,
  getProject,
  listOperations,
  putRepository,
  recordWanted,
} from "../../platform/store/index.ts";
import { type Caller, startPortal, type TestPortal } from "./harness.ts";

let portal: TestPortal;
let admin: Caller;
const planHash = "a".repeat(64);
const spec: ProjectSpec = {
  ...{ tenant: "shop", project: "store", placement: "local", region: "local", quota: null, databases: [] },
};

beforeAll(async () => {
  portal = await startPortal();
  admin = portal.as(await portal.tokenFor("project-admin", "shop", "store", "olga"));
  await putRepository(portal.sql, {
    ...{
      id: "repo_1",
      owner: "nebula",
      name: "tenants",
      defaultBranch: "main",
      apiUrl: "http://x",
      gitUrl: "http://x",
    },
    ...{ appId: null, appKeySealed: null, installationId: null, hookSecretSealed: "-", botTokenSealed: "-" },
  });
  await recordWanted(portal.sql, {
    ...{ kind: "spec", tenant: "shop", project: "store", repository: "repo_1", commit: "c".repeat(40), tree: "t" },
    ...{ spec, hash: specHash(spec), unsettled: false, reviews: [] },
  });
});
afterAll(() => portal?.close());

/** A deployment that was stopped, as the deployer ends it. */
async function stopped(error: Partial<ProblemDocument>): Promise<string> {
  const commit = "c".repeat(40);
  const { id } = await enqueueOperation(portal.sql, {
    stack: "shop.store",
    type: "DEPLOY",
    commit,
    requestedBy: "eve",
  });
  const claim = await claimOperation(portal.sql, { holder: "test", types: ["DEPLOY"] });
  if (claim?.operation.id !== id) throw new Error("another operation was claimed");
  const document = { type: "", title: "", status: 409, detail: "plan changed", code: "NEB311", hint: "", ...error };
  await finishOperation(portal.sql, claim, { kind: "failed", outcome: "blocked", error: document as ProblemDocument });
  return id;
}
const approve = (caller: Caller, id: string, body: object = {}) =>
  caller.send("POST", `/api/v1/operations/${id}/approve`, body);

test("whoever may merge may approve exactly the plan that was stopped; nobody else may", async () => {
  const id = await stopped({ planHash });
  const developer = portal.as(await portal.tokenFor("developer", "shop", "store"));
  const elsewhere = portal.as(await portal.tokenFor("domain-admin", "bank"));
  expect((await approve(developer, id)).status).toBe(403);
  expect((await approve(elsewhere, id)).status).toBe(404);
  expect(await approve(admin, id, { planHash: "b".repeat(64) })).toMatchObject({ status: 409 });
  expect(await findApproval(portal.sql, "shop.store", planHash)).toBeUndefined();

  const { status, body } = await approve(admin, id, { planHash });
  expect(status).toBe(202);
  expect(body).toMatchObject({ type: "DEPLOY", state: "QUEUED", requestedBy: "olga", commit: "c".repeat(40) });
  expect(await findApproval(portal.sql, "shop.store", planHash)).toMatchObject({ operation: id, approvedBy: "olga" });
  expect(await getProject(portal.sql, "shop.store")).toMatchObject({ status: "Reconciling" });
  const [queued] = await listOperations(portal.sql, { state: "QUEUED" });
  expect(queued?.params).toMatchObject({ hash: specHash(spec), approved: planHash });
  const auditor = portal.as(await portal.tokenFor("platform-admin"));
  expect((await auditor.get("/api/v1/audit-logs?limit=1")).body.items[0]).toMatchObject({
    action: "operations.approve",
    actor: "olga",
    result: "accepted",
  });
});

test("an older stop is not approved over a newer one, nor what no approval lifts", async () => {
  const older = await stopped({ planHash });
  const newer = await stopped({ code: "NEB208" });
  expect(await approve(admin, older)).toMatchObject({ status: 409 });
  expect(await approve(admin, newer)).toMatchObject({ status: 409 });
  expect((await approve(admin, `op_${"0".repeat(26)}`)).status).toBe(404);
});

test("from a terminal it is found by its project, or by itself", async () => {
  const cli = join(import.meta.dirname, "../../launcher/cli.ts");
  const token = await portal.tokenFor("project-admin", "shop", "store", "olga");
  const env = { ...process.env, NEBULA_URL: portal.url, NEBULA_TOKEN: token };
  const nebula = (...args: string[]) =>
    promisify(execFile)(process.execPath, [cli, "ops", "approve", ...args], { env });
  await expect(nebula("shop/store")).rejects.toMatchObject({ code: 4 });
  for (const args of [["shop/store"], ["shop.store"], []]) {
    const id = await stopped({ planHash });
    const { stdout } = await nebula(...args, "-o", "json");
    expect(JSON.parse(stdout)).toMatchObject({ type: "DEPLOY", state: "QUEUED" });
    expect((await findApproval(portal.sql, "shop.store", planHash))?.operation).toBe(id);
  }
});
