import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { specHash } from "../../platform/spec/index.ts";
import {
  approveHistory,
  claimOperation,
  finishOperation,
  getFleet,
  getProject,
  listOperations,
  recordApplied,
} from "../../platform/store/index.ts";
import { branchOff, database, makeWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await makeWorld({ protect: false });
});
afterAll(() => world?.close());

const shop = "acme.shop";
const orders = "tenants/acme/shop/orders.ts";
const queued = () => listOperations(world.ledger.sql, { state: "QUEUED", type: "DEPLOY" });

/** What a deployment does to the ledger: tests/system runs real ones. */
async function deployAll(): Promise<void> {
  const { sql } = world.ledger;
  for (;;) {
    const claim = await claimOperation(sql, { holder: "test", types: ["DEPLOY"] });
    if (claim === undefined) return;
    await finishOperation(sql, claim, { kind: "completed", outcome: "applied" }, async (tx) => {
      const row = await getProject(tx, claim.stack);
      if (row?.wantedSpec == null) return;
      await recordApplied(tx, claim.stack, {
        commit: row.wantedCommit,
        spec: row.wantedSpec,
        hash: specHash(row.wantedSpec),
      });
    });
  }
}

describe("the default branch", () => {
  test("a first look queues every project once, with its fleet and tenants", async () => {
    const report = await world.sync();
    expect(report).toMatchObject({ kind: "synced" });
    expect((await queued()).map(({ stack }) => stack).sort()).toEqual([shop, "lab.research"]);
    const fleet = await getFleet(world.ledger.sql, "repo_test");
    expect(fleet?.tenants.map(({ tenant }) => tenant)).toEqual(["acme", "lab"]);
    expect(await world.sync()).toMatchObject({ kind: "unchanged" });
    await deployAll();
  });

  test("one changed project is one operation, with the commit and who made it", async () => {
    const commit = await world.push("main", { [orders]: database("orders", 'version: "18", storage: "20Gi"') });
    const report = await world.sync();
    expect(report).toMatchObject({ kind: "synced", commit, recorded: [{ stack: shop, refused: false }] });
    expect(await queued()).toMatchObject([{ stack: shop, commit, requestedBy: "git:Ada" }]);
    expect(await getProject(world.ledger.sql, shop)).toMatchObject({ status: "Reconciling", wantedCommit: commit });
  });

  test("a newer change supersedes the queued one", async () => {
    const commit = await world.push("main", { [orders]: database("orders", 'version: "18", storage: "30Gi"') });
    await world.sync();
    expect(await queued()).toMatchObject([{ stack: shop, commit }]);
    await deployAll();
  });

  test("a comment is no change, and nothing is queued", async () => {
    await world.push("main", { [orders]: `// hello\n${database("orders", 'version: "18", storage: "30Gi"')}` });
    expect(await world.sync()).toMatchObject({ recorded: [{ stack: shop, operation: null, refused: false }] });
    expect(await queued()).toEqual([]);
  });
});

