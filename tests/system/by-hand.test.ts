import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Octokit } from "@octokit/rest";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { connectOnce } from "../../platform/sql/index.ts";
import { eventually } from "../harness/eventually.ts";
import { at, type Developer, makeDeveloper } from "./developer.ts";
import { type Platform, startPlatform } from "./platform.ts";

let platform: Platform;
let developer: Developer;
let octokit: Octokit;

beforeAll(async () => {
  platform = await startPlatform();
  developer = makeDeveloper(platform);
  octokit = developer.octokit;
}, 360_000);
afterAll(async () => {
  developer?.leave();
  await platform?.close();
}, 180_000);

/** The required statuses of a head, once none of them is pending. */
const checksOf = (ref: string) =>
  eventually(
    "five finished checks",
    async () => {
      const { data } = await octokit.rest.repos.getCombinedStatusForRef({ ...at, ref });
      const ours = data.statuses.filter(({ context }) => context.startsWith("nebula/"));
      return ours.length === 5 && ours.every(({ state }) => state !== "pending")
        ? Object.fromEntries(ours.map(({ context, state }) => [context, state]))
        : false;
    },
    { timeoutMs: 20_000 },
  );

const declaration = (name: string, storage: string) =>
  `import { Postgres } from "@nebuladb/platform";\n\nexport default new Postgres("${name}", {\n  version: "18",\n  compute: { min: 0.25, max: 0.25 },\n  storage: "${storage}",\n  tags: { owner: "by-hand" },\n});\n`;

test("a declaration written in an editor is reviewed, merged and deployed like any other", async () => {
  const number = await developer.openPull("by-hand", {
    "tenants/acme/shop/wishes.ts": declaration("wishes", "1Gi"),
  });
  const { data: pull } = await octokit.rest.pulls.get({ ...at, pull_number: number });
  expect(await checksOf(pull.head.sha)).toEqual({
    "nebula/types": "success",
    "nebula/plan": "success",
    "nebula/policy": "success",
    "nebula/quota": "success",
    "nebula/preview": "success",
  });
  const comments = await eventually("the review's comment", async () => {
    const { data } = await octokit.rest.issues.listComments({ ...at, issue_number: number });
    return data.length > 0 ? data : false;
  });
  expect(comments).toHaveLength(1);
  expect(comments[0]?.body).toMatch(/wishes/);

  const { data: merged } = await octokit.rest.pulls.merge({ ...at, pull_number: number, sha: pull.head.sha });
  expect(merged.merged).toBe(true);
  const deployed = await eventually(
    "a successful deployment",
    async () => {
      const { data } = await octokit.rest.repos.getCombinedStatusForRef({ ...at, ref: merged.sha });
      return data.statuses.find(({ context, state }) => context === "nebula/deploy" && state === "success");
    },
    { timeoutMs: 30_000 },
  );
  expect(deployed.state).toBe("success");
  const { stdout } = await platform.nebula("db", "connect", "shop/wishes");
  const rows = await connectOnce(new Secret(stdout.trim()), (sql) => sql.one<{ n: number }>("select 41 + 1 as n"));
  expect(rows).toEqual({ n: 42 });
}, 270_000);

test("a broken declaration is refused with its exact place, and the next push is reviewed anew", async () => {
  const text = declaration("broken", "1Gi").replace('storage: "1Gi"', 'storage: "ten gigabytes"');
  const number = await developer.openPull("broken", { "tenants/acme/shop/broken.ts": text });
  const { data: pull } = await octokit.rest.pulls.get({ ...at, pull_number: number });
  const checks = await checksOf(pull.head.sha);
  expect(checks["nebula/types"]).toBe("failure");
  expect(checks["nebula/plan"]).toBe("failure");
  const body = await eventually("the comment", async () => {
    const { data } = await octokit.rest.issues.listComments({ ...at, issue_number: number });
    return data[0]?.body;
  });
  expect(body).toContain("tenants/acme/shop/broken.ts:6:");
  const check_run_id = await eventually("the check run", async () => {
    const { data } = await octokit.rest.checks.listForRef({ ...at, ref: pull.head.sha });
    return data.check_runs[0]?.id;
  });
  const { data: annotations } = await octokit.rest.checks.listAnnotations({ ...at, check_run_id });
  expect(annotations[0]).toMatchObject({ path: "tenants/acme/shop/broken.ts", start_line: 6 });
  await expect(octokit.rest.pulls.merge({ ...at, pull_number: number })).rejects.toMatchObject({ status: 405 });

  developer.git("switch", "--quiet", "broken");
  writeFileSync(join(developer.checkout, "tenants/acme/shop/broken.ts"), declaration("broken", "1Gi"));
  developer.git("commit", "--quiet", "--all", "--message", "Mend it");
  developer.git("push", "--quiet", "origin", "broken");
  const head = developer.git("rev-parse", "HEAD");
  expect(Object.values(await checksOf(head))).toEqual(Array(5).fill("success"));
  const { data: comments } = await octokit.rest.issues.listComments({ ...at, issue_number: number });
  expect(comments).toHaveLength(1);
}, 270_000);

test("a declaration that the API changes keeps every byte that it does not mean", async () => {
  developer.git("fetch", "--quiet", "origin");
  developer.git("switch", "--quiet", "--detach", "origin/main");
  const file = "tenants/acme/shop/orders.ts";
  const before = developer.read(file);
  const edited = await platform.nebula(
    "db",
    "edit",
    "acme/shop/orders",
    "--storage",
    "11Gi",
    "--auto-merge",
    "--wait",
    "-o",
    "json",
  );
  expect(edited.code, edited.stderr).toBe(0);
  developer.git("fetch", "--quiet", "origin");
  developer.git("switch", "--quiet", "--detach", "origin/main");
  expect(developer.read(file)).toBe(before.replace(/storage: "\d+Gi"/, 'storage: "11Gi"'));
}, 180_000);
