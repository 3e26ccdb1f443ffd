import { afterAll, beforeAll, expect, test } from "vitest";
import type { GitHub } from "../../platform/github/index.ts";
import {
  beginReview,
  enqueueOperation,
  recordPull,
  recordPullState,
  recordRestorePoint,
  recordReview,
  recordWanted,
} from "../../platform/store/index.ts";
import type { Caller, TestPortal } from "./harness.ts";
import { type HostedPortal, startHostedPortal } from "./hosted.ts";

const declared = (name: string, storage: string) =>
  `import { Postgres } from "@nebuladb/platform";\n\n// mine\nexport default new Postgres("${name}", { version: "18", storage: "${storage}" });\n`;
const folder = "tenants/shop/store";
const seed = new Map([
  ["tenants/shop/tenant.ts", 'import { tenant } from "@nebuladb/platform";\n\nexport default tenant({});\n'],
  [`${folder}/project.ts`, 'import { project } from "@nebuladb/platform";\n\nexport default project();\n'],
  [`${folder}/orders.ts`, declared("orders", "10Gi")],
  [`${folder}/papers.ts`, declared("papers", "10Gi")],
]);
const rollback = "/api/v1/domain/shop/project/store/rollback";

let hosted: HostedPortal;
let portal: TestPortal;
let host: GitHub;
let developer: Caller;
let first: string;

beforeAll(async () => {
  hosted = await startHostedPortal(seed);
  ({ portal, host, commit: first } = hosted);
  developer = portal.as(await portal.tokenFor("developer", "shop", "store", "eve"));
  await recordWanted(portal.sql, {
    ...{ kind: "refused", tenant: "shop", project: "store", repository: "repo_1", commit: first, tree: "t" },
    ...{ unsettled: false, reason: "Invalid", message: "", problems: [] },
  } as const);
});
afterAll(async () => {
  await hosted?.close();
});

/** A pull request that was reviewed and merged. */
async function merged(branch: string, changes: readonly { path: string; content: string | null }[]) {
  const parent = (await host.getBranch("main")) ?? "";
  const { sha } = await host.commitFiles({ parent, message: branch, changes });
  await host.createBranch(branch, sha);
  const { number } = await host.createPull({ title: branch, body: "", head: branch, base: "main" });
  const about = { repository: "repo_1", number, head: sha };
  await recordPull(portal.sql, { ...about, requestedBy: "eve", by: "reconciler" });
  await beginReview(portal.sql, about);
  const review = { projects: [{ stack: "shop.store", kind: "changed" }] };
  await recordReview(portal.sql, { ...about, review, planHash: "p", verdict: "success" });
  const merge = await host.mergePull(number, { sha });
  await recordPullState(portal.sql, { repository: "repo_1", number, state: "merged", mergeCommit: merge.sha });
  return { number, commit: merge.sha };
}

const filesOf = async (pull: { headCommit: string }) =>
  Object.fromEntries(
    await Promise.all(
      ["orders", "papers", "carts"].map(async (name) => [
        name,
        (await host.getFile(`${folder}/${name}.ts`, pull.headCommit))?.text,
      ]),
    ),
  );

test("before anything was merged there is nothing to go back to", async () => {
  expect(await developer.send("POST", rollback, {})).toMatchObject({ status: 409, body: { code: "NEB612" } });
});

test("the newest merged pull request is taken back: texts to the byte, new databases retired", async () => {
  const { number } = await merged("grow", [
    { path: `${folder}/orders.ts`, content: declared("orders", "20Gi") },
    { path: `${folder}/carts.ts`, content: declared("carts", "1Gi") },
    { path: "tenants/shop/notes.ts", content: "export const other = 1;\n" },
  ]);
  const operation = await enqueueOperation(portal.sql, { stack: "shop.store", type: "DEPLOY", requestedBy: "eve" });
  await recordRestorePoint(portal.sql, {
    ...{ instance: "shop.store.orders", lsn: "0/1A2B3C", name: "nebula:x", commit: first, operation: operation.id },
  });
  const { status, body } = await developer.send("POST", rollback, {});
  expect(status).toBe(202);
  expect(body.pull.title).toBe(`Roll back shop/store to ${first.slice(0, 7)}`);
  const files = await filesOf(body.pull);
  expect(files).toMatchObject({ orders: declared("orders", "10Gi"), papers: declared("papers", "10Gi") });
  expect(files.carts).toContain("retire: true");
  expect(await host.getFile("tenants/shop/notes.ts", body.pull.headCommit)).toBeDefined();
  const { body: text } = await host.getPull(body.pull.number);
  expect(text).toContain(`before pull request #${number}`);
  expect(text).toMatch(/- orders: rp_\w+ at .*, log 0\/1A2B3C, declared by [0-9a-f]{7}/);
  const auditor = portal.as(await portal.tokenFor("platform-admin"));
  expect((await auditor.get("/api/v1/audit-logs?limit=1")).body.items[0]).toMatchObject({
    action: "projects.rollback",
    actor: "eve",
    result: "accepted",
  });
});

test("one database goes back alone, to a commit that is named", async () => {
  const { body } = await developer.send("POST", rollback, { database: "orders", to: first });
  expect(await filesOf(body.pull)).toMatchObject({
    ...{ orders: declared("orders", "10Gi"), carts: declared("carts", "1Gi") },
  });
  expect(await developer.send("POST", rollback, { database: "papers", to: first })).toMatchObject({ status: 409 });
});

test("one database goes back before its own newest change, whatever was merged for others since", async () => {
  const before = await host.getBranch("main");
  const { number } = await merged("papers-grow", [
    { path: `${folder}/papers.ts`, content: declared("papers", "30Gi") },
  ]);
  await merged("orders-grow", [{ path: `${folder}/orders.ts`, content: declared("orders", "40Gi") }]);
  const { status, body } = await developer.send("POST", rollback, { database: "papers" });
  expect([status, body.pull?.title]).toEqual([202, `Roll back shop/store/papers to ${before?.slice(0, 7)}`]);
  expect(await filesOf(body.pull)).toMatchObject({
    ...{ papers: declared("papers", "10Gi"), orders: declared("orders", "40Gi") },
  });
  expect((await host.getPull(body.pull.number)).body).toContain(`before pull request #${number}`);
  expect(await developer.send("POST", rollback, { database: "nothing" })).toMatchObject({ status: 409 });
});

test("only to a commit of the default branch", async () => {
  const parent = (await host.getBranch("main")) ?? "";
  const changes = [{ path: `${folder}/orders.ts`, content: declared("orders", "99Gi") }];
  const { sha } = await host.commitFiles({ parent, message: "elsewhere", changes });
  await host.createBranch("elsewhere", sha);
  expect(await developer.send("POST", rollback, { to: sha })).toMatchObject({ status: 404 });
  expect(await developer.send("POST", rollback, { to: "f".repeat(40) })).toMatchObject({ status: 404 });
});

test("by who may change the project, and by nobody else", async () => {
  const viewer = portal.as(await portal.tokenFor("viewer", "shop", "store"));
  const stranger = portal.as(await portal.tokenFor("developer", "bank", "core"));
  expect((await viewer.send("POST", rollback, {})).status).toBe(403);
  expect((await stranger.send("POST", rollback, {})).status).toBe(404);
});

test("restore points are listed, newest first", async () => {
  const path = "/api/v1/domain/shop/project/store/databases/orders/restore-points";
  expect((await developer.get(path)).body.items).toMatchObject([{ lsn: "0/1A2B3C", commit: first }]);
});
