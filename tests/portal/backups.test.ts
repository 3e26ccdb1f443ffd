import { afterAll, beforeAll, expect, test } from "vitest";
import { databaseId } from "../../platform/spec/index.ts";
import {
  enqueueOperation,
  getOperation,
  recordBackup,
  recordBackupLine,
  recordRestorePoint,
} from "../../platform/store/index.ts";
import { deployShop } from "./deployed.ts";
import { type Caller, startPortal, type TestPortal } from "./harness.ts";

const collection = "/api/v1/domain/shop/project/store/databases";
const orders = databaseId("shop", "store", "orders");
const at = (text: string) => new Date(`2026-01-${text}Z`);

let portal: TestPortal;
let admin: Caller;
let developer: Caller;
let point: string;

beforeAll(async () => {
  portal = await startPortal();
  await deployShop(portal.sql, ["orders", "papers"]);
  admin = portal.as(await portal.tokenFor("project-admin", "shop", "store", "eve"));
  developer = portal.as(await portal.tokenFor("developer", "shop", "store", "dan"));
  const line = { instance: orders, identity: "i1", lastSegment: null, baseLabel: "b1", baseSegment: null };
  await recordBackupLine(portal.sql, {
    ...{ ...line, storedBytes: 4_096, baseAt: at("02T00:00:00"), fullAt: at("02T00:00:00") },
    ...{ recoverableFrom: at("02T00:00:00"), coveredTo: at("05T00:00:00") },
  });
  await recordBackup(portal.sql, {
    ...{ instance: orders, identity: "i1", label: "b1", kind: "full", parent: null, operation: null },
    ...{
      startedAt: at("01T23:59:00"),
      endedAt: at("02T00:00:00"),
      startLsn: "0/1",
      stopLsn: "0/2",
      storedBytes: 4_000,
    },
  });
  const { id: operation } = await enqueueOperation(portal.sql, {
    stack: "shop.store",
    type: "DEPLOY",
    requestedBy: "eve",
  });
  const made = { instance: orders, lsn: "0/5", name: "nebula:op_1", commit: null, operation };
  point = (await recordRestorePoint(portal.sql, made)).id;
});
afterAll(() => portal?.close());

const restore = (body: object, caller = admin) => caller.send("POST", `${collection}/orders/restore`, body);
const paramsOf = async (answer: { body: { operation: { id: string } } }) =>
  (await getOperation(portal.sql, answer.body.operation.id))?.params;

test("what is kept and what can be restored is told to who may read", async () => {
  const { body, status } = await developer.get(`${collection}/orders/backups`);
  expect(status).toBe(200);
  expect(body).toMatchObject({
    ...{ recoverableFrom: "2026-01-02T00:00:00.000Z", recoverableTo: "2026-01-05T00:00:00.000Z", storedBytes: 4_096 },
    items: [{ label: "b1", kind: "full", operation: null }],
  });
  const none = await developer.get(`${collection}/papers/backups`);
  expect(none.body).toMatchObject({ recoverableFrom: null, items: [] });
});

test("a backup is an operation of who may act", async () => {
  const taken = await admin.send("POST", `${collection}/orders/backup`, { kind: "full" });
  expect(taken.status, JSON.stringify(taken.body)).toBe(202);
  expect(taken.body).toMatchObject({ step: "backup", operation: { type: "BACKUP", database: "orders" } });
  expect(await paramsOf(taken)).toEqual({ kind: "full" });
  expect((await admin.send("POST", `${collection}/orders/backup`)).status).toBe(202);
  expect((await developer.send("POST", `${collection}/orders/backup`)).status).toBe(403);
});

test("a restore in place repeats the name; a look at it does not", async () => {
  const moment = { at: "2026-01-03T01:00:00+01:00" };
  const bare = await restore(moment);
  expect(bare).toMatchObject({ status: 422, body: { errors: [{ path: "confirm" }] } });
  const meant = await restore({ ...moment, confirm: "orders" });
  expect(meant.status, JSON.stringify(meant.body)).toBe(202);
  expect(await paramsOf(meant)).toEqual({ target: { kind: "time", at: "2026-01-03T00:00:00.000Z" }, preview: false });
  const seen = await restore({ ...moment, preview: true });
  expect(await paramsOf(seen)).toMatchObject({ preview: true });
  expect((await restore({ ...moment, preview: true }, developer)).status).toBe(403);
});

test("points and backups are restored by what the log calls them", async () => {
  expect(await paramsOf(await restore({ point, confirm: "orders" }))).toMatchObject({
    target: { kind: "point", name: "nebula:op_1", lsn: "0/5" },
  });
  expect(await paramsOf(await restore({ backup: "b1", confirm: "orders" }))).toMatchObject({
    target: { kind: "backup", label: "b1" },
  });
});

test.each([
  ["outside the window", { at: "2026-01-01T00:00:00Z" }, "is before 2026-01-02"],
  ["to come", { at: "2100-01-01T00:00:00Z" }, "has not come"],
  ["two targets", { at: "2026-01-03T00:00:00Z", backup: "b1" }, "names one of"],
  ["no target", {}, "names one of"],
  ["another database's point", { point: "rp_00000000000000000000000000" }, "no restore point"],
  ["no moment", { at: "yesterday" }, "at"],
])("%s is refused with what to do", async (_, body, says) => {
  const answer = await restore({ ...body, confirm: "orders" });
  expect(answer.status).toBe(422);
  expect(JSON.stringify(answer.body)).toContain(says);
});

test("after a restore in place what was there before it can still be restored", async () => {
  await recordBackupLine(portal.sql, {
    ...{ instance: orders, identity: "i2", lastSegment: null, baseLabel: null, baseSegment: null, storedBytes: 0 },
    ...{ baseAt: null, fullAt: null, recoverableFrom: null, coveredTo: null },
  });
  const window = { recoverableFrom: "2026-01-02T00:00:00.000Z", recoverableTo: "2026-01-05T00:00:00.000Z" };
  expect((await developer.get(`${collection}/orders/backups`)).body).toMatchObject(window);
  expect((await restore({ at: "2026-01-03T00:00:00Z", confirm: "orders" })).status).toBe(202);
  const early = await restore({ at: "2026-01-01T00:00:00Z", confirm: "orders" });
  expect(early).toMatchObject({ status: 422, body: { errors: [{ path: "at" }] } });
});

test("a database without a backup says so", async () => {
  const answer = await admin.send("POST", `${collection}/papers/restore`, {
    at: "2026-01-03T00:00:00Z",
    confirm: "papers",
  });
  expect(answer).toMatchObject({ status: 422, body: { detail: expect.stringContaining("no backup yet") } });
});
