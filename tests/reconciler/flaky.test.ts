import { afterAll, beforeAll, expect, test } from "vitest";
import { getPullRow, listOperations, recordPull } from "../../platform/store/index.ts";
import { makeReconciler, type Reconciler } from "../../reconciler/reconcile.ts";
import { commentMarker } from "../../reconciler/review/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type FlakyHost, flakyHost } from "./flaky.ts";
import { branchOff, database, makeWorld, type World } from "./world.ts";

/** A Git host on a bad line, and not one webhook. */
let world: World;
let host: FlakyHost;
let reconciler: Reconciler;
const seed = Number(process.env.NEBULA_TEST_SEED ?? 20261);
const pulls = 4;

beforeAll(async () => {
  world = await makeWorld();
  const url = new URL(world.forge.url);
  host = await flakyHost(url.origin, seed, 0.2);
  await world.ledger.sql.query("update repositories set api_url = $1, git_url = $2", [
    world.forge.apiUrl.replace(url.origin, host.url),
    `${host.url}/nebula/tenants.git`,
  ]);
  reconciler = makeReconciler({ ...world.parts, sql: world.ledger.sql, pollMs: 500 });
});
afterAll(async () => {
  await reconciler?.close();
  await host?.close();
  await world?.close();
});

test(`no merge is missed and nothing is said twice (seed ${seed})`, { timeout: 270_000 }, async () => {
  const { sql } = world.ledger;
  const numbers: number[] = [];
  for (let i = 0; i < pulls; i++) {
    await branchOff(world, `b${i}`);
    const head = await world.push(`b${i}`, { [`tenants/lab/research/d${i}.ts`]: database(`d${i}`) });
    const { number } = await world.person.createPull({ title: `b${i}`, body: "", head: `b${i}`, base: "main" });
    await recordPull(sql, {
      ...{ repository: "repo_test", number, requestedBy: "grace", autoMerge: true, headCommit: head },
      by: "portal",
    });
    numbers.push(number);
  }
  await reconciler.start();
  const arrived = async (number: number) => (await getPullRow(sql, "repo_test", number))?.deployedAt != null;
  const half = async () => (await Promise.all(numbers.map(arrived))).filter(Boolean).length >= pulls / 2;
  await eventually("half of them are merged in spite of it", half, { timeoutMs: 60_000, everyMs: 100 });
  host.heal();
  for (const number of numbers)
    await eventually(`pull request ${number} is merged and queued`, () => arrived(number), { timeoutMs: 30_000 });

  for (const number of numbers) {
    expect((await world.person.getPull(number)).merged).toBe(true);
    const comments = (await world.person.listComments(number)).filter(({ body }) => body.includes(commentMarker));
    expect(comments).toHaveLength(1);
  }
  const queued = await listOperations(sql, { stack: "lab.research", type: "DEPLOY", state: "QUEUED" });
  expect(queued).toHaveLength(1);
  expect(Object.keys(host.spoiled).length).toBeGreaterThan(2);
});
