/** Repositories of a GitHub, for which the embedded forge stands in: an App on it, our receiver, and a portal that is told of both. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ignoreObservations, makeMetrics, type Secret } from "../../platform/core/index.ts";
import { makeGitHub } from "../../platform/github/index.ts";
import { getRepository, listRepositories, markHost } from "../../platform/store/index.ts";
import type { Permissions } from "../../portal/forge/index.ts";
import { type Happened, makeHosts, makeWeb, type Web } from "../../reconciler/source/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestForge, testForge } from "../harness/forge.ts";
import { type Caller, startPortal, type TestPortal, testVault } from "./harness.ts";

const least: Permissions = {
  ...{ metadata: "read", contents: "write", pull_requests: "write", statuses: "write", checks: "write" },
  deployments: "write",
};
const generous: Permissions = { ...least, repository_hooks: "write", administration: "write" };
const path = "/api/v1/repositories/acme/tenants";

let forge: TestForge;
let portal: TestPortal;
let admin: Caller;
let web: Web;
let hookUrl: string;
let app: { readonly appId: number; readonly key: string };
const heard: Happened[] = [];

async function installApp(permissions: Permissions) {
  const { appId, privateKey } = await forge.forge.bootstrap.ensureApp({ owner: "acme", name: "NebulaDB", permissions });
  if (privateKey !== undefined) app = { appId, key: privateKey.reveal() };
}

beforeAll(async () => {
  [forge, portal] = await Promise.all([testForge(), startPortal()]);
  const { bootstrap } = forge.forge;
  for (const login of ["acme", "elsewhere"]) await bootstrap.ensureOrganisation({ login });
  const seedFiles = new Map([["README.md", "hello\n"]]);
  for (const owner of ["acme", "elsewhere"]) await bootstrap.ensureRepository({ owner, name: "tenants", seedFiles });
  await installApp(generous);
  admin = portal.as(await portal.tokenFor("platform-admin"));
  web = makeWeb({
    ...{ sql: portal.sql, hosts: makeHosts(testVault), version: "0", observe: ignoreObservations },
    metrics: makeMetrics("test"),
    hint: (_repository, happened) => void heard.push(happened),
  });
  hookUrl = `http://127.0.0.1:${await web.listen(0)}/hooks/github`;
});
afterAll(async () => {
  await web?.close();
  await Promise.all([portal?.close(), forge?.close()]);
});

const wanted = (more: object = {}) => ({
  ...{ owner: "acme", name: "tenants", apiUrl: forge.apiUrl, hookUrl },
  ...{ app: { id: app.appId, privateKey: app.key } },
  ...more,
});
const check = async () => (await admin.send("POST", `${path}/check`)).body;
const findings = async (state: string) =>
  (await check()).findings.filter((one: { state: string }) => one.state === state);
const push = async (secret: Secret, name: string) => {
  const host = makeGitHub({
    ...{ apiUrl: forge.apiUrl, repository: { owner: "acme", name: "tenants" } },
    auth: { kind: "token", token: secret },
  });
  const head = (await host.getBranch("main")) ?? "";
  const { sha } = await host.commitFiles({ parent: head, message: name, changes: [{ path: name, content: name }] });
  await host.createBranch(name, sha);
};

describe("connecting", () => {
  test.each([
    ["another host", { apiUrl: "https://evil.example/api/v3" }, "NEB688"],
    ["the metadata service", { apiUrl: "https://169.254.169.254/api/v3" }, "NEB688"],
    ["a hook that leads inside", { hookUrl: "https://10.0.0.1/hooks/github" }, "NEB688"],
    ["a key that is none", { app: { id: 1, privateKey: "-----BEGIN NOTHING-----" } }, "NEB691"],
    ["no App at all", { app: undefined }, "NEB693"],
    ["an owner without the App", { owner: "elsewhere" }, "NEB692"],
    ["a repository that is not there", { name: "nothing" }, "NEB692"],
    ["a name that cannot be", { name: "../x" }, "NEB601"],
  ])("refuses %s", async (_what, more, code) => {
    expect((await admin.send("POST", "/api/v1/repositories", wanted(more))).body).toMatchObject({ code });
    expect(await listRepositories(portal.sql)).toEqual([]);
  });

  test("finds the installation, sets up webhook and protection, and keeps no secret in the open", async () => {
    const { status, body } = await admin.send("POST", "/api/v1/repositories", wanted());
    expect(status).toBe(201);
    expect(body).toMatchObject({
      repository: { owner: "acme", name: "tenants", credential: "app", hook: { url: hookUrl, isSetUp: true } },
      ...{ todo: [], hookSecret: null },
    });
    expect(body.done).toEqual([expect.stringMatching(/^webhook \d+ to http/), "protection of main"]);
    const [row] = await listRepositories(portal.sql);
    expect(JSON.stringify(row)).not.toContain("PRIVATE KEY");
    const audit = await portal.sql.query("select details::text from audit_logs");
    expect(JSON.stringify(audit)).not.toContain("PRIVATE KEY");
  });

  test("again changes nothing but the credential", async () => {
    const [before] = await listRepositories(portal.sql);
    expect((await admin.send("POST", "/api/v1/repositories", wanted())).status).toBe(201);
    const [after, ...others] = await listRepositories(portal.sql);
    expect(others).toEqual([]);
    expect(after).toMatchObject({ id: before?.id, hookId: before?.hookId, hookSecretSealed: before?.hookSecretSealed });
  });

  test("is the Platform Admin's alone", async () => {
    const domain = portal.as(await portal.tokenFor("domain-admin", "acme"));
    for (const [method, at] of [
      ["POST", "/api/v1/repositories"],
      ["GET", path],
      ["DELETE", path],
      ["POST", `${path}/check`],
    ] as const)
      expect((await domain.send(method, at, method === "POST" ? wanted() : undefined)).status).toBe(403);
  });
});

describe("the check", () => {
  test("finds all well, with a ping that really arrived", async () => {
    const { verdict, findings: all } = await check();
    expect(all.filter((one: { state: string }) => one.state !== "ok")).toEqual([]);
    expect(verdict).toBe("ok");
    expect(all.map((one: { check: string }) => one.check)).toEqual([
      ...["reach", "clock", "app", "installation", "repository", "permission metadata", "permission contents"],
      ...["permission pull_requests", "permission statuses", "permission checks", "permission deployments"],
      ...[
        "permission repository_hooks",
        "permission administration",
        "protection",
        "hook",
        "hook delivery",
        "rate limit",
      ],
    ]);
  });

  test("changed nothing at the host", async () => {
    const counts = await forge.database.sql.one(
      `select (select count(*) from pulls) as pulls, (select count(*) from statuses) as statuses,
         (select count(*) from check_runs) as runs, (select count(*) from deployments) as deployments`,
    );
    expect(counts).toEqual({ pulls: 0, statuses: 0, runs: 0, deployments: 0 });
  });

  test("names a secret that is not ours, and rotating mends it", async () => {
    await forge.database.sql.query("update hooks set secret_sealed = null");
    expect(await findings("fail")).toMatchObject([{ check: "hook", says: expect.stringContaining("no secret") }]);
    const [row] = await listRepositories(portal.sql);
    const host = makeHosts(testVault).of(row as NonNullable<typeof row>);
    const { Secret } = await import("../../platform/core/index.ts");
    await host.ensureHook({ url: hookUrl, secret: new Secret("another"), events: ["push", "pull_request"] });
    expect(await findings("fail")).toMatchObject([
      { check: "hook delivery", says: expect.stringContaining("refused") },
    ]);
    expect((await admin.send("POST", `${path}/rotate-hook`)).body).toMatchObject({ todo: [], hookSecret: null });
    expect(await findings("fail")).toEqual([]);
  });

  test("names a hook that leads elsewhere, is off, or does not tell of pull requests", async () => {
    await forge.database.sql.query("update hooks set active = false, events = '{push}', url = 'http://127.0.0.1:1/x'");
    const said = (await findings("fail")).map((one: { says: string }) => one.says).join("\n");
    for (const part of ["leads to http://127.0.0.1:1/x", "switched off", "pull_request"]) expect(said).toContain(part);
    await admin.send("POST", `${path}/rotate-hook`);
    expect((await check()).verdict).toBe("ok");
  });

  test("names protection that is gone, and a permission that was taken", async () => {
    await forge.database.sql.query("delete from protections");
    expect(await findings("fail")).toMatchObject([
      { check: "protection", todo: expect.stringContaining("nebula/plan") },
    ]);
    await installApp({ ...generous, checks: "read", repository_hooks: "read" });
    expect(await findings("fail")).toMatchObject([{ check: "permission checks" }, { check: "protection" }]);
    expect(await findings("warn")).toMatchObject([{ check: "permission repository_hooks" }]);
    await installApp(generous);
    await admin.send("POST", "/api/v1/repositories", wanted());
    expect((await check()).verdict).toBe("ok");
  });
});

test("where the App may set up nothing, it says what to click and shows the secret once", async () => {
  await installApp(least);
  const [row] = await listRepositories(portal.sql);
  await forge.database.sql.query("delete from protections");
  const { body } = await admin.send("POST", "/api/v1/repositories", wanted());
  expect(body.todo).toEqual([
    expect.stringContaining(`payload URL ${hookUrl}, content type application/json`),
    expect.stringContaining("require the status checks nebula/types, nebula/plan"),
  ]);
  const kept = await getRepository(portal.sql, row?.id ?? "");
  expect(
    makeHosts(testVault)
      .hookSecrets(kept as NonNullable<typeof kept>)[0]
      ?.reveal(),
  ).toBe(body.hookSecret);
  await installApp(generous);
  await admin.send("POST", "/api/v1/repositories", wanted());
});

test("a rotation loses no delivery: what was signed before it is taken too, until the overlap is over", async () => {
  const token = await forge.forge.bootstrap.makeToken({ login: "nebuladb[bot]", owner: "acme", permissions: generous });
  const [{ id = "" } = {}] = await listRepositories(portal.sql);
  const host = makeHosts(testVault).of((await getRepository(portal.sql, id)) as never);
  const hookId = (await getRepository(portal.sql, id))?.hookId ?? 0;
  await push(token, "before");
  const isTold = (name: string) => async () => (await host.listDeliveries(hookId)).filter((d) => d.event === name)[0];
  const old = await eventually("the push is delivered", isTold("push"));
  await admin.send("POST", `${path}/rotate-hook`);
  const secrets = makeHosts(testVault).hookSecrets((await getRepository(portal.sql, id)) as never);
  expect(secrets).toHaveLength(2);
  await host.redeliver(hookId, old.id);
  const again = await eventually("it is sent again", async () => {
    const found = (await host.listDeliveries(hookId)).find((one) => one.guid === old.guid && one.id !== old.id);
    return found !== undefined && found.statusCode !== 0 && found;
  });
  expect(again.statusCode).toBe(202);
  await portal.sql.query("update repositories set hook_secret_old_until = now() - interval '1 second'");
  expect(makeHosts(testVault).hookSecrets((await getRepository(portal.sql, id)) as never)).toHaveLength(1);
});

test("a rotation that its host did not take is finished by the next", async () => {
  const [{ id = "" } = {}] = await listRepositories(portal.sql);
  const grant = (level: string) =>
    forge.database.sql.query(
      "update tokens set permissions = permissions || jsonb_build_object('repository_hooks', $1::text)",
      [level],
    );
  await grant("read");
  const half = await admin.send("POST", `${path}/rotate-hook`);
  expect(half.body.todo).toEqual([expect.stringContaining("was not set up")]);
  const waiting = await getRepository(portal.sql, id);
  expect(waiting).toMatchObject({ hookSecretOldUntil: null, hookSecretOldSealed: expect.any(String) });
  await grant("write");
  expect((await admin.send("POST", `${path}/rotate-hook`)).body.done).toHaveLength(1);
  expect((await getRepository(portal.sql, id))?.hookSecretSealed).toBe(waiting?.hookSecretSealed);
  expect((await check()).verdict).toBe("ok");
});

test("a degraded host is shown by the repository and by /health", async () => {
  const [{ id = "" } = {}] = await listRepositories(portal.sql);
  await markHost(portal.sql, id, { code: "NEB689", reason: "it is left alone" });
  expect((await admin.get(path)).body.host).toMatchObject({ state: "degraded", code: "NEB689" });
  const beside = await startPortal({ beside: portal });
  await eventually("health says so", async () => (await beside.as("").get("/health")).body.gitHosts === "degraded");
  await beside.close();
  await markHost(portal.sql, id);
  expect((await admin.get(path)).body.host).toMatchObject({ state: "ok", code: null });
});

test("removing deletes the webhook, and not while projects belong to it", async () => {
  const [{ id = "" } = {}] = await listRepositories(portal.sql);
  expect((await admin.send("DELETE", path)).body).toMatchObject({ code: "NEB612" }); // ours, by its address
  await portal.sql.query("update repositories set api_url = replace(api_url, '127.0.0.1', 'localhost')");
  await portal.sql.query(
    `insert into projects (stack, tenant, project, repository, wanted_commit, wanted_tree, status, reason)
     values ('a.b', 'a', 'b', $1, 'c', 't', 'Ready', 'x')`,
    [id],
  );
  expect((await admin.send("DELETE", path)).body).toMatchObject({ code: "NEB612" });
  await portal.sql.query("delete from projects");
  expect((await admin.send("DELETE", path)).status).toBe(204);
  expect(await listRepositories(portal.sql)).toEqual([]);
});
