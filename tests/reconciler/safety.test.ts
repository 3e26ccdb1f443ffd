import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type GitHub, makeGitHub } from "../../platform/github/index.ts";
import {
  approveHistory,
  enqueueOperation,
  getFleet,
  getProject,
  getPullRow,
  insertUser,
  recordApproval,
} from "../../platform/store/index.ts";
import { followPulls, makeReviewer, type Review, type Reviewer } from "../../reconciler/review/index.ts";
import { deployAll } from "./deployments.ts";
import { branchOff, database, fleet, makeWorld, seed, type World } from "./world.ts";

/** What is applied is what was reviewed, and what is reviewed is its author's to change. */
let world: World;
let reviewer: Reviewer;

const orders = "tenants/acme/shop/orders.ts";
const sized = (storage: string, more = "") =>
  database("orders", `version: "18", compute: { min: 0.25, max: 0.5 }, storage: "${storage}"${more}`);
const acme = `import { tenant } from "@nebuladb/platform";
export default tenant({ displayName: "Acme", plan: "standard", members: [
  { user: "ann@acme.example", role: "developer", projects: ["shop"] },
  { user: "dora@acme.example", role: "domain-admin" },
] });\n`;

beforeAll(async () => {
  // No protection: whatever gets past the Git host's rules must be found here.
  world = await makeWorld({ protect: false, files: { ...seed, "tenants/acme/tenant.ts": acme } });
  reviewer = makeReviewer(world.parts);
  await world.sync();
  expect((await deployAll(world.ledger.sql)).blocked).toEqual([]);
});
afterAll(async () => {
  await reviewer?.close();
  await world?.close();
});
beforeEach(() => branchOff(world, "main"));

let branches = 0;
async function open(files: Readonly<Record<string, string | null>>, by: GitHub = world.person) {
  const branch = `change-${branches++}`;
  await branchOff(world, branch);
  await world.push(branch, files);
  return { branch, ...(await by.createPull({ title: branch, body: "", head: branch, base: "main" })) };
}

async function review(number: number) {
  await reviewer.review(await world.repository(), await world.person.getPull(number));
  const row = await getPullRow<Review>(world.ledger.sql, "repo_test", number);
  return { verdict: row?.verdict, notes: row?.review?.notes ?? [], policy: row?.review?.checks.policy, row };
}

const merge = async (number: number) =>
  world.person.mergePull(number, { sha: (await world.person.getPull(number)).head.sha });

const project = (stack: string) => getProject(world.ledger.sql, stack);
/** One look at the default branch, and every deployment that it queues. */
async function settle() {
  const report = await world.sync();
  return { report, ...(await deployAll(world.ledger.sql)) };
}

