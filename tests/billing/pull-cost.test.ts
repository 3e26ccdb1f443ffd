/** What a pull request was estimated at, beside what came of it: through the portal, with a Git host. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { monthOf, monthSpan } from "../../platform/pricing/index.ts";
import { putPullCosts, recordPull, recordReview } from "../../platform/store/index.ts";
import { type HostedPortal, startHostedPortal } from "../portal/hosted.ts";
import { declare, use } from "./ground.ts";

const commit = "d".repeat(40);
/** The month before this one: its hours are there, and it may not be closed yet. */
const last = monthSpan(monthOf(monthSpan(monthOf(Date.now())).fromMs - 1));
/** Half a dollar a full month, which is 730 hours. */
const monthMicros = 500_000;

let hosted: HostedPortal;
let path: string;

beforeAll(async () => {
  hosted = await startHostedPortal(new Map([["tenants/shop/store/project.ts", "// theirs\n"]]));
  const { sql } = hosted.portal;
  const number = await hosted.open("orders", { "tenants/shop/store/orders.ts": "// theirs\n" });
  path = `/api/v1/pulls/${number}/cost`;
  await declare(sql);
  const price = {
    databases: [
      { database: "orders", before: null, after: { micros: monthMicros }, differenceMicros: monthMicros },
      { database: "same", before: { micros: 1 }, after: { micros: 1 }, differenceMicros: 0 },
      { database: "gone", before: { micros: 1 }, after: null, differenceMicros: -1 },
    ],
  };
  const review = { projects: [{ stack: "shop.store", tenant: "shop", project: "store", price }] };
  const at = { repository: "repo_1", number };
  await recordPull(sql, { ...at, requestedBy: "ada", headCommit: commit, by: "portal" });
  await recordReview(sql, { ...at, head: commit, review, planHash: "x", verdict: "success" });
  await sql.query("update pulls set state = 'merged', merge_commit = $1, merged_at = $2", [
    commit,
    new Date(last.fromMs),
  ]);
  const fromMs = last.fromMs;
  await use(
    sql,
    { fromMs, hour: 5, commits: [commit] },
    { fromMs, hour: 6, commits: [commit], quantity: "1800" },
    { fromMs, hour: 7, commits: ["f".repeat(40)] },
    { fromMs, hour: 5, database: "same", commits: [commit] },
  );
  await putPullCosts(sql, [
    {
      ...{ ...at, stack: "shop.store", database: "orders", month: "2024-05", hours: 730 },
      ...{ estimatedMicros: monthMicros, actualMicros: 400_000, currency: "USD", priceBook: "list-1" },
    },
  ]);
});
afterAll(() => hosted?.close());

test("months that were closed are as they were kept, and the others grow with their hours", async () => {
  const admin = hosted.portal.as(await hosted.portal.tokenFor("platform-admin"));
  const { body } = await admin.get(path);
  const of = { domain: "shop", project: "store", database: "orders", priceBook: "list-1" };
  expect(body.items).toEqual([
    {
      ...{ ...of, month: "2024-05", isFinal: true, hours: 730 },
      ...{ estimated: { amount: "0.50", currency: "USD" }, actual: { amount: "0.40", currency: "USD" } },
    },
    {
      ...{ ...of, month: last.month, isFinal: false, hours: 2 },
      // 500,000 micro-units times 2 of 730 hours, half to even; an hour and a half of a unit at 0.12.
      ...{ estimated: { amount: "0.00137", currency: "USD" }, actual: { amount: "0.18", currency: "USD" } },
    },
  ]);
});

test("who does not see money sees none of it, and a stranger no pull request", async () => {
  const { portal } = hosted;
  const viewer = portal.as(await portal.tokenFor("viewer", "shop"));
  expect(await viewer.get(path)).toMatchObject({ status: 403, body: { code: "NEB662", scope: "usage:read" } });
  const stranger = portal.as(await portal.tokenFor("domain-admin", "bank"));
  expect(await stranger.get(path)).toMatchObject({ status: 404, body: { code: "NEB602" } });
  const developer = portal.as(await portal.tokenFor("developer", "shop"));
  expect((await developer.get(path)).body.items).toHaveLength(2);
});
