/** From the gateway's meter files to records: each byte once, whoever is killed in between. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { makeMeter } from "../../gateway/wire/index.ts";
import { type Observation, systemClock } from "../../platform/core/index.ts";
import { listUsage, rollUp } from "../../platform/store/index.ts";
import { makeUsageWorker } from "../../reconciler/usage/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

let db: TestDatabase;
let dataDir: string;
let folder: string;
const seen: Observation[] = [];
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db?.close());
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "ndb-traffic-"));
  folder = join(dataDir, "meter");
  mkdirSync(folder);
  seen.length = 0;
  await db.sql.query("truncate usage_samples, usage_records, usage_pending, usage_traffic, instances, settings");
  return () => rmSync(dataDir, { recursive: true, force: true });
});

const worker = () =>
  makeUsageWorker({
    ...{ sql: db.sql, clock: systemClock, sampleEveryMs: 60_000, trafficFolder: folder },
    observe: async () => undefined,
    report: (observation) => seen.push(observation),
    machine: () => undefined,
  });

const egress = async () => {
  const now = Date.now();
  const records = await listUsage(db.sql, { fromMs: now - 100 * 3_600_000, toMs: now + 3_600_000 });
  return records.map(({ tenant, project, database, meter, quantity }) => ({
    id: `${tenant}.${project}.${database}`,
    meter,
    quantity,
  }));
};

test("what the gateway wrote down becomes egress, once, and its files go", async () => {
  const meter = await makeMeter({ dataDir, clock: systemClock, observe: () => undefined, everyMs: 3_600_000 });
  for (const bytes of [1_000, 2_000]) {
    Object.assign(meter.account("acme.shop.orders"), { bytesOut: bytes, bytesIn: 7, connections: 1 });
    await meter.flush();
  }
  await meter.close();
  const files = readdirSync(folder);
  expect(files).toHaveLength(2);
  await worker().pass();
  expect(readdirSync(folder)).toEqual([]);
  expect(await egress()).toEqual([{ id: "acme.shop.orders", meter: "egress_bytes", quantity: "3000" }]);
});

const line = (name: string, toMs: number, bytesOut: number) =>
  `${JSON.stringify({ line: name, id: "acme.shop.orders", fromMs: toMs - 1, toMs, bytesIn: 0, bytesOut, connections: 1 })}\n`;
const names = ["0b0c7d0e-0000-4000-8000-000000000001", "0b0c7d0e-0000-4000-8000-000000000002"] as const;

test("a file that was taken and not yet deleted counts once; late lines revise their hour", async () => {
  const anHourAgo = Date.now() - 2 * 3_600_000;
  const text = line(names[0], anHourAgo, 500);
  for (const _ of [1, 2]) {
    writeFileSync(join(folder, "1.jsonl"), text);
    await worker().pass();
  }
  expect((await egress()).map(({ quantity }) => quantity)).toEqual(["500"]);
  const same = worker();
  await same.pass();
  writeFileSync(join(folder, "2.jsonl"), line(names[1], anHourAgo, 20));
  await same.pass();
  expect((await egress()).map(({ quantity }) => quantity)).toEqual(["520"]);
  expect(await rollUp(db.sql, anHourAgo + 3_600_000)).toBe(0);
});

test("one that is still being written is left; a line that cannot be read is put aside and said", async () => {
  writeFileSync(join(folder, "1.jsonl.open"), line(names[0], Date.now(), 1));
  writeFileSync(join(folder, "2.jsonl"), `${line(names[1], Date.now(), 5)}{"line":"no`);
  await worker().pass();
  expect(readdirSync(folder).sort()).toEqual(["1.jsonl.open", "2.jsonl.bad"]);
  expect((await egress()).map(({ quantity }) => quantity)).toEqual(["5"]);
  expect(seen).toContainEqual(expect.objectContaining({ kind: "fault", where: "usage.traffic" }));
});

test("two who take the same files at once count each line once, and neither stumbles over the other", async () => {
  const now = Date.now();
  for (let i = 0; i < 40; i++) {
    const name = `0b0c7d0e-0000-4000-8000-${String(i).padStart(12, "0")}`;
    writeFileSync(
      join(folder, `${String(i).padStart(3, "0")}.jsonl`),
      `${line(name, now, 10)}${i % 9 === 0 ? "{" : ""}`,
    );
  }
  const ended = await Promise.allSettled([worker().pass(), worker().pass(), worker().pass()]);
  expect(ended.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
  expect(readdirSync(folder).filter((name) => name.endsWith(".jsonl"))).toEqual([]);
  expect((await egress()).map(({ quantity }) => quantity)).toEqual(["400"]);
});
