import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { getPullRow, putSetting, recordPull } from "../../platform/store/index.ts";
import {
  checkNames,
  commentMarker,
  contextOf,
  followPulls,
  makeReviewer,
  mergeReady,
  noteState,
  type Review,
  type Reviewer,
} from "../../reconciler/review/index.ts";
import { eventually } from "../harness/eventually.ts";
import { branchOff, database, makeWorld, type World } from "./world.ts";

let world: World;
let reviewer: Reviewer;
beforeAll(async () => {
  world = await makeWorld();
  reviewer = makeReviewer(world.parts);
  await world.sync();
});
afterAll(async () => {
  await reviewer?.close();
  await world?.close();
});

const orders = "tenants/acme/shop/orders.ts";
const options = (change: string) => database("orders", `version: "18", ${change}`);
const usual = 'compute: { min: 0.25, max: 0.5 }, storage: "10Gi"';

async function open(branch: string, files: Readonly<Record<string, string | null>>) {
  await branchOff(world, branch);
  await world.push(branch, files);
  return world.person.createPull({ title: branch, body: "", head: branch, base: "main" });
}

async function reviewed(number: number) {
  const pull = await world.person.getPull(number);
  await reviewer.review(await world.repository(), pull);
  const [row, statuses, comments] = await Promise.all([
    getPullRow<Review>(world.ledger.sql, "repo_test", number),
    world.person.listStatuses(pull.head.sha),
    world.person.listComments(number),
  ]);
  const sticky = comments.filter(({ body }) => body.includes(commentMarker));
  const states = Object.fromEntries(statuses.map(({ context, state }) => [context, state]));
  return { pull, row, review: row?.review, statuses, states, sticky, comment: sticky[0]?.body ?? "" };
}

const all = (state: string) => Object.fromEntries(checkNames.map((name) => [contextOf(name), state]));

describe("a good pull request", () => {
  test("gets five passed statuses, one comment with plan, price and quota, and may be merged", async () => {
    const { number } = await open("grow", {
      [orders]: options('compute: { min: 0.25, max: 1 }, storage: "10Gi"'),
      "tenants/acme/shop/carts.ts": database("carts"),
    });
    const { states, comment, sticky, review, row, pull } = await reviewed(number);
    expect(states).toEqual(all("success"));
    expect(sticky).toHaveLength(1);
    expect(comment).toContain("Ready to merge: 1 to create, 1 to change");
    expect(comment).toContain("restart of `acme.shop.orders`");
    expect(comment).toMatch(/\*\*Price\*\* .* USD → .* USD a month/);
    expect(comment).toContain("Pulumi preview: 1 to create");
    expect(review?.price?.differenceMicros).toBeGreaterThan(0);
    expect(row).toMatchObject({ verdict: "success", headCommit: pull.head.sha, requestedBy: "ada" });
    expect(row?.postedAt).not.toBeNull();
    expect((await world.person.getPull(number)).mergeableState).toBe("clean");
  });

  test("is reviewed again on its second push, in the same comment", async () => {
    const [pull] = await world.person.listPulls({ head: "grow" });
    const before = await getPullRow(world.ledger.sql, "repo_test", pull?.number ?? 0);
    await world.push("grow", { "tenants/acme/shop/carts.ts": null });
    const after = await reviewed(pull?.number ?? 0);
    expect(after.sticky).toHaveLength(1);
    expect(after.row?.commentId).toBe(before?.commentId);
    expect(after.comment).toContain("Ready to merge: 1 to change");
    expect(after.row?.planHash).not.toBe(before?.planHash);
  });

  test("that changes nothing for a database says so", async () => {
    const { number } = await open("words", { [orders]: `// why\n${options(usual)}` });
    const { comment, states } = await reviewed(number);
    expect(states).toEqual(all("success"));
    expect(comment).toContain("no database changes");
  });
});

