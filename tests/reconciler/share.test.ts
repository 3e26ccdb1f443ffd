/** Several reconcilers on one ledger: each repository has one of them, and a webhook finds it wherever it came in. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../platform/core/index.ts";
import { beatReplica, forgetReplica, getProject } from "../../platform/store/index.ts";
import { makeReconciler, type Reconciler } from "../../reconciler/reconcile.ts";
import { makeShare, type Share } from "../../reconciler/source/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { database, fleet, makeWorld, seed } from "./world.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
  await db.sql.query(
    `insert into repositories (id, owner, name, api_url, git_url, hook_secret_sealed, bot_token_sealed)
     select 'repo_' || i, 'nebula', 'r' || i, '', '', '', '' from generate_series(1, 4) i`,
  );
});
afterAll(() => db.close());

const ids = ["repo_1", "repo_2", "repo_3", "repo_4"];
const times = { leaseSeconds: 1, heartbeatMs: 100 };
type One = { readonly share: Share; readonly changes: string[]; readonly id: string };
let open: One[] = [];
afterEach(async () => {
  for (const { share, id } of open) {
    await share.close();
    await forgetReplica(db.sql, id);
  }
  open = [];
});

async function join(id: string): Promise<One> {
  const changes: string[] = [];
  const share = makeShare({
    ...{ sql: db.sql, clock: systemClock, observe: () => undefined, holder: id, times },
    gained: (repository) => changes.push(`+${repository}`),
    lost: (repository) => changes.push(`-${repository}`),
  });
  const one = { share, changes, id };
  open.push(one);
  await beatReplica(db.sql, { id, kind: "reconciler", host: "h", pid: 1, version: "0", address: null });
  await share.start();
  return one;
}
const held = ({ share }: One) => ids.filter((id) => share.holds(id));

test("the first has everything, a second gets half of it, and who leaves leaves all to the other", async () => {
  const first = await join("a/1/1");
  expect(held(first)).toEqual(ids);
  const second = await join("b/1/1");
  await eventually("both have two", () => held(first).length === 2 && held(second).length === 2);
  expect([...held(first), ...held(second)].sort()).toEqual(ids);
  await first.share.close();
  await forgetReplica(db.sql, first.id);
  open = [second];
  await eventually("the second has all", () => held(second).length === 4);
  expect(first.changes.filter((change) => change.startsWith("-"))).toHaveLength(4);
});

test("who lost a repository without knowing it is refused, and knows it then", async () => {
  const one = await join("a/1/1");
  await db.sql.query(
    "update singleton_leases set fence = fence + 1, holder = 'b/1/1' where name = 'repository:repo_2'",
  );
  await expect(db.sql.tx((tx) => one.share.hold(tx, "repo_2"))).rejects.toMatchObject({ code: "NEB300" });
  expect(one.share.holds("repo_2")).toBe(false);
  expect(one.changes).toContain("-repo_2");
  await db.sql.tx((tx) => one.share.hold(tx, "repo_1"));
});

test("a webhook that comes to another reconciler than the repository's is passed on", async () => {
  const policies = fleet["tenants/fleet/policies.ts"] ?? "";
  const unreviewed = policies.replace("allowPublicNetwork: false", 'allowPublicNetwork: false, unreviewed: "deploy"');
  const world = await makeWorld({ protect: false, files: { ...seed, "tenants/fleet/policies.ts": unreviewed } });
  const { sql } = world.ledger;
  const reconcilers: Reconciler[] = [];
  try {
    for (const holder of ["a/1/1", "b/1/1"]) {
      const one = makeReconciler({ ...world.parts, sql, pollMs: 3_600_000, holder });
      reconcilers.push(one);
      await one.start();
    }
    const slow = { timeoutMs: 20_000 };
    await eventually("the first look is done", async () => (await world.repository()).seenCommit !== null, slow);
    const commit = await world.push("main", { "tenants/acme/shop/more.ts": database("more") });
    const [, other] = reconcilers;
    other?.hint(await world.repository(), { kind: "push" });
    await eventually(
      "the repository's own reconciler has looked",
      async () => (await getProject(sql, "acme.shop"))?.wantedCommit === commit,
      slow,
    );
    const queued = await sql.query("select 1 from operations where commit = $1", [commit]);
    expect(queued).toHaveLength(1);
  } finally {
    for (const one of reconcilers) await one.close();
    await world.close();
  }
});
