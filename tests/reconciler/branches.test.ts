/** What begins and ends branches without a commit: a pass over a real ledger, which only queues. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ignoreObservations } from "../../platform/core/index.ts";
import {
  type DatabaseSpec,
  type ProjectSpec,
  resolveBranch,
  resolveDatabase,
  specHash,
} from "../../platform/spec/index.ts";
import {
  beginReview,
  type Operation,
  putRepository,
  recordApplied,
  recordLabels,
  recordPull,
  recordPullState,
  recordReview,
  recordWanted,
  reserveInstance,
} from "../../platform/store/index.ts";
import { type BranchPass, makeBranchPass } from "../../reconciler/branches/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

const database = (name: string): DatabaseSpec =>
  resolved(resolveDatabase({ engine: "postgres", name, options: { version: "18" } }));
const databases = ["catalog", "orders"].map(database);
const shop: ProjectSpec = {
  ...{ tenant: "acme", project: "shop", placement: "local", region: "local", quota: null },
  databases,
  previewBranches: ["orders"],
};

let db: TestDatabase;
let pass: BranchPass;
beforeAll(async () => {
  db = await testDatabase();
  pass = makeBranchPass({ sql: db.sql, observe: ignoreObservations });
  await putRepository(db.sql, {
    ...{ id: "repo_1", owner: "nebula", name: "tenants", defaultBranch: "main", apiUrl: "", gitUrl: "" },
    ...{ appId: null, appKeySealed: null, installationId: null, hookSecretSealed: "-", botTokenSealed: "-" },
  });
});
afterAll(() => db?.close());
beforeEach(async () => {
  await db.sql.query(
    "delete from operation_events; update pulls set operation = null; delete from operations; delete from instances; delete from pulls",
  );
  await deploy(shop);
});

async function deploy(spec: ProjectSpec): Promise<void> {
  const hash = specHash(spec);
  const at = { tenant: "acme", project: "shop", repository: "repo_1", commit: "c", tree: hash, unsettled: false };
  await recordWanted(db.sql, { ...at, kind: "spec", spec, hash });
  await recordApplied(db.sql, "acme.shop", { commit: "c", spec, hash });
}

async function pull(number: number, kind: "changed" | "same", labels: readonly string[] = []): Promise<void> {
  const about = { repository: "repo_1", number, head: `h${number}` };
  await recordPull(db.sql, { ...about, requestedBy: "ada", by: "reconciler" });
  await recordLabels(db.sql, { ...about, labels });
  await beginReview(db.sql, about);
  const review = { projects: [{ stack: "acme.shop", kind }] };
  await recordReview(db.sql, { ...about, review, planHash: "p", verdict: "success" });
}

const queued = async (): Promise<readonly string[]> => {
  const rows = await db.sql.query<Pick<Operation, "database" | "params">>(
    "select database, params from operations where type = 'BRANCH' and state = 'QUEUED' order by seq",
  );
  return rows.map(({ database: name, params }) => `${params.verb} ${name}`);
};

/** As the operation leaves it. */
async function made(spec: DatabaseSpec, ageSeconds = 0): Promise<void> {
  const id = `acme.shop.${spec.name}` as const;
  await db.sql.tx(async (tx) => {
    await reserveInstance(tx, {
      id,
      stack: "acme.shop",
      placement: "local",
      spec,
      fence: 1,
      commit: null,
    });
  });
  await db.sql.query(
    "update instances set phase = 'Ready', data_dir = '/d', created_at = now() - make_interval(secs => $2) where id = $1",
    [id, ageSeconds],
  );
}

const done = (state: "COMPLETED" | "FAILED") =>
  db.sql.query("update operations set state = $1, finished_at = now() where state = 'QUEUED'", [state]);

test("an open pull request gets its branches once, with everything that is needed to make them", async () => {
  await pull(7, "changed");
  await pull(8, "same");
  expect(await pass.run()).toBe(1);
  expect(await queued()).toEqual(["open pr-7-orders"]);
  const { params, pull: number } = await db.sql.one<{ params: { inputs: object }; pull: number }>(
    "select params, pull_number as pull from operations where type = 'BRANCH'",
  );
  expect(number).toBe(7);
  expect(params.inputs).toMatchObject({
    ...{ tenant: "acme", project: "shop", placement: "local", name: "pr-7-orders", version: "18" },
    branch: { of: "orders", pull: 7 },
  });
  expect(await pass.run(), "one is under way").toBe(0);
});