describe("an author", () => {
  const { members }: { members: Record<string, GitHub> } = { members: {} };
  const joined = async (login: string, email: string | null): Promise<GitHub> => {
    const { bootstrap } = world.forge.forge;
    await bootstrap.ensureUser({ login });
    const permissions = { contents: "write", pull_requests: "write", issues: "write", statuses: "read" } as const;
    const token = await bootstrap.makeToken({ login, owner: "nebula", permissions });
    const host = makeGitHub({
      ...{ apiUrl: world.forge.apiUrl, repository: { owner: "nebula", name: "tenants" } },
      auth: { kind: "token", token },
    });
    if (email === null) return host;
    const user = await insertUser(world.ledger.sql, {
      ...{ email, name: login, passwordHash: null, platformAdmin: false, emailVerified: true },
    });
    const { authorId } = await open({ [`tenants/acme/shop/${login}.md`]: "hello\n" }, host);
    await world.ledger.sql.query("insert into user_identities (provider, subject, user_id) values ('forge', $1, $2)", [
      String(authorId),
      user?.id,
    ]);
    return host;
  };
  beforeAll(async () => {
    members.ann = await joined("ann", "ann@acme.example");
    members.dora = await joined("dora", "dora@acme.example");
    members.mallory = await joined("mallory", null);
  });

  test.each([
    ["ann", "a database of her project", orders, sized("11Gi"), "success"],
    [
      "ann",
      "another project of her tenant",
      "tenants/acme/web/project.ts",
      seed["tenants/acme/shop/project.ts"],
      "failure",
    ],
    [
      "ann",
      "another tenant",
      "tenants/lab/research/papers.ts",
      database("papers", 'version: "18", storage: "2Gi"'),
      "failure",
    ],
    ["ann", "her own role", "tenants/acme/tenant.ts", acme.replace("developer", "project-admin"), "failure"],
    [
      "ann",
      "the prices",
      "tenants/fleet/prices.ts",
      fleet["tenants/fleet/prices.ts"]?.replace("0.08", "0.01"),
      "failure",
    ],
    ["ann", "who is asked for reviews", ".github/CODEOWNERS", "* @ann\n", "failure"],
    ["dora", "who is in her tenant", "tenants/acme/tenant.ts", acme.replace("developer", "viewer"), "success"],
    ["mallory", "anything", orders, sized("12Gi"), "failure"],
  ] as const)("%s changes %s", async (login, _, path, text, verdict) => {
    const { number } = await open({ [path]: text ?? "" }, members[login]);
    const result = await review(number);
    expect(result.verdict, result.policy?.summary).toBe(verdict);
    if (verdict === "success") return;
    expect(result.policy?.state).toBe("failure");
    expect(result.notes.find(({ code }) => code === "NEB395")).toMatchObject({ severity: "error", paths: [path] });
  });

  test("cannot make herself a member in the change that needs it", async () => {
    const { number } = await open(
      { "tenants/acme/tenant.ts": acme.replace("developer", "project-admin"), [orders]: sized("13Gi") },
      members.ann,
    );
    expect((await review(number)).policy?.summary).toContain("tenants/acme/tenant.ts");
  });

  test("is not who pushes over what the portal wrote for somebody else", async () => {
    const { number, branch, head } = await open({ [orders]: sized("14Gi") }, members.mallory);
    const principal = { kind: "token", id: "t", name: "t", user: "olga", scopes: null, database: null } as const;
    const grants = [{ role: "developer", tenant: "acme", project: "shop" }];
    await world.ledger.sql.query(
      "insert into proposals (repository, head, requested_by, principal) values ('repo_test', $1, 'olga', $2::jsonb)",
      [head.sha, JSON.stringify({ ...principal, grants })],
    );
    expect((await review(number)).verdict).toBe("success");
    await world.push(branch, { [orders]: sized("15Gi") });
    const after = await review(number);
    expect(after.verdict).toBe("failure");
    expect(after.policy?.summary).toContain("pushed over what the portal wrote");
  });
});

