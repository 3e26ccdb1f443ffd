/** Branches, previews and imports as their users meet them: files, pull requests and the command line, on a whole platform. */
import type { Octokit } from "@octokit/rest";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { connectOnce, type Sql } from "../../platform/sql/index.ts";
import { eventually } from "../harness/eventually.ts";
import { at, type Developer, makeDeveloper } from "./developer.ts";
import { type Platform, startPlatform } from "./platform.ts";

let platform: Platform;
let developer: Developer;
let octokit: Octokit;

beforeAll(async () => {
  platform = await startPlatform({ env: { NEBULA_PRIVATE_HOSTS: "127.0.0.1" } });
  developer = makeDeveloper(platform);
  octokit = developer.octokit;
}, 360_000);
afterAll(async () => {
  developer?.leave();
  await platform?.close();
}, 180_000);

function openPull(branch: string, file: string, change: (text: string) => string): Promise<number> {
  const { git, read, openPull: open } = developer;
  git("fetch", "--quiet", "origin");
  git("switch", "--quiet", "--detach", "origin/main");
  return open(branch, { [file]: change(git("ls-files", file) === "" ? "" : read(file)) });
}

/** Reviewed, merged and deployed. */
async function land(number: number): Promise<void> {
  await eventually(
    "its review passes",
    async () => (await nebula("pr", "show", String(number))).verdict === "success",
    {
      timeoutMs: 60_000,
      everyMs: 500,
    },
  );
  const merged = await platform.nebula("pr", "merge", String(number));
  expect(merged.code, merged.stderr).toBe(0);
}

async function nebula(...args: string[]) {
  const { code, stdout, stderr } = await platform.nebula(...args, "-o", "json");
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

async function inside<T>(name: string, body: (sql: Sql) => Promise<T>): Promise<T> {
  const { direct } = await nebula("db", "url", name);
  const url = new URL(direct);
  url.search = ""; // the platform's own client speaks no TLS; on loopback it need not
  return connectOnce(new Secret(url.href), body);
}
const ready = (name: string) =>
  eventually(`${name} is ready`, async () => (await nebula("db", "show", name)).phase === "Ready", {
    timeoutMs: 90_000,
    everyMs: 1_000,
  });

test("a branch is a file that imports its parent; its endpoint opens by its own address", async () => {
  await ready("acme/shop/orders");
  await inside("acme/shop/orders", (sql) =>
    sql.query("create table sold (n int); insert into sold values (1), (2), (3)"),
  );
  const text = `import { Branch } from "@nebuladb/platform";\nimport orders from "./orders.ts";\n\nexport default new Branch("feature-x", { of: orders, ttl: "2d" });\n`;
  await land(await openPull("feature", "tenants/acme/shop/feature-x.ts", () => text));
  await ready("acme/shop/feature-x");
  const rows = await inside("acme/shop/feature-x", (sql) =>
    sql.one<{ n: number }>("select count(*)::int as n from sold"),
  );
  expect(rows).toEqual({ n: 3 });
  const [branch] = (await nebula("branch", "list", "acme/shop/orders")) as { id: string; expiresAt: string }[];
  expect(branch).toMatchObject({ id: "acme.shop.feature-x", of: "orders", status: "Ready" });
}, 270_000);

test("a pull request has a branch of what the project names while it is open, and the comment says how to get there", async () => {
  const previews = (text: string) => text.replace("project({", 'project({ previewBranches: ["orders"],');
  await land(await openPull("previews", "tenants/acme/shop/project.ts", previews));
  const number = await openPull("catalog", "tenants/acme/shop/catalog.ts", (text) => text.replace('"30m"', '"45m"'));
  const name = `acme/shop/pr-${number}-orders`;
  const comment = await eventually(
    "the comment names it",
    async () => {
      const { data } = await octokit.rest.issues.listComments({ ...at, issue_number: number });
      return data.find(({ body }) => body?.includes(`pr-${number}-orders`))?.body;
    },
    { timeoutMs: 60_000 },
  );
  expect(comment).toContain(`nebula db url ${name}`);
  await eventually(
    "it is there",
    async () => {
      const { code, stdout } = await platform.nebula("db", "show", name, "-o", "json");
      return code === 0 && JSON.parse(stdout).phase === "Ready";
    },
    { timeoutMs: 90_000, everyMs: 1_000 },
  );
  expect(await inside(name, (sql) => sql.one("select count(*)::int as n from sold"))).toEqual({ n: 3 });
  await octokit.rest.pulls.update({ ...at, pull_number: number, state: "closed" });
  await eventually("it is gone", async () => (await platform.nebula("db", "show", name)).code === 4, {
    timeoutMs: 90_000,
    everyMs: 1_000,
  });
}, 360_000);

test("a running Postgres is imported, and its rows counted", async () => {
  await ready("acme/shop/catalog");
  const source = new URL((await nebula("db", "url", "acme/shop/orders")).direct);
  source.search = "?sslmode=require";
  const { operation } = await nebula("db", "import", "acme/shop/catalog", source.href);
  expect(operation).toMatchObject({ state: "COMPLETED", result: { tables: 1, rows: 3 } });
  const rows = await inside("acme/shop/catalog", (sql) => sql.one("select count(*)::int as n from sold"));
  expect(rows).toEqual({ n: 3 });
  const again = await platform.nebula("db", "import", "acme/shop/catalog", source.href);
  expect(again.stderr).toContain("NEB697");
  const file = await platform.nebula("db", "import", "acme/shop/catalog", "dump.sql");
  expect(file).toMatchObject({ code: 2, stderr: expect.stringContaining("plain SQL") });
}, 270_000);
