import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/rest";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { verifyWebhook } from "../../platform/github/index.ts";
import { withReceiver } from "../conformance/forge/receiver.ts";
import { type TestForge, testForge } from "../harness/forge.ts";

let forge: TestForge;
const seedFiles = new Map([
  ["README.md", "hello\n"],
  ["tenants/acme/tenant.ts", "export {};\n"],
]);

beforeAll(async () => {
  forge = await testForge();
});
afterAll(() => forge.close());

test("setting up twice changes nothing and shows the App's key once", async () => {
  const { bootstrap } = forge.forge;
  const setUp = async (current?: Secret) => {
    await bootstrap.ensureOrganisation({ login: "nebula" });
    await bootstrap.ensureUser({ login: "portal" });
    const repository = await bootstrap.ensureRepository({ owner: "nebula", name: "tenants", seedFiles });
    const app = await bootstrap.ensureApp({ owner: "nebula", name: "nebuladb" });
    const token = await bootstrap.ensureToken({
      ...{ login: "portal", owner: "nebula", repositories: ["tenants"], current },
      permissions: { contents: "write", administration: "read", repository_hooks: "read" },
    });
    const at = { owner: "nebula", repository: "tenants" };
    const hook = await bootstrap.ensureHook({
      ...at,
      url: "http://127.0.0.1:1/x",
      secret: new Secret("s"),
      events: ["push"],
    });
    await bootstrap.ensureProtection({ ...at, branch: "main", checks: [{ context: "nebula/plan", appId: app.appId }] });
    return { repository, app, token, hook };
  };
  const first = await setUp();
  const second = await setUp(first.token);
  expect(first.repository.created).toBe(true);
  expect(second.repository).toEqual({ created: false, commit: first.repository.commit });
  expect(first.app.privateKey).toBeInstanceOf(Secret);
  expect(second.app).toEqual({ ...first.app, privateKey: undefined });
  expect(second.token.reveal()).toBe(first.token.reveal());
  expect(second.hook).toEqual(first.hook);
  const octokit = new Octokit({ baseUrl: forge.apiUrl, auth: first.token.reveal() });
  const branch = (await octokit.repos.getBranch({ owner: "nebula", repo: "tenants", branch: "main" })).data;
  expect(branch.commit.sha).toBe(first.repository.commit);
  expect(branch.protection.required_status_checks?.contexts).toEqual(["nebula/plan"]);
  expect((await octokit.repos.listWebhooks({ owner: "nebula", repo: "tenants" })).data).toHaveLength(1);
  const replaced = await bootstrap.ensureToken({
    ...{ login: "portal", owner: "nebula", permissions: {}, current: new Secret("ghp_old") },
  });
  expect(replaced.reveal()).toMatch(/^ghp_[0-9A-Za-z]{36}$/);
});

test("a webhook whose receiver has moved is moved with it, and others like it go", async () => {
  const { bootstrap } = forge.forge;
  const at = { owner: "nebula", repository: "tenants", secret: new Secret("s"), events: ["push"] };
  const formerly = /^http:\/\/127\.0\.0\.1:\d+\/hooks\/github$/;
  const on = (port: number, path = "/hooks/github") => ({ ...at, url: `http://127.0.0.1:${port}${path}` });
  const first = await bootstrap.ensureHook(on(4403));
  await bootstrap.ensureHook(on(5403));
  const stranger = await bootstrap.ensureHook(on(4403, "/another"));
  expect(await bootstrap.ensureHook({ ...on(6403), formerly })).toEqual(first);
  const rows = await forge.database.sql.query("select id, url from hooks where url ~ '(4403|5403|6403)' order by id");
  expect(rows).toEqual([
    { id: first.id, url: "http://127.0.0.1:6403/hooks/github" },
    { id: stranger.id, url: "http://127.0.0.1:4403/another" },
  ]);
});

test("names that cannot be are refused", async () => {
  const { bootstrap } = forge.forge;
  for (const login of ["", "..", "a/b", "api", "-x", "x--y", "x_y", "a".repeat(40)])
    await expect(bootstrap.ensureOrganisation({ login })).rejects.toMatchObject({ code: "NEB690" });
  await expect(bootstrap.ensureRepository({ owner: "nobody", name: "x" })).rejects.toMatchObject({ code: "NEB690" });
  await expect(bootstrap.ensureRepository({ owner: "nebula", name: "../x" })).rejects.toThrow(/not valid/);
});

test("a new key of the App makes the old one worthless", async () => {
  const { bootstrap } = forge.forge;
  const old = await bootstrap.ensureApp({ owner: "nebula", name: "Rotating" });
  const fresh = await bootstrap.ensureApp({ owner: "nebula", name: "Rotating", newKey: true });
  const as = (key: Secret | undefined) =>
    new Octokit({
      ...{ baseUrl: forge.apiUrl, authStrategy: createAppAuth, log: { debug() {}, info() {}, warn() {}, error() {} } },
      auth: { appId: old.appId, privateKey: key?.reveal() ?? "" },
    });
  expect((await as(fresh.privateKey).apps.getAuthenticated()).data?.slug).toBe("rotating");
  await expect(as(old.privateKey).apps.getAuthenticated()).rejects.toMatchObject({ status: 401 });
});

test("an App hears of every repository that it is installed on", async () => {
  const { bootstrap } = forge.forge;
  await withReceiver(async (receiver) => {
    const secret = new Secret("the app's secret");
    const events = ["push"];
    const app = await bootstrap.ensureApp({
      owner: "nebula",
      name: "Listener",
      hook: { url: receiver.url, secret, events },
    });
    for (const name of ["one", "two"]) await bootstrap.ensureRepository({ owner: "nebula", name, seedFiles });
    await bootstrap.ensureOrganisation({ login: "elsewhere" });
    await bootstrap.ensureRepository({ owner: "elsewhere", name: "three", seedFiles });
    await forge.forge.delivered();
    expect(receiver.received.map(({ payload }) => payload)).toMatchObject([
      { repository: { name: "one" }, installation: { id: app.installationId } },
      { repository: { name: "two" }, installation: { id: app.installationId } },
    ]);
    for (const { body, signature } of receiver.received)
      expect(verifyWebhook(secret, Buffer.from(body), signature)).toBe(true);
  });
});