describe("what reaches the default branch", () => {
  test("by a reviewed pull request is deployed", async () => {
    const { number } = await open({ [orders]: sized("20Gi") });
    expect((await review(number)).verdict).toBe("success");
    await merge(number);
    const { deployed, blocked } = await settle();
    expect(blocked).toEqual([]);
    expect(deployed).toMatchObject([{ stack: "acme.shop" }]);
    expect(await project("acme.shop")).toMatchObject({ status: "Ready", wantedReviews: [] });
  });

  test("two reviewed merges that are seen together are deployed as one", async () => {
    const first = await open({ [orders]: sized("21Gi") });
    const second = await open({ "tenants/acme/shop/carts.ts": database("carts") });
    await review(first.number);
    await review(second.number);
    await merge(first.number);
    await merge(second.number);
    const { deployed, blocked } = await settle();
    expect(blocked).toEqual([]);
    expect(deployed).toMatchObject([{ stack: "acme.shop" }]);
  });

  test("by a push stops its project, with a reason, until exactly that plan is approved", async () => {
    const { sql } = world.ledger;
    await world.push("main", { [orders]: sized("30Gi") });
    const { blocked, deployed } = await settle();
    expect(deployed).toEqual([]);
    expect(blocked).toMatchObject([{ stack: "acme.shop", error: { code: "NEB311" } }]);
    const [stopped] = blocked;
    expect(stopped?.error.detail).toMatch(
      /^plan changed: .*orders: storage 21Gi → 30Gi.*pushed without a pull request/,
    );
    expect(await project("acme.shop")).toMatchObject({ status: "Stalled", reason: "Blocked" });

    const wanted = await project("acme.shop");
    const again = () =>
      enqueueOperation(sql, {
        ...{ stack: "acme.shop", type: "DEPLOY", requestedBy: "dora", params: { hash: wanted?.wantedHash } },
      });
    const approval = { stack: "acme.shop", operation: stopped?.operation ?? "", commit: null, approvedBy: "dora" };
    await recordApproval(sql, { ...approval, planHash: "0".repeat(64) });
    await again();
    expect((await deployAll(sql)).blocked, "another plan's approval does not count").toHaveLength(1);
    await recordApproval(sql, { ...approval, planHash: String(stopped?.error.planHash) });
    await again();
    expect(await deployAll(sql)).toMatchObject({ blocked: [], deployed: [{ stack: "acme.shop" }] });
    expect(await project("acme.shop")).toMatchObject({ status: "Ready" });
  });

  test("by a push that is taken back is as if it had never been", async () => {
    await world.push("main", { [orders]: sized("40Gi") });
    expect((await settle()).blocked).toHaveLength(1);
    await branchOff(world, "main");
    await world.push("main", { [orders]: sized("30Gi") });
    expect((await settle()).blocked).toEqual([]);
    expect(await project("acme.shop")).toMatchObject({ status: "Ready" });
  });

  test("before its review has ended is stopped", async () => {
    const { number } = await open({ [orders]: sized("41Gi") });
    await merge(number);
    expect((await settle()).blocked).toMatchObject([{ error: { code: "NEB311" } }]);
    await branchOff(world, "main");
    await world.push("main", { [orders]: sized("30Gi") });
    await settle();
  });

  test("as a head that was swapped after its review is stopped, and an older one too", async () => {
    for (const swap of ["newer", "older"] as const) {
      const { number, branch, head } = await open({ [orders]: sized("31Gi") });
      expect((await review(number)).verdict).toBe("success");
      await world.push(branch, { [orders]: sized("60Gi") });
      if (swap === "older") {
        expect((await review(number)).verdict).toBe("success");
        await world.git("push", "--quiet", "--force", "origin", `${head.sha}:refs/heads/${branch}`);
      }
      await merge(number);
      const { blocked, deployed } = await settle();
      expect(deployed, swap).toEqual([]);
      expect(blocked, swap).toMatchObject([{ error: { code: "NEB311" } }]);
      await branchOff(world, "main");
      await world.push("main", { [orders]: sized("30Gi") });
      await settle();
    }
  });

  test("as a commit that only looks like a merge is stopped", async () => {
    const { number, head } = await open({ [orders]: sized("32Gi") });
    expect((await review(number)).verdict).toBe("success");
    await branchOff(world, "main");
    await world.git("merge", "--quiet", "--squash", head.sha);
    await world.git("commit", "--quiet", "-m", `change (#${number})`);
    await world.git("push", "--quiet", "origin", "HEAD:refs/heads/main");
    expect((await settle()).blocked).toMatchObject([{ error: { code: "NEB311" } }]);
    await branchOff(world, "main");
    await world.push("main", { [orders]: sized("30Gi") });
    await settle();
  });

  test("changes no rule and no member without a review", async () => {
    const { sql } = world.ledger;
    const before = await getFleet(sql, "repo_test");
    await world.push("main", { "tenants/acme/tenant.ts": acme.replace("developer", "project-admin") });
    expect((await settle()).report).toMatchObject({ kind: "stalled", code: "NEB388" });
    expect((await getFleet(sql, "repo_test"))?.tenants).toEqual(before?.tenants);
    expect((await world.sync()).kind).toBe("stalled");

    // An approval speaks of what was found, not of what comes after it.
    await approveHistory(sql, "repo_test");
    await branchOff(world, "main");
    await world.push("main", {
      "tenants/fleet/prices.ts": fleet["tenants/fleet/prices.ts"]?.replace("0.08", "0.02") ?? "",
    });
    expect((await settle()).report).toMatchObject({ kind: "stalled", code: "NEB388" });
    await approveHistory(sql, "repo_test");
    expect((await settle()).report.kind).toBe("synced");
    expect((await getFleet(sql, "repo_test"))?.tenants[0]?.members[0]?.role).toBe("project-admin");
    expect(await world.repository()).toMatchObject({ stalledCode: null });
  });

  test("may do without reviews where the fleet says so", async () => {
    const text = fleet["tenants/fleet/policies.ts"]?.replace(
      "allowPublicNetwork",
      'unreviewed: "deploy", allowPublicNetwork',
    );
    const { number } = await open({ "tenants/fleet/policies.ts": text ?? "" });
    expect((await review(number)).verdict).toBe("success");
    await merge(number);
    await settle();
    await branchOff(world, "main");
    await world.push("main", { [orders]: sized("50Gi") });
    expect(await settle()).toMatchObject({ blocked: [], deployed: [{ stack: "acme.shop" }] });
  });
});

test("the ledger learns of every merge", async () => {
  await followPulls(world.parts, reviewer, await world.repository());
  expect(world.seen.filter(({ kind }) => kind === "fault")).toMatchObject([
    { where: "source.stalled", code: "NEB388" },
    { where: "source.stalled", code: "NEB388" },
  ]);
});