describe("what does not render", () => {
  test("a broken declaration stalls its project at the exact place and keeps the last good one", async () => {
    const before = await getProject(world.ledger.sql, shop);
    await world.push("main", { [orders]: database("orders", 'version: "18",\n  storag: "1Gi"') });
    expect(await world.sync()).toMatchObject({ recorded: [{ stack: shop, refused: true, operation: null }] });
    const row = await getProject(world.ledger.sql, shop);
    expect(row).toMatchObject({ status: "Stalled", reason: "Invalid", wantedSpec: before?.wantedSpec });
    expect(row?.problems[0]).toMatchObject({ file: orders, line: 4, column: 3 });
    expect(await queued()).toEqual([]);
    expect(await world.sync()).toMatchObject({ kind: "unchanged" });
  });

  test("the other projects go on", async () => {
    const papers = database("papers", 'version: "18", storage: "20Gi"');
    await world.push("main", { "tenants/lab/research/papers.ts": papers });
    await world.sync();
    expect(await queued()).toMatchObject([{ stack: "lab.research" }]);
    await deployAll();
  });

  test("a deleted declaration that was not retired is refused, and the database stays wanted", async () => {
    await world.push("main", { [orders]: null, "tenants/acme/shop/carts.ts": database("carts") });
    await world.sync();
    const row = await getProject(world.ledger.sql, shop);
    expect(row).toMatchObject({ status: "Stalled", reason: "Refused" });
    expect(row?.problems.map(({ code }) => code)).toContain("NEB208");
    expect(row?.wantedSpec?.databases.map(({ name }) => name)).toEqual(["orders"]);
    expect(await queued()).toEqual([]);
  });

  test("a deleted folder destroys nothing", async () => {
    await world.push("main", { "tenants/acme/shop": null });
    await world.sync();
    expect(await getProject(world.ledger.sql, shop)).toMatchObject({ status: "Stalled", reason: "DeclarationMissing" });
    expect(await queued()).toEqual([]);
    expect(await world.sync()).toMatchObject({ kind: "unchanged" });
  });

  test("putting it back deploys what differs and nothing else", async () => {
    await world.git("checkout", "--quiet", "HEAD~1", "--", "tenants/acme/shop");
    await world.push("main", {
      "tenants/acme/shop/carts.ts": null,
      [orders]: database("orders", 'version: "18", storage: "30Gi"'),
    });
    await world.sync();
    expect(await getProject(world.ledger.sql, shop)).toMatchObject({ status: "Ready", problems: [] });
    expect(await queued()).toEqual([]);
  });

  test("a broken fleet leaves the last good one in force", async () => {
    await world.push("main", { "tenants/fleet/prices.ts": "export default 1 +;\n" });
    await world.sync();
    const fleet = await getFleet(world.ledger.sql, "repo_test");
    expect(fleet?.fleet.priceBook.id).toBe("list-1");
    expect(fleet?.problems).not.toEqual([]);
    await world.git("revert", "--no-edit", "HEAD");
    await world.push("main", {});
    await world.sync();
    expect((await getFleet(world.ledger.sql, "repo_test"))?.problems).toEqual([]);
  });

  test("retired first, then deleted: the folder may go, and the project with it", async () => {
    await world.push("main", { [orders]: database("orders", 'version: "18", storage: "30Gi", retire: true') });
    await world.sync();
    await deployAll();
    await world.push("main", { "tenants/acme/shop": null });
    await world.sync();
    expect((await getProject(world.ledger.sql, shop))?.wantedSpec?.databases).toEqual([]);
    await deployAll();
    await world.sync();
    expect(await getProject(world.ledger.sql, shop)).toBeUndefined();
  });
});

describe("history", () => {
  test("a force-push stops everything until it is put back", async () => {
    const good = await world.git("rev-parse", "HEAD");
    await world.git("reset", "--quiet", "--hard", "HEAD~1");
    await world.push("main", { "tenants/lab/research/more.ts": database("more") }, { force: true });
    expect(await world.sync()).toMatchObject({ kind: "stalled", code: "NEB380" });
    expect(await queued()).toEqual([]);
    expect(await world.repository()).toMatchObject({ stalledCode: "NEB380", seenCommit: good });
    expect(await world.sync()).toMatchObject({ kind: "stalled" });

    await world.git("reset", "--quiet", "--hard", good);
    await world.git("push", "--quiet", "--force", "origin", "HEAD:refs/heads/main");
    expect(await world.sync()).toMatchObject({ kind: "synced" });
    expect(await world.repository()).toMatchObject({ stalledCode: null });
  });

  test("or until the new history is approved", async () => {
    await world.git("reset", "--quiet", "--hard", "HEAD~1");
    const commit = await world.push("main", { "tenants/lab/research/more.ts": database("more") }, { force: true });
    expect(await world.sync()).toMatchObject({ kind: "stalled" });
    await approveHistory(world.ledger.sql, "repo_test");
    expect(await world.sync()).toMatchObject({ kind: "synced", commit });
    expect((await queued()).map(({ stack }) => stack)).toContain("lab.research");
    await deployAll();
  });

  test("a lost mirror is fetched again", async () => {
    await rm(join(world.checkout, "../mirror"), { recursive: true });
    expect(await world.sync()).toMatchObject({ kind: "unchanged" });
  });

  test("a repository without any declaration stalls, and destroys nothing", async () => {
    await branchOff(world, "main");
    await world.push("main", { tenants: null });
    expect(await world.sync()).toMatchObject({ kind: "stalled", code: "NEB382" });
    expect(await queued()).toEqual([]);
  });
});

test("an empty repository says so", async () => {
  const empty = await makeWorld({ files: {}, protect: false });
  try {
    expect(await empty.sync()).toMatchObject({ kind: "stalled", code: "NEB381" });
  } finally {
    await empty.close();
  }
});
