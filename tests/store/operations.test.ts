import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  cancelOperation,
  claimOperation,
  enqueueOperation,
  expireLease,
  finishOperation,
  getOperation,
  heartbeat,
  holdFence,
  listEvents,
  listLeases,
  listOperations,
  migrate,
  updateOperation,
} from "../../platform/store/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());
beforeEach(() => db.sql.query("truncate operations, stacks, operation_events cascade"));

const types = ["DEPLOY", "PAUSE"] as const;
const claim = (holder = "me", leaseSeconds = 15) => claimOperation(db.sql, { holder, types, leaseSeconds });
const deploy = (stack = "acme.shop") => enqueueOperation(db.sql, { stack, type: "DEPLOY", requestedBy: "t" });
const runOut = () => db.sql.query("update stacks set lease_until = clock_timestamp() - interval '1 second'");
const problem = { type: "x", title: "x", status: 500, detail: "broken", code: "NEB900", hint: "" };

test("migrating again, also twice at once, changes nothing", async () => {
  expect(await Promise.all([migrate(db.sql), migrate(db.sql)])).toEqual([[], []]);
  const empty = await testDatabase({ empty: true });
  const applied = (await Promise.all([migrate(empty.sql), migrate(empty.sql)])).flat().sort();
  expect(applied).toEqual([...new Set(applied)]);
  expect(applied).toContain("0001_ledger");
  await empty.close();
});

test("an operation is claimed once, and a stack has one operation in progress", async () => {
  await deploy();
  await enqueueOperation(db.sql, { stack: "acme.shop", type: "PAUSE", requestedBy: "t" });
  await deploy("acme.blog");
  const claims = (await Promise.all(Array.from({ length: 6 }, (_, i) => claim(`h${i}`)))).filter(
    (c) => c !== undefined,
  );
  expect(claims.map((c) => c.stack).sort()).toEqual(["acme.blog", "acme.shop"]);
  expect(await claim()).toBeUndefined();
});

test("a newer deploy supersedes the queued ones, never the running one", async () => {
  const first = await deploy();
  await claim();
  const second = await deploy();
  const third = await deploy();
  expect((await getOperation(db.sql, first.id))?.state).toBe("IN_PROGRESS");
  expect(await getOperation(db.sql, second.id)).toMatchObject({ state: "CANCELLED", outcome: "superseded" });
  expect((await getOperation(db.sql, third.id))?.state).toBe("QUEUED");
});

test("a lease that ran out is taken over with a new fence, and the old holder is refused everywhere", async () => {
  const { id } = await deploy();
  const old = await claim("old");
  if (old === undefined) throw new Error("nothing claimed");
  expect(await claim("new")).toBeUndefined();
  await runOut();
  const taken = await claim("new");
  expect(taken).toMatchObject({ takenOver: true, fence: old.fence + 1, operation: { id, attempt: 2 } });
  expect(await heartbeat(db.sql, old)).toBe("lost");
  expect(await finishOperation(db.sql, old, { kind: "completed", outcome: "applied" })).toBeUndefined();
  await expect(db.sql.tx((tx) => holdFence(tx, old.stack, old.fence))).rejects.toMatchObject({ code: "NEB300" });
});

test("nobody takes a stack over in the middle of an effect under its fence, and the heartbeat still gets through", async () => {
  await deploy();
  const held = await claim("old");
  if (held === undefined) throw new Error("nothing claimed");
  await db.sql.tx(async (tx) => {
    await holdFence(tx, held.stack, held.fence);
    expect(await heartbeat(db.sql, held, 0)).toBe("held");
    expect(await claim("new")).toBeUndefined();
  });
  expect((await claim("new"))?.fence).toBe(held.fence + 1);
});

test("a retry waits, and after three retries the operation fails as stalled", async () => {
  const { id } = await deploy();
  for (let attempt = 1; attempt <= 4; attempt++) {
    await db.sql.query("update operations set run_after = now()");
    const claimed = await claim();
    if (claimed === undefined) throw new Error("nothing claimed");
    expect(claimed.operation.attempt).toBe(attempt);
    const ended = await finishOperation(db.sql, claimed, { kind: "retry", error: problem });
    if (attempt < 4) {
      expect(ended).toMatchObject({ state: "QUEUED", outcome: "retry" });
      expect(await claim()).toBeUndefined();
    } else expect(ended).toMatchObject({ state: "FAILED", outcome: "stalled" });
  }
  expect((await listEvents(db.sql, id)).map((e) => e.phase)).toContain("ended");
});

test("a retry does not come back after a newer deploy", async () => {
  await deploy();
  const claimed = await claim();
  if (claimed === undefined) throw new Error("nothing claimed");
  const newer = await deploy();
  const ended = await finishOperation(db.sql, claimed, { kind: "retry", error: problem });
  expect(ended).toMatchObject({ state: "CANCELLED", outcome: "superseded", result: { supersededBy: newer.id } });
  expect((await claim())?.operation.id).toBe(newer.id);
});

test("a holder lost four times fails the operation instead of trying for ever", async () => {
  const { id } = await deploy();
  for (let i = 0; i < 4; i++) {
    expect(await claim()).toBeDefined();
    await runOut();
  }
  expect(await claim()).toBeUndefined();
  expect(await getOperation(db.sql, id)).toMatchObject({ state: "FAILED", outcome: "stalled", attempt: 4 });
  expect(await listLeases(db.sql)).toEqual([]);
});

test("cancelling ends a queued operation at once and asks a running one to stop", async () => {
  const queued = await deploy();
  expect((await cancelOperation(db.sql, queued.id, "me"))?.state).toBe("CANCELLED");
  const running = await deploy();
  const claimed = await claim();
  if (claimed === undefined) throw new Error("nothing claimed");
  expect((await cancelOperation(db.sql, running.id, "me"))?.state).toBe("IN_PROGRESS");
  expect(await heartbeat(db.sql, claimed)).toBe("cancelled");
  expect((await finishOperation(db.sql, claimed, { kind: "cancelled" }))?.state).toBe("CANCELLED");
});

test("a holder proved dead is succeeded at once", async () => {
  await deploy();
  await claim("dead");
  const [lease] = await listLeases(db.sql);
  if (lease === undefined) throw new Error("no lease");
  expect(await expireLease(db.sql, { ...lease, fence: lease.fence - 1 })).toBe(false);
  expect(await expireLease(db.sql, lease)).toBe(true);
  expect((await claim("new"))?.takenOver).toBe(true);
});

test("an operation without a lease is moved by hand and is never claimed", async () => {
  const pull = await enqueueOperation(db.sql, { stack: "acme.shop", type: "PULL_REQUEST", requestedBy: "t" });
  expect(await claim()).toBeUndefined();
  await updateOperation(db.sql, pull.id, { state: "IN_PROGRESS", progress: { a: 1 }, pullNumber: 7 });
  const ended = await updateOperation(db.sql, pull.id, { state: "COMPLETED", progress: { b: 2 }, outcome: "applied" });
  expect(ended).toMatchObject({ state: "COMPLETED", pullNumber: 7, progress: { a: 1, b: 2 } });
  expect(await updateOperation(db.sql, pull.id, { state: "IN_PROGRESS" })).toBeUndefined();
  expect((await listOperations(db.sql, { pullNumber: 7 })).map((o) => o.id)).toEqual([pull.id]);
});
