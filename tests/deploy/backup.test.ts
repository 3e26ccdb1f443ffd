/** Backups and restores as operations, with the real Pulumi command, real databases and the worker's processes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeBackups, openStores } from "../../platform/backup/index.ts";
import { connectionUrl, connectOnce, type Sql } from "../../platform/sql/index.ts";
import {
  enqueueOperation,
  getCredential,
  getInstance,
  listBackupLines,
  listBackups,
  listMeteredInstances,
  type NewOperation,
} from "../../platform/store/index.ts";
import { makeBackupWorker } from "../../reconciler/backup/index.ts";
import { eventually } from "../harness/eventually.ts";
import { database, makeStand, project, type Stand } from "./stand.ts";

let stand: Stand;
const stores = mkdtempSync(join(tmpdir(), "ndb-stores-"));
const settings = { on: true, store: { address: join(stores, "one") }, second: { address: join(stores, "two") } };
const observed: string[] = [];
let backups: ReturnType<typeof makeBackups>;

beforeAll(async () => {
  stand = await makeStand();
  backups = makeBackups({ driver: stand.driver, vault: stand.vault, ...openStores(settings) });
  const deployer = await stand.deployer({ backups: settings });
  await deployer.start();
  const spec = project(stand.tenant, "shop", [
    database("orders", { backups: { retention: "7d" } }),
    database("scratch", { backups: { retention: "0d", pitr: false } }),
  ]);
  const operation = await stand.ended((await stand.want(spec)).id);
  expect(operation.state, JSON.stringify(operation.error)).toBe("COMPLETED");
}, 240_000);
afterAll(async () => {
  await stand?.close();
  rmSync(stores, { recursive: true, force: true });
});

const id = () => `${stand.tenant}.shop.orders` as const;

async function inside<T>(body: (sql: Sql) => Promise<T>): Promise<T> {
  const seen = await stand.driver.observe(id());
  if (seen === undefined) throw new Error("it is not there");
  const password = await getCredential(stand.sql, stand.vault, id(), seen.ownerRole);
  if (password === undefined) throw new Error("it has no password");
  const { host, socketPort: port, ownerRole: user, databaseName } = seen;
  return connectOnce(connectionUrl({ host, port, user, password, database: databaseName }), body);
}

const run = async (operation: Pick<NewOperation, "type" | "params">) => {
  const stack = `${stand.tenant}.shop` as const;
  const { id: queued } = await enqueueOperation(stand.sql, {
    stack,
    database: "orders",
    requestedBy: "t",
    ...operation,
  });
  return stand.ended(queued, 120_000);
};

const worker = (times: object = {}) =>
  makeBackupWorker({
    ...{ sql: stand.sql, backups, ids: stand.driver.machinery.ids, times },
    clock: { now: Date.now, monotonicMs: () => performance.now(), sleep: () => Promise.resolve() },
    observe: ({ kind }) => observed.push(kind),
  });

test("who declares backups archives, and who does not does not", async () => {
  const waits = async (name: string) => backups.waiting(`${stand.tenant}.shop.${name}` as const);
  expect(await waits("orders")).toBeDefined();
  expect(await waits("scratch")).toBeUndefined();
});

test("the worker takes the first backup when it is due, and the ledger and the meter know what is stored", async () => {
  await worker({ firstAfterMs: 3_600_000 }).pass();
  expect(await listBackups(stand.sql, { instance: id() })).toEqual([]);
  await worker({ firstAfterMs: 1 }).pass();
  expect(await listBackups(stand.sql, { instance: id() })).toMatchObject([{ kind: "full", operation: null }]);
  const [line] = await listBackupLines(stand.sql, id());
  expect(line).toMatchObject({ identity: (await getInstance(stand.sql, id()))?.identity, problem: null });
  expect(line?.recoverableFrom).not.toBeNull();
  expect(observed).toContain("backup.taken");
  const metered = (await listMeteredInstances(stand.sql)).find((one) => one.id === id());
  expect(metered?.backupBytes).toBeGreaterThan(1_000_000);
  // nothing changed: nothing is due
  await worker({ firstAfterMs: 1, fullEveryMs: 1, incrementalEveryMs: 1 }).pass();
  expect(await listBackups(stand.sql, { instance: id() })).toHaveLength(1);
});

test("a backup that was asked for says who asked", async () => {
  const taken = await run({ type: "BACKUP", params: { kind: "incremental" } });
  expect(taken, JSON.stringify(taken.error)).toMatchObject({ state: "COMPLETED", result: { kind: "incremental" } });
  expect((await listBackups(stand.sql, { instance: id() }))[0]).toMatchObject({ operation: taken.id });
});

test("a restore in place by operation: a look first, then the data of that moment under the present password", async () => {
  await inside((sql) => sql.query("create table moments as select 1 as n"));
  const [{ at } = { at: new Date() }] = await eventually("the moment has passed", async () => {
    const rows = await inside((sql) => sql.query<{ at: Date }>("select clock_timestamp() as at"));
    return rows;
  });
  await inside((sql) => sql.query("insert into moments values (2), (3)"));
  const target = { kind: "time", at: at.toISOString() };
  const preview = await run({ type: "RESTORE", params: { target, preview: true } });
  expect(preview, JSON.stringify(preview.error)).toMatchObject({
    state: "COMPLETED",
    result: { tables: [{ table: "public.moments", rowsNow: 3, rowsThen: 1 }] },
  });
  const restored = await run({ type: "RESTORE", params: { target, preview: false } });
  expect(restored.state, JSON.stringify(restored.error)).toBe("COMPLETED");
  expect(await inside((sql) => sql.query("select n from moments"))).toEqual([{ n: 1 }]);
  const row = await getInstance(stand.sql, id());
  expect(row?.identity).toBe((await stand.driver.observe(id()))?.identity);
});

test("what cannot be restored is said by its code, and nothing changes", async () => {
  const target = { kind: "time", at: "2020-01-01T00:00:00Z" };
  expect(await run({ type: "RESTORE", params: { target } })).toMatchObject({
    state: "FAILED",
    error: { code: "NEB414" },
  });
  expect(await inside((sql) => sql.query("select n from moments"))).toEqual([{ n: 1 }]);
});

test("a new folder begins with a full backup, everything is copied, tried, and found damaged when it is", async () => {
  const times = { firstAfterMs: 1, tendEveryMs: 1, verifyEveryMs: 1, copyEveryMs: 1 };
  await worker(times).pass();
  await worker(times).pass();
  expect((await listBackups(stand.sql, { instance: id() }))[0]).toMatchObject({ kind: "full" });
  expect(observed).toContain("backup.verified");
  const [line] = await listBackupLines(stand.sql, id());
  expect(line).toMatchObject({ problem: null });
  expect(line?.copiedAt).not.toBeNull();
  const { store, second } = openStores(settings);
  const key = `${line?.instance}/${line?.identity}/base/${line?.baseLabel}.tar`;
  expect(await second?.stat(key)).toEqual(await store.stat(key));
  await store.delete([key]);
  await worker({ ...times, verifyEveryMs: 86_400_000 }).pass();
  expect(observed).toContain("backup.damaged");
  expect((await listBackupLines(stand.sql, id()))[0]?.problem).toContain(".tar");
});