test("the branch of a pull request runs the migrations that its review let pass, each set of files once", async () => {
  const declared = { "0001_a": "a".repeat(64) };
  const review = (verdict: "success" | "failure", files: object) => ({
    ...{ repository: "repo_1", number: 7, head: "h7", planHash: "p", verdict },
    review: {
      projects: [{ stack: "acme.shop", kind: "changed", migrations: [{ database: "orders", declared: files }] }],
    },
  });
  const migrating = () =>
    db.sql.query<Pick<Operation, "database" | "params">>(
      "select database, params from operations where type = 'MIGRATE' order by seq",
    );
  await pull(7, "changed");
  await pass.run();
  await done("COMPLETED");
  await made(preview(7));
  await recordReview(db.sql, review("failure", declared));
  expect(await pass.run()).toBe(0);
  await recordReview(db.sql, review("success", declared));
  expect(await pass.run()).toBe(1);
  expect(await migrating()).toEqual([
    { database: "pr-7-orders", params: { verb: "apply", folder: "orders", files: declared } },
  ]);
  await done("FAILED");
  expect(await pass.run(), "the same files are not tried again").toBe(0);
  await recordReview(db.sql, review("success", { ...declared, "0002_b": "b".repeat(64) }));
  expect(await pass.run()).toBe(1);
  expect(await migrating()).toHaveLength(2);
});

test("a label asks for branches of everything; without declaration and label there are none", async () => {
  const { previewBranches: _, ...silent } = shop;
  await deploy(silent);
  await pull(7, "changed");
  expect(await pass.run()).toBe(0);
  await pull(9, "changed", ["preview", "urgent"]);
  await pass.run();
  expect(await queued()).toEqual(["open pr-9-catalog", "open pr-9-orders"]);
});

test("a pull request that is closed or merged takes its branch with it, and what failed waits ten minutes", async () => {
  await pull(7, "changed");
  await pass.run();
  await done("COMPLETED");
  await made(preview(7));
  expect(await pass.run()).toBe(0);
  await recordPullState(db.sql, { repository: "repo_1", number: 7, state: "closed" });
  await pass.run();
  expect(await queued()).toEqual(["close pr-7-orders"]);
  await done("FAILED");
  expect(await pass.run(), "it failed a moment ago").toBe(0);
  await db.sql.query("update operations set finished_at = now() - interval '11 minutes'");
  expect(await pass.run()).toBe(1);
});

test("a branch whose time is over is ended once; one without an end, or with time left, is not", async () => {
  await made(resolvedBranch("over", { ttl: "1h" }), 3_700);
  await made(resolvedBranch("young", { ttl: "1h" }), 60);
  await made(resolvedBranch("clone", {}), 10 ** 7);
  await made(database("orders"), 10 ** 7);
  expect(await pass.run()).toBe(1);
  expect(await queued()).toEqual(["expire over"]);
  expect(await pass.run()).toBe(0);
  await done("COMPLETED");
  await db.sql.query("update instances set phase = 'Expired', retired_at = now() where id = 'acme.shop.over'");
  expect(await pass.run(), "its data is kept").toBe(0);
  await db.sql.query("update instances set retired_at = now() - interval '25 hours' where id = 'acme.shop.over'");
  expect(await pass.run()).toBe(1);
});

function resolvedBranch(name: string, options: object): DatabaseSpec {
  return resolved(resolveBranch({ name, options: { of: "orders", ...options } }, databases));
}

function preview(number: number): DatabaseSpec {
  const spec = resolvedBranch(`pr-${number}-orders`, {});
  return { ...spec, branch: { of: "orders", at: null, ttlSeconds: null, pull: number } };
}

function resolved(found: ReturnType<typeof resolveDatabase>): DatabaseSpec {
  if (found.kind === "invalid") throw new Error(JSON.stringify(found.problems));
  return found.spec;
}