describe("a broken pull request", () => {
  test("gets the exact place in the comment, and fails", async () => {
    const { number } = await open("broken", { [orders]: options('\n  storag: "10Gi"') });
    const { states, comment, review, statuses } = await reviewed(number);
    expect(states).toMatchObject({ "nebula/types": "failure", "nebula/plan": "failure" });
    expect(comment).toContain(`\`${orders}:4:3\``);
    expect(comment).toContain('> 4 |   storag: "10Gi"');
    expect(review?.problems).toHaveLength(1);
    expect(statuses.find(({ context }) => context === "nebula/types")?.description).toContain(`${orders}:4:3`);
    expect((await world.person.getPull(number)).mergeableState).toBe("blocked");
  });

  test("may be corrected by another push", async () => {
    const [pull] = await world.person.listPulls({ head: "broken" });
    await world.push("broken", { [orders]: options('compute: { min: 0.25, max: 0.5 }, storage: "11Gi"') });
    const { states, comment } = await reviewed(pull?.number ?? 0);
    expect(states).toEqual(all("success"));
    expect(comment).not.toContain("storag:");
  });

  test("above the quota is refused with the numbers", async () => {
    const { number } = await open("huge", { [orders]: options('compute: { min: 1, max: 16 }, storage: "10Gi"') });
    const { states, comment } = await reviewed(number);
    expect(states).toMatchObject({ "nebula/types": "success", "nebula/quota": "failure", "nebula/plan": "success" });
    expect(comment).toContain("❌ 16 of 10 CPU");
  });

  test("cannot raise its own limits: they are the base's", async () => {
    const plans = `import { quotas } from "@nebuladb/platform";
export default quotas({ standard: { cpu: 64, memory: "200Gi", storage: "100Gi", databases: 10 } });\n`;
    const { number } = await open("greedy", {
      "tenants/fleet/plans.ts": plans,
      [orders]: options('compute: { min: 1, max: 16 }, storage: "10Gi"'),
    });
    const { states, review } = await reviewed(number);
    expect(states["nebula/quota"]).toBe("failure");
    expect(review?.notes).toMatchObject([{ code: "NEB392", severity: "warn", paths: ["tenants/fleet/plans.ts"] }]);
  });

  test("that deletes what was not retired is refused", async () => {
    const { number } = await open("delete", { [orders]: null, "tenants/acme/shop/other.ts": database("other") });
    const { states, comment } = await reviewed(number);
    expect(states["nebula/plan"]).toBe("failure");
    expect(comment).toContain("NEB208");
  });

  test("that moves a database to another folder is told what that would mean", async () => {
    const { number } = await open("move", { [orders]: null, "tenants/lab/research/orders.ts": options(usual) });
    const { states, comment } = await reviewed(number);
    expect(states["nebula/policy"]).toBe("failure");
    expect(comment).toContain("NEB209");
  });

  test("that conflicts with its base says which file", async () => {
    const { number } = await open("conflict", { [orders]: options('compute: { min: 0.25, max: 2 }, storage: "10Gi"') });
    const other = await open("first", { [orders]: options('compute: { min: 0.25, max: 0.75 }, storage: "10Gi"') });
    const { pull } = await reviewed(other.number);
    await world.person.mergePull(other.number, { sha: pull.head.sha });
    await world.sync();
    const { states, comment } = await reviewed(number);
    expect(states["nebula/plan"]).toBe("failure");
    expect(comment).toContain("NEB390");
    expect(comment).toContain(orders);
  });
});

