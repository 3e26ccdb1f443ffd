import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { closeMonth, explainLine, pullCosts, requireInvoice } from "../../platform/billing/index.ts";
import { estimateRates, monthlyEstimate } from "../../platform/pricing/index.ts";
import { listPullCosts, putSamples, recordPull, recordPullState, recordReview } from "../../platform/store/index.ts";
import { codeOf } from "../harness/code-of.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { declared } from "../portal/deployed.ts";
import { declare, forget, hourMs, later, may, prices, use } from "./ground.ts";

const commit = "d".repeat(40);
const database = declared("orders");
const rates = estimateRates(prices, { tenant: "shop", month: may.month });
if (rates === null) throw new Error("no rates");
const estimate = monthlyEstimate(database, rates);

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db?.close());
beforeEach(async () => {
  await forget(db.sql);
  await declare(db.sql);
});

/** Pull request 7 of ada declared shop/store/orders, was merged as `commit` and deployed by an operation. */
async function merged(): Promise<void> {
  const at = { repository: "repo_1", number: 7 };
  await recordPull(db.sql, { ...at, requestedBy: "ada", headCommit: "e".repeat(40), by: "portal" });
  const price = {
    currency: "USD",
    databases: [{ database: "orders", before: null, after: estimate, differenceMicros: estimate.micros }],
  };
  const review = { projects: [{ stack: "shop.store", tenant: "shop", project: "store", price }] };
  await recordReview(db.sql, { ...at, head: "e".repeat(40), review, planHash: "x", verdict: "success" });
  await recordPullState(db.sql, { ...at, state: "merged", mergeCommit: commit });
  await db.sql.query("update pulls set merged_at = $1", [new Date(may.fromMs)]);
  await db.sql.query(
    `insert into operations (id, stack, type, state, commit, pull_number, requested_by, finished_at)
     values ('op_1', 'shop.store', 'DEPLOY', 'COMPLETED', $1, 7, 'ada', $2)`,
    [commit, new Date(may.fromMs)],
  );
}

test("a line leads to its hours, samples, operation, commit, pull request and author", async () => {
  await merged();
  await use(db.sql, { hour: 1, commits: [commit] }, { hour: 2, commits: [commit], quantity: "1800" });
  await putSamples(db.sql, [
    {
      ...{
        instance: "shop.store.orders",
        slotMs: may.fromMs + hourMs,
        slotSeconds: 60,
        untilMs: may.fromMs + hourMs + 60_000,
      },
      ...{
        awakeMs: 60_000,
        computeUnitMs: 0,
        frozenUnitMs: 0,
        storageByteMs: 0n,
        branchByteMs: 0n,
        backupByteMs: 0n,
        connectionMs: 0,
      },
      ...{ computeUnits: 1, storageBytes: 0, connections: 0, serverStartedAtMs: null, commit },
    },
  ]);
  await closeMonth(db.sql, { tenant: "shop", month: may.month, nowMs: later });
  const chain = await explainLine(db.sql, await requireInvoice(db.sql, "INV-000001"), 1);
  expect(chain).toMatchObject({
    invoice: { number: "INV-000001", priceBook: "list-1", fleet: { commit: "a".repeat(40) } },
    line: { meter: "compute_unit_seconds", quantity: "5400", micros: 180_000 },
    usedQuantity: "5400",
    usage: [{ quantity: "3600" }, { quantity: "1800" }],
    samples: { kept: 1 },
    causes: [
      {
        ...{ commit, operation: "op_1", type: "DEPLOY", requestedBy: "ada" },
        pull: { number: 7, author: "ada", mergeCommit: commit },
      },
    ],
  });
  expect(await codeOf(explainLine(db.sql, await requireInvoice(db.sql, "INV-000001"), 9))).toBe("NEB542");
});

test("a commit that came without a pull request, and one that nobody knows, say so", async () => {
  await merged();
  await use(db.sql, { hour: 1, commits: ["f".repeat(40), commit] });
  await closeMonth(db.sql, { tenant: "shop", month: may.month, nowMs: later });
  const { causes } = await explainLine(db.sql, await requireInvoice(db.sql, "INV-000001"), 1);
  expect(causes.map(({ commit: of, operation, pull }) => [of[0], operation, pull?.number ?? null])).toEqual([
    ["d", "op_1", 7],
    ["f", null, null],
  ]);
});

test("an estimate is kept beside what came of it: the same when the month was as estimated", async () => {
  await merged();
  const hours = 730;
  const [compute, storage] = [estimate.lines[0], estimate.lines[1]];
  if (compute === undefined || storage === undefined) throw new Error("no estimate");
  const hourly = (whole: string) => String(Number(whole) / hours);
  await use(
    db.sql,
    ...Array.from({ length: hours }, (_, hour) => [
      { hour, commits: [commit], quantity: hourly(compute.quantity) },
      { hour, commits: [commit], meter: "storage_byte_hours", quantity: hourly(storage.quantity) },
    ]).flat(),
    { hour: 735, commits: ["f".repeat(40)] },
  );
  const [cost] = await pullCosts(db.sql, { tenant: "shop", month: may.month }, { commits: [commit] });
  expect(cost).toMatchObject({ repository: "repo_1", number: 7, stack: "shop.store", database: "orders", hours });
  const backups = estimate.lines
    .filter(({ meter }) => meter === "backup_byte_hours")
    .reduce((sum, one) => sum + one.micros, 0);
  expect(cost?.estimatedMicros).toBe(estimate.micros);
  expect(cost?.actualMicros).toBe(estimate.micros - backups);
  expect(await listPullCosts(db.sql, "repo_1", 7)).toEqual([]);
  await closeMonth(db.sql, { tenant: "shop", month: may.month, nowMs: later });
  expect(await listPullCosts(db.sql, "repo_1", 7)).toEqual([cost]);
});
