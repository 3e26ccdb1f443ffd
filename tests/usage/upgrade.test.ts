/** A ledger of the release before: what it had recorded stays, and the hours that it had open are recorded once. */
import { copyFileSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  foldRecords,
  listRecords,
  listUsage,
  migrate,
  putSamples,
  rollUp,
  sumUsage,
} from "../../platform/store/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

const hour = 3_600_000;
const minute = 60_000;
const migrations = join(import.meta.dirname, "../../platform/store/migrations");
const now = Math.floor(Date.now() / hour) * hour;
const compute = "compute_unit_seconds";
const always = { fromMs: now - 1000 * hour, toMs: now + 10 * hour };

let db: TestDatabase;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "ndb-migrations-"));
  db = await testDatabase({ empty: true });
});
afterAll(async () => {
  await db?.close();
  rmSync(folder, { recursive: true, force: true });
});

const oldSample = (slotMs: number, commit: string) =>
  db.sql.query(
    `insert into usage_samples (instance, slot, slot_seconds, measured_until, awake_ms, compute_unit_ms, storage_byte_ms,
       connection_ms, compute_units, storage_bytes, connections, commit)
     values ('acme.shop.orders', $1, 60, $2, 60000, 60000, 0, 0, 1, 1, 0, $3)`,
    [new Date(slotMs), new Date(slotMs + minute), commit],
  );
const oldRecord = (windowMs: number, quantity: number, commits: readonly string[], revision = 1, meter = compute) =>
  db.sql.query(
    `insert into usage_records (tenant, project, database, meter, window_start, window_end, quantity, source, revision, commits)
     values ('acme', 'shop', 'orders', $6, $1, $2, $3, 'sampled', $4, $5)`,
    [new Date(windowMs), new Date(windowMs + hour), quantity, revision, commits, meter],
  );
const oldTraffic = (atMs: number, bytes: number) =>
  db.sql.query(
    `insert into usage_traffic (line, instance, at, bytes_out, bytes_in, connections, requests, commit)
     values (gen_random_uuid(), 'acme.shop.orders', $1, $2, 0, 1, 0, 'b')`,
    [new Date(atMs), bytes],
  );

test("everything that was used is in the ledger once, before and after, and late usage goes on where it was", async () => {
  for (const file of globSync(join(migrations, "*.sql")))
    if (basename(file) < "0026") copyFileSync(file, join(folder, basename(file)));
  await migrate(db.sql, folder);
  await oldRecord(now - 500 * hour, 1000, ["a"], 3);
  await oldRecord(now - 3 * hour, 120, ["a", "b"]);
  await oldSample(now - 3 * hour, "a");
  await oldSample(now - 3 * hour + minute, "b");
  await oldRecord(now - 2 * hour, 60, ["b"]); // and then a sample came late
  await oldSample(now - 2 * hour, "b");
  await oldSample(now - 2 * hour + minute, "b");
  await oldSample(now, "b");
  await oldRecord(now - 2 * hour, 700, ["b"], 1, "egress_bytes");
  await oldTraffic(now - 2 * hour, 700);
  await oldTraffic(now - 80 * hour, 9); // nobody had rolled it up within 72 hours: it was not billed, and is not
  await oldTraffic(now + 1, 30);
  await migrate(db.sql);

  await expect(oldSample(now + minute, "b")).rejects.toThrow(/23502/); // a reconciler that was not stopped
  await expect(oldTraffic(now + 2, 1)).rejects.toThrow(/23502/);
  const sums = async (meter: string) =>
    (await sumUsage(db.sql, { ...always, meter })).map((sum) => Number(sum.quantity));
  const quantity = () => sums(compute);
  expect(await sums("egress_bytes")).toEqual([730]);
  expect(await quantity()).toEqual([1000 + 120 + 120 + 60]);
  expect(await rollUp(db.sql, now)).toBe(1);
  expect(await rollUp(db.sql, now + hour)).toBe(2);
  expect(await quantity()).toEqual([1300]);
  expect(await sums("egress_bytes")).toEqual([730]);
  expect((await listRecords(db.sql, { meter: compute })).map(({ quantity: one, revision }) => [one, revision])).toEqual(
    [
      ["1000", 3],
      ["120", 1],
      ["60", 1],
      ["60", 2],
      ["60", 1],
    ],
  );

  await putSamples(db.sql, [
    {
      ...{ instance: "acme.shop.orders", slotMs: now - 3 * hour + 2 * minute, slotSeconds: 60, commit: "b" },
      ...{ untilMs: now - 3 * hour + 3 * minute, awakeMs: minute, computeUnitMs: minute, frozenUnitMs: 0 },
      ...{ storageByteMs: 0n, branchByteMs: 0n, backupByteMs: 0n, connectionMs: 0, computeUnits: 1, storageBytes: 1 },
      ...{ connections: 0, serverStartedAtMs: null },
    },
  ]);
  await rollUp(db.sql, now + hour);
  await foldRecords(db.sql);
  expect(await quantity()).toEqual([1360]);
  expect(
    (await listUsage(db.sql, { ...always, meter: compute })).map((one) => [one.quantity, one.revision, one.commits]),
  ).toEqual([
    ["1000", 3, ["a"]],
    ["180", 2, ["a", "b"]],
    ["120", 2, ["b"]],
    ["60", 1, ["b"]],
  ]);
});
