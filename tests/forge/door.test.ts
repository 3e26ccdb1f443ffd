/** The platform's own client against the embedded host: what the portal and the reconciler do all day. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { initBare, makeGit } from "../../platform/git/index.ts";
import { type GitHub, makeGitHub, verifyWebhook } from "../../platform/github/index.ts";
import { withReceiver } from "../conformance/forge/receiver.ts";
import { type TestForge, testForge } from "../harness/forge.ts";

let forge: TestForge;
let bot: GitHub;
let app: GitHub;
let appId: number;
const secret = new Secret("hook secret");
const home = { owner: "nebula", name: "tenants" };
const contexts = ["nebula/types", "nebula/plan"];

beforeAll(async () => {
  forge = await testForge();
  const { bootstrap } = forge.forge;
  await bootstrap.ensureOrganisation({ login: "nebula" });
  await bootstrap.ensureUser({ login: "portal" });
  await bootstrap.ensureRepository({ ...home, seedFiles: new Map([["tenants/a/project.ts", "export {};\n"]]) });
  const made = await bootstrap.ensureApp({ owner: "nebula", name: "nebuladb" });
  appId = made.appId;
  const permissions = {
    contents: "write",
    pull_requests: "write",
    issues: "write",
    repository_hooks: "write",
  } as const;
  const token = await bootstrap.makeToken({ login: "portal", owner: "nebula", permissions });
  const checks = contexts.map((context) => ({ context, appId }));
  await bootstrap.ensureProtection({ owner: "nebula", repository: "tenants", branch: "main", checks });
  const { privateKey = new Secret(""), installationId } = made;
  const at = { apiUrl: forge.apiUrl, repository: home };
  bot = makeGitHub({ ...at, auth: { kind: "token", token } });
  app = makeGitHub({ ...at, auth: { kind: "app", appId, privateKey, installationId } });
});
afterAll(async () => {
  expect(forge.faults).toEqual([]);
  await forge.close();
});

test("a change goes from branch to merge as the platform does it", async () => {
  await withReceiver(async (receiver) => {
    await bot.ensureHook({ url: receiver.url, secret, events: ["push", "pull_request"] });
    const parent = (await bot.getBranch("main")) ?? "";
    const changes = [
      { path: "tenants/a/orders.ts", content: "export default 1;\n" },
      { path: "tenants/a/project.ts", content: null },
    ];
    const commit = await bot.commitFiles({ parent, message: "Add orders", changes });
    await bot.createBranch("nebula/orders", commit.sha);
    const pull = await bot.createPull({ title: "Add orders", body: "b", head: "nebula/orders", base: "main" });
    const again = await bot.createPull({ title: "Add orders", body: "b", head: "nebula/orders", base: "main" });
    expect(again.number).toBe(pull.number);
    expect((await bot.getPull(pull.number)).mergeableState).toBe("blocked");
    await expect(bot.mergePull(pull.number, { sha: commit.sha })).rejects.toMatchObject({ code: "NEB684" });
    const changed = (await bot.pullFiles(pull.number)).map(({ path, status }) => `${status} ${path}`);
    expect(changed).toEqual(["added tenants/a/orders.ts", "removed tenants/a/project.ts"]);
    for (const context of contexts)
      await app.createStatus(commit.sha, { context, state: "success", description: "good", targetUrl: forge.url });
    const marker = "<!-- nebula -->";
    const first = await app.upsertComment(pull.number, { marker, body: `${marker} plan` });
    expect(await app.upsertComment(pull.number, { marker, body: `${marker} plan 2` })).toEqual(first);
    const at = { path: "tenants/a/orders.ts", startLine: 1, endLine: 1 };
    const note = { ...at, level: "failure" as const, title: "t", message: "m" };
    const run = { name: "nebula", sha: commit.sha, title: "t", summary: "s" };
    const done = { kind: "done", conclusion: "failure" } as const;
    const annotations = Array.from({ length: 70 }, () => note);
    const { id } = await app.upsertCheckRun({ ...run, state: { kind: "running" }, annotations: [] });
    expect(await app.upsertCheckRun({ ...run, state: done, annotations })).toEqual({ id });
    await expect(bot.mergePull(pull.number, { sha: parent })).rejects.toMatchObject({ code: "NEB683" });
    const { sha } = await bot.mergePull(pull.number, { sha: commit.sha });
    expect(await bot.getBranch("main")).toBe(sha);
    expect(await bot.getPull(pull.number)).toMatchObject({ merged: true, mergeCommit: sha });
    const deployment = await app.ensureDeployment({ sha, environment: "a.project", description: "d" });
    expect(await app.ensureDeployment({ sha, environment: "a.project", description: "d" })).toEqual(deployment);
    await app.createDeploymentStatus(deployment.id, { state: "success", description: "done" });
    await bot.deleteBranch("nebula/orders");
    await forge.forge.delivered();
    const told = receiver.received.map(({ event, payload }) =>
      `${event} ${payload.action ?? payload.ref ?? ""}`.trim(),
    );
    expect(told).toEqual([
      ...["ping", "push refs/heads/nebula/orders", "pull_request opened"],
      ...["pull_request closed", "push refs/heads/main", "push refs/heads/nebula/orders"],
    ]);
    for (const { body, signature } of receiver.received)
      expect(verifyWebhook(secret, Buffer.from(body), signature)).toBe(true);
  });
});

test("a mirror is fetched with the App's token, and not without", async () => {
  const folder = await mkdtemp(join(tmpdir(), "nebula-mirror-"));
  await initBare(folder, "main");
  const mirror = makeGit(folder);
  const url = `${forge.url}/nebula/tenants.git`;
  const specs = ["+refs/heads/*:refs/remotes/origin/*", "+refs/pull/*/head:refs/pull/*/head"];
  await expect(mirror.fetch(url, specs)).rejects.toMatchObject({ code: "NEB374" });
  await expect(mirror.fetch(url, specs, { token: "ghp_wrong" })).rejects.toMatchObject({ code: "NEB374" });
  await expect(mirror.fetch(`${url}x`, specs, { token: await app.gitToken() })).rejects.toMatchObject({
    code: "NEB378",
  });
  await mirror.fetch(url, specs, { token: await app.gitToken(), prune: true });
  expect(await mirror.revParse("refs/remotes/origin/main")).toBe(await bot.getBranch("main"));
  mirror.close();
  await rm(folder, { recursive: true, force: true });
});
