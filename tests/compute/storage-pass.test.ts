/** How full databases are, from real servers into a real ledger. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { makeMetrics, type Observation } from "../../platform/core/index.ts";
import { resolveDatabase } from "../../platform/spec/index.ts";
import { getInstance, recordInstance, reserveInstance } from "../../platform/store/index.ts";
import { makeStoragePass, nextLookMs, registerStorageGauge } from "../../reconciler/storage/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { asTenant, type Ground, makeGround, wish } from "./ground.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let ledger: TestDatabase;
let ground: Ground;
const seen: Observation[] = [];
/** Its own time: a look is due when the test says so. */
let nowMs = 0;
const clock = { now: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined };
beforeAll(async () => {
  [ledger, ground] = await Promise.all([testDatabase(), makeGround({ spares: 0 })]);
});
afterAll(async () => {
  await ground?.clear();
  await ledger?.close();
});

const mib = 2 ** 20;

test("each step of being full is noted once, told once, shown as a ratio, and taken back when there is room", async () => {
  const { driver } = ground;
  const { sql } = ledger;
  const wanted = await wish();
  const { id } = wanted;
  await driver.ensure(wanted);
  const used = async () => (await driver.tendStorage(id))?.usedBytes ?? 0;
  const limited = { ...wanted, storageBytes: Math.round((await used()) / 0.7) };
  const { host, dataDir } = await driver.ensure(limited);
  const resolved = resolveDatabase({ engine: "postgres", name: "orders", options: { version: "18" } });
  if (resolved.kind !== "ok") throw new Error("no database");
  const spec = { ...resolved.spec, storageBytes: limited.storageBytes };
  await reserveInstance(sql, { id, stack: "acme.shop", placement: "local", spec, fence: 1, commit: null });
  await recordInstance(sql, { id, fence: 1, phase: "Ready", host, dataDir });

  const pass = makeStoragePass({ sql, driver, clock, observe: (one) => void seen.push(one) });
  const turn = async () => {
    nowMs += 60_000;
    await pass.run();
    return getInstance(sql, id);
  };
  const levels = () => seen.flatMap((one) => (one.kind === "storage.level" ? [one.level] : []));
  expect((await turn())?.storageMode).toBe("writable");
  expect(levels()).toEqual([]);

  await asTenant(driver, limited, (tenant) => tenant.query("create table filling (bytes text)"));
  const fillTo = (part: number) =>
    asTenant(driver, limited, async (tenant) => {
      await tenant.query("set default_transaction_read_only = off");
      while ((await used()) < part * limited.storageBytes)
        await tenant.query(
          `insert into filling select (select string_agg(md5(random()::text || i::text || j::text), '') from generate_series(1, 32) j)
           from generate_series(1, 512) i`,
        );
    });
  // by itself `used` also does what follows: at these levels nothing does
  await fillTo(0.82);
  const nearly = await turn();
  await fillTo(0.92);
  await turn();
  expect(levels()).toEqual(["nearly full", "almost full"]);
  expect(nearly?.storageUsedBytes).toBeGreaterThan(0.8 * limited.storageBytes);
  await turn();
  expect(levels()).toHaveLength(2);
  const metrics = makeMetrics("test");
  registerStorageGauge(metrics, sql);
  const [, ratio = "0"] = /nebuladb_database_storage_ratio\{[^}]*\} ([\d.]+)/.exec((await metrics.render()).body) ?? [];
  expect(Number(ratio)).toBeGreaterThan(0.9);

  await fillTo(1.01);
  expect((await turn())?.storageMode).toBe("read-only");
  await asTenant(driver, limited, async (tenant) => {
    await tenant.query("set default_transaction_read_only = off");
    await tenant.query("drop table filling");
  });
  expect((await turn())?.storageMode).toBe("writable");
  expect(levels()).toEqual(["nearly full", "almost full", "full", "ok"]);
  // a pass that begins anew tells nothing twice
  const next = makeStoragePass({ sql, driver, clock, observe: (one) => void seen.push(one) });
  nowMs += 60_000;
  expect(await next.run()).toBe(1);
  expect(levels()).toHaveLength(4);
  await Promise.all([pass.close(), next.close()]);
});

test("who may be full soon is looked at soon, and who has room is not", () => {
  expect(nextLookMs(1024 * mib, 1024 * mib)).toBe(2_000);
  expect(nextLookMs(0, 1024 * mib)).toBeLessThan(5_000);
  expect(nextLookMs(0, 1024 * 1024 * mib)).toBe(60_000);
});
