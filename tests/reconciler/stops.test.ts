import { execFileSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Clock } from "../../platform/core/index.ts";
import type { Pull } from "../../platform/github/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import {
  approveProtection,
  enqueueOperation,
  getProject,
  getPullRow,
  recordApproval,
  recordInstance,
  reserveInstance,
} from "../../platform/store/index.ts";
import { followPulls, makeReviewer, type Review } from "../../reconciler/review/index.ts";
import { makeProtectionWatch } from "../../reconciler/source/index.ts";
import { eventually } from "../harness/eventually.ts";
import { deployAll } from "./deployments.ts";
import { branchOff, database, fleet, makeWorld, seed, type World } from "./world.ts";

/** What stops a repository or a deletion for a time, and what sets it going again. */
let world: World;
const trusting = fleet["tenants/fleet/policies.ts"]?.replace(
  "allowPublicNetwork",
  'unreviewed: "deploy", allowPublicNetwork',
);
const many = ["a1", "a2", "a3", "a4"];
const retired = (name: string) => database(name, 'version: "18", storage: "1Gi", retire: true');

beforeAll(async () => {
  const archive = many.map((name) => [`tenants/lab/archive/${name}.ts`, retired(name)]);
  world = await makeWorld({
    files: {
      ...seed,
      "tenants/fleet/policies.ts": trusting ?? "",
      "tenants/lab/archive/project.ts": seed["tenants/lab/research/project.ts"] ?? "",
      ...Object.fromEntries(archive),
    },
  });
  await world.sync();
  await deployAll(world.ledger.sql);
  for (const name of many) await runs("lab", "archive", name);
});
afterAll(() => world?.close());

/** A retired instance, as the provider notes it. */
async function runs(tenant: string, project: string, name: string): Promise<void> {
  const { sql } = world.ledger;
  const stack = `${tenant}.${project}`;
  const spec = (await getProject(sql, stack))?.appliedSpec?.databases.find((one) => one.name === name);
  if (spec === undefined) throw new Error(`${stack} has no ${name}`);
  const id = `${stack}.${name}` as DatabaseId;
  await sql.tx(async (tx) => {
    await reserveInstance(tx, { id, stack, placement: "local", spec, fence: 1, commit: null });
    await recordInstance(tx, { id, fence: 1, phase: "Retired" });
  });
}

const hours = (count: number): Clock => ({
  ...world.parts.clock,
  now: () => world.parts.clock.now() + count * 3_600_000,
});
const row = (number: number) => getPullRow<Review>(world.ledger.sql, "repo_test", number);

describe("deleting", () => {
  test("waits at the pull request for its grace time, and passes by itself afterwards", async () => {
    await branchOff(world, "delete-one");
    await world.push("delete-one", { "tenants/lab/archive/a4.ts": null });
    const { number } = await world.person.createPull({ title: "d", body: "", head: "delete-one", base: "main" });
    const reviewer = makeReviewer(world.parts);
    await reviewer.review(await world.repository(), await world.person.getPull(number));
    const waiting = await row(number);
    expect(waiting).toMatchObject({ verdict: "pending", review: { checks: { policy: { state: "pending" } } } });
    expect(waiting?.review?.checks.policy.summary).toMatch(/^a4 may be deleted after .* UTC/);
    await followPulls(world.parts, reviewer, await world.repository());
    expect((await row(number))?.reviewedAt).toEqual(waiting?.reviewedAt);
    await reviewer.close();

    const later = makeReviewer({ ...world.parts, clock: hours(2) });
    await followPulls({ ...world.parts, clock: hours(2) }, later, await world.repository());
    await eventually("it passes", async () => (await row(number))?.verdict === "success", { timeoutMs: 20_000 });
    await later.close();
    await world.person.closePull(number);
  });

  test("is refused before its time when it came past the review, and done when the time is over", async () => {
    const { sql } = world.ledger;
    await branchOff(world, "main");
    await world.git("push", "--quiet", "origin", "HEAD:refs/heads/keep");
    await pushPast({ "tenants/lab/archive/a4.ts": null });
    await world.sync();
    const refused = await getProject(sql, "lab.archive");
    expect(refused).toMatchObject({ status: "Stalled", reason: "Refused", problems: [{ code: "NEB217" }] });
    expect(refused?.wantedSpec?.databases.map(({ name }) => name)).toEqual(many);
    await sql.query("update instances set retired_at = retired_at - interval '2 hours'");
    await world.sync();
    expect((await deployAll(sql)).deployed).toMatchObject([{ stack: "lab.archive" }]);
    expect((await getProject(sql, "lab.archive"))?.appliedSpec?.databases).toHaveLength(3);
    await recordInstance(sql, { id: "lab.archive.a4", fence: 1, phase: "Removed" });
  });

  test("of more than the budget in one commit waits for an approval of exactly that", async () => {
    const { sql } = world.ledger;
    await pushPast({ "tenants/lab/archive/a1.ts": null, "tenants/lab/archive/a2.ts": null });
    await world.sync();
    const { blocked, deployed } = await deployAll(sql);
    expect(deployed).toEqual([]);
    expect(blocked).toMatchObject([{ stack: "lab.archive", error: { code: "NEB218" } }]);
    expect(blocked[0]?.error.detail).toBe("this commit deletes 2 databases, and 1 may go without an approval");
    const [stopped] = blocked;
    const { planHash, steps } = (stopped?.error ?? {}) as unknown as { planHash: string; steps: readonly string[] };
    expect(steps.map((step) => step.split(":")[0])).toEqual(["delete a1", "delete a2"]);
    const approval = { stack: "lab.archive", planHash, operation: stopped?.operation ?? "", commit: null };
    await recordApproval(sql, { ...approval, approvedBy: "ada" });
    await enqueueOperation(sql, { stack: "lab.archive", type: "DEPLOY", requestedBy: "ada" });
    expect(await deployAll(sql)).toMatchObject({ blocked: [], deployed: [{ stack: "lab.archive" }] });
    expect((await getProject(sql, "lab.archive"))?.appliedSpec?.databases).toHaveLength(1);
  });
});