describe("following pull requests", () => {
  test("a lost webhook is made good by the next look", async () => {
    const { number } = await open("quiet", { "tenants/lab/research/more.ts": database("more") });
    const row = () => getPullRow(world.ledger.sql, "repo_test", number);
    await followPulls(world.parts, reviewer, await world.repository());
    await eventually("the review is shown", async () => (await row())?.postedAt != null);
    const first = (await row())?.reviewedAt;
    await followPulls(world.parts, reviewer, await world.repository());
    expect((await row())?.reviewedAt).toEqual(first);
  });

  test("a change of its own project on the default branch has it reviewed again; another project's has not", async () => {
    const [pull] = await world.person.listPulls({ head: "quiet" });
    const row = () => getPullRow(world.ledger.sql, "repo_test", pull?.number ?? 0);
    const merge = async (branch: string, files: Readonly<Record<string, string>>) => {
      const { number } = await open(branch, files);
      const { pull: other } = await reviewed(number);
      await world.person.mergePull(number, { sha: other.head.sha });
      await world.sync();
      await followPulls(world.parts, reviewer, await world.repository());
      await eventually("nothing is left to review", async () => (await row())?.postedAt != null);
    };
    const first = (await row())?.reviewedAt;
    await merge("elsewhere", { "tenants/acme/shop/elsewhere.ts": database("elsewhere") });
    expect((await row())?.reviewedAt).toEqual(first);
    await merge("here", { "tenants/lab/research/here.ts": database("here") });
    await eventually("it is reviewed again", async () => (await row())?.reviewedAt?.getTime() !== first?.getTime());
  });

  test("a closed one is noted", async () => {
    const [pull] = await world.person.listPulls({ head: "quiet" });
    const number = pull?.number ?? 0;
    await world.person.closePull(number);
    await followPulls(world.parts, reviewer, await world.repository());
    expect(await getPullRow(world.ledger.sql, "repo_test", number)).toMatchObject({ state: "closed" });
  });

  test("auto-merge merges the very head that was asked for, once its checks passed", async () => {
    const { number, head } = await open("auto", { "tenants/lab/research/more.ts": database("more") });
    await recordPull(world.ledger.sql, {
      ...{ repository: "repo_test", number, requestedBy: "grace", autoMerge: true, headCommit: head.sha },
      by: "portal",
    });
    expect(await mergeReady(world.parts, await world.repository())).toBe(false);
    await reviewed(number);
    expect(await mergeReady(world.parts, await world.repository())).toBe(true);
    expect(await getPullRow(world.ledger.sql, "repo_test", number)).toMatchObject({ state: "merged" });
    expect(await noteState(world.parts, await world.repository(), await world.person.getPull(number))).toBe(false);
  });

  test("what somebody asked to merge is not merged once that person may not merge it", async () => {
    const { sql } = world.ledger;
    const { number, head } = await open("left", { "tenants/lab/research/left.ts": database("left") });
    await recordPull(sql, {
      ...{ repository: "repo_test", number, requestedBy: "grace", autoMerge: true, headCommit: head.sha },
      by: "portal",
    });
    await reviewed(number);
    await putSetting(sql, "forge.administrators", { repo_test: [] });
    expect(await mergeReady(world.parts, await world.repository())).toBe(false);
    await putSetting(sql, "forge.administrators", { repo_test: ["ada"] });
    expect(await mergeReady(world.parts, await world.repository())).toBe(false);
    expect(await getPullRow(sql, "repo_test", number)).toMatchObject({ state: "open", autoMerge: false });
    expect((await world.person.getPull(number)).merged).toBe(false);
  });

  test("a push after auto-merge was asked for is not merged by it", async () => {
    const { number, head } = await open("sneak", { "tenants/lab/research/sneak.ts": database("sneak") });
    await recordPull(world.ledger.sql, {
      ...{ repository: "repo_test", number, requestedBy: "grace", autoMerge: true, headCommit: head.sha },
      by: "portal",
    });
    await world.push("sneak", { "tenants/lab/research/sneak2.ts": database("sneak2") });
    await reviewed(number);
    expect(await mergeReady(world.parts, await world.repository())).toBe(false);
    expect((await world.person.getPull(number)).merged).toBe(false);
  });
});

test("a second push during a review ends it, and no status of either head stays pending for ever", async () => {
  let asked = 0;
  let release: (value: { summary: string; text: string }) => void = () => {};
  const slow = makeReviewer({
    ...world.parts,
    preview: () => {
      asked += 1;
      return new Promise((resolve) => {
        release = resolve;
      });
    },
  });
  const { number } = await open("twice", { "tenants/lab/research/twice.ts": database("twice") });
  const repository = await world.repository();
  const first = await world.person.getPull(number);
  const old = slow.review(repository, first);
  await eventually("the first preview is asked for", () => asked > 0);
  await world.push("twice", { "tenants/lab/research/twice.ts": database("twice", 'version: "18", storage: "20Gi"') });
  const second = await world.person.getPull(number);
  const next = slow.review(repository, second);
  await old;
  await eventually("the second preview is asked for", () => asked > 1);
  release({ summary: "new", text: "new" });
  await next;
  const statuses = await world.person.listStatuses(second.head.sha);
  expect(statuses.map(({ state }) => state)).toEqual(Array(5).fill("success"));
  expect(await getPullRow(world.ledger.sql, "repo_test", number)).toMatchObject({ headCommit: second.head.sha });
  await slow.close();
});

test("a review that breaks off after its statuses went pending is made again at the next look", async () => {
  const { number } = await open("breaks", { "tenants/lab/research/breaks.ts": database("breaks") });
  const first = await reviewed(number);
  expect(first.states).toEqual(all("success"));
  const faults: unknown[] = [];
  const broken = makeReviewer({
    ...world.parts,
    mirrors: { ...world.parts.mirrors, fetchPull: () => Promise.reject(new Error("the line is down")) },
    observe: (observation) => void faults.push(observation),
  });
  const pull = await world.person.getPull(number);
  await broken.review(await world.repository(), pull);
  expect(faults).toMatchObject([{ kind: "fault", where: "review" }]);
  await followPulls(world.parts, reviewer, await world.repository());
  await eventually("it is shown again", async () => {
    return (await getPullRow(world.ledger.sql, "repo_test", number))?.postedAt != null;
  });
  const statuses = await world.person.listStatuses(pull.head.sha);
  expect(statuses.map(({ state }) => state)).toEqual(Array(5).fill("success"));
  await broken.close();
});

test("no fault was reported on the way", () => {
  expect(world.seen.filter(({ kind }) => kind === "fault")).toEqual([]);
  expect(world.forge.faults).toEqual([]);
});