/** To the protected branch, as somebody with the Git host's disk could. */
async function pushPast(files: Readonly<Record<string, string | null>>): Promise<void> {
  await branchOff(world, "past");
  await world.push("past", files);
  const bare = bareRepository();
  execFileSync("git", ["-C", bare, "update-ref", "refs/heads/main", "refs/heads/past"]);
}

function bareRepository(): string {
  const [head] = globSync("**/*.git/HEAD", { cwd: world.forge.dataDir });
  return join(world.forge.dataDir, (head ?? "").slice(0, -"/HEAD".length));
}

describe("the protection of the default branch", () => {
  const protect = (checks: readonly string[]) =>
    world.forge.forge.bootstrap.ensureProtection({
      ...{ owner: "nebula", repository: "tenants", branch: "main" },
      checks: checks.map((name) => ({ context: `nebula/${name}` })),
    });
  const all = ["types", "plan", "policy", "quota", "preview"];
  const look = async () => makeProtectionWatch(world.parts, { everyMs: 0 })(await world.repository());

  test("stops the repository when a required status is taken away, until it is back", async () => {
    expect(await look()).toBe(true);
    await protect(all.filter((name) => name !== "policy"));
    expect(await look()).toBe(false);
    const { stalledCode, stalledReason } = await world.repository();
    expect(stalledCode).toBe("NEB389");
    expect(stalledReason).toContain("main of nebula/tenants: it may be merged without nebula/policy.");
    await protect(all);
    expect(await look()).toBe(true);
    expect(await world.repository()).toMatchObject({ stalledCode: null });
  });

  test("stops it when it is removed, until that is accepted", async () => {
    await world.forge.database.sql.query("delete from protections");
    expect(await look()).toBe(false);
    expect((await world.repository()).stalledReason).toContain("the branch is not protected any more");
    expect(await look()).toBe(false);
    await approveProtection(world.ledger.sql, "repo_test");
    expect(await look()).toBe(true);
  });

  test("is asked for once in a while, and a host that does not answer says nothing", async () => {
    let asked = 0;
    const hosts = {
      ...world.parts.hosts,
      of: (repository: Parameters<typeof world.parts.hosts.of>[0]) => ({
        ...world.parts.hosts.of(repository),
        readBranchGuard: async () => {
          asked += 1;
          throw new Error("the host is away");
        },
      }),
    };
    const watch = makeProtectionWatch({ ...world.parts, hosts }, { everyMs: 60_000 });
    const repository = await world.repository();
    expect([await watch(repository), await watch(repository), asked]).toEqual([true, true, 1]);
  });
});

describe("a fork's head", () => {
  test("is read from the base repository by its pull request's reference, and judged like any stranger's", async () => {
    const bare = bareRepository();
    await branchOff(world, "fork");
    const sha = await world.push("fork", {
      "tenants/lab/research/spy.ts": database(
        "spy",
        'version: "18", tags: { leak: String(globalThis.process?.env?.NEBULA_CANARY ?? "nothing") }',
      ),
    });
    execFileSync("git", ["-C", bare, "update-ref", "refs/pull/77/head", sha]);
    execFileSync("git", ["-C", bare, "update-ref", "-d", "refs/heads/fork"]);
    await rmMirror();
    process.env.NEBULA_CANARY = "canary-4711";
    const fetched: string[] = [];
    const mirrors = {
      ...world.parts.mirrors,
      fetchPull: (...args: Parameters<typeof world.parts.mirrors.fetchPull>) => {
        fetched.push(args[0].gitUrl);
        return world.parts.mirrors.fetchPull(...args);
      },
    };
    const { number } = await openAny();
    const real = await world.person.getPull(number);
    const pull: Pull = {
      ...real,
      ...{ number: 77, author: "mallory", authorId: 4711 },
      head: { ref: "main", sha, repository: "mallory/tenants" },
    };
    const posted = { ...world.parts.hosts.of(await world.repository()), upsertComment: async () => ({ id: 1 }) };
    const hosts = { ...world.parts.hosts, of: () => posted as ReturnType<typeof world.parts.hosts.of> };
    const reviewer = makeReviewer({ ...world.parts, mirrors, hosts });
    await reviewer.review(await world.repository(), pull);
    await reviewer.close();
    delete process.env.NEBULA_CANARY;
    const review = (await row(77))?.review;
    expect(fetched).toEqual([(await world.repository()).gitUrl]);
    expect(review?.projects.map(({ stack }) => stack)).toEqual(["lab.research"]);
    expect(review?.notes.map(({ code }) => code)).toContain("NEB395");
    expect(review?.verdict).toBe("failure");
    expect(JSON.stringify(review)).not.toContain("canary-4711");
  });

  async function openAny() {
    await branchOff(world, "any");
    await world.push("any", { "tenants/lab/research/note.md": "x\n" });
    return world.person.createPull({ title: "any", body: "", head: "any", base: "main" });
  }
  const rmMirror = async () => world.parts.mirrors.rebuild(await world.repository());
});
