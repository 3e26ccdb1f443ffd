/** How databases are doing: real servers, looked at by the collector, and never woken by it. */

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { makeKeeper } from "../../gateway/keeper/index.ts";
import { makeLocalRunner } from "../../platform/compute/index.ts";
import { type Observation, systemClock } from "../../platform/core/index.ts";
import { connectOnce } from "../../platform/sql/index.ts";
import { getDatabaseSample, listScraped, recordBackupLine } from "../../platform/store/index.ts";
import { readPostgres, type Sample } from "../../platform/telemetry/index.ts";
import { fromRow, lookNow, makeMetricsPass } from "../../reconciler/metrics/index.ts";
import { addressOf, asTenant, type Ground, makeGround, pgBin, wish } from "../compute/ground.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { declare, deploy, partsOf } from "./ground.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let ledger: TestDatabase;
let ground: Ground;
beforeAll(async () => {
  [ledger, ground] = await Promise.all([testDatabase(), makeGround({ spares: 0 })]);
});
afterAll(async () => {
  await ground?.clear();
  await ledger?.close();
});

const sampleOf = async (id: string): Promise<Sample> => {
  const row = await getDatabaseSample(ledger.sql, id);
  if (row === undefined) throw new Error(`nobody has looked at ${id}`);
  return fromRow(row);
};

const lookedAt = async (id: string): Promise<Date> =>
  (await ledger.sql.one<{ at: Date }>("select looked_at as at from database_samples where instance = $1", [id])).at;

test("what a server does is what is read: sessions, transactions, scans, slow statements, sizes, and how fast they grow", async () => {
  const wanted = await wish();
  await deploy(ledger.sql, ground, wanted);
  const pass = makeMetricsPass(partsOf(ledger.sql, ground));
  await asTenant(ground.driver, wanted, (sql) =>
    sql.query(`create table things (id int primary key, word text); create index on things (word);
      insert into things select i, md5(i::text) from generate_series(1, 5000) i`),
  );
  const counted = ["cpuSeconds", "memoryBytes", "diskWrittenBytes", "operations", "cacheHits"] as const;
  const before = await eventually(
    "everything that grows has grown",
    async () => {
      await pass.run();
      const sample = await sampleOf(wanted.id);
      return counted.every((key) => (sample.values[key] ?? 0) > 0) ? sample : undefined;
    },
    { timeoutMs: 30_000, everyMs: 200 },
  );
  expect(before.state).toBe("awake");
  expect(before.values).toMatchObject({ indexes: 2, unusedIndexes: 1, computeUnitsLimit: expect.any(Number) });
  expect(before.values.dataBytes).toBeGreaterThan(1_000_000);
  expect(before.values.connectionsLimit).toBeGreaterThan(5);

  await asTenant(ground.driver, wanted, async (sql) => {
    for (let i = 1; i <= 50; i++) await sql.query("select word from things where id = $1", [i]);
    await sql.query("select count(*) from things where word like '%a%'");
    // a session of its own: the slow statement must be seen while it runs
    const slow = asTenant(ground.driver, wanted, (other) => other.query("select pg_sleep(30)")).catch(() => undefined);
    const seen = await eventually(
      "the slow statement is seen, and the rest is in the statistics",
      async () => {
        await pass.run();
        const sample = await sampleOf(wanted.id);
        const { slowQueries = 0, indexScans = 0, tableScans = 0 } = sample.values;
        const grown = (sample.values.operations ?? 0) >= (before.values.operations ?? 0) + 50;
        return slowQueries >= 1 && grown && indexScans >= 50 && tableScans >= 1 ? sample : undefined;
      },
      { timeoutMs: 60_000, everyMs: 200 },
    );
    expect(seen.values.connections).toBeGreaterThanOrEqual(2);
    expect(seen.values.activeConnections).toBeGreaterThanOrEqual(1);
    await sql.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep%' and pid <> pg_backend_pid()",
    );
    await slow;
  });
  const rates = await eventually("operations have a rate", async () => {
    await pass.run();
    const { rates: found } = await sampleOf(wanted.id);
    return found.operations === undefined ? undefined : found;
  });
  expect(rates.connections).toBeUndefined();
  await pass.close();
});

test("a database that rests answers with what it was, and nobody wakes it to ask", async () => {
  const wanted = await wish();
  await deploy(ledger.sql, ground, wanted);
  const parts = partsOf(ledger.sql, ground);
  const pass = makeMetricsPass(parts);
  await pass.run();
  const awake = await sampleOf(wanted.id);
  expect(awake.values.operations).toBeGreaterThan(0);

  for (const [rest, state] of [
    [() => ground.driver.freeze(wanted.id), "frozen"],
    [() => ground.driver.sleep(wanted.id), "asleep"],
  ] as const) {
    await rest();
    await pass.run();
    const noted = await lookedAt(wanted.id);
    for (let i = 0; i < 3; i++) await pass.run();
    // what has not changed is not written again at every look
    expect(await lookedAt(wanted.id)).toEqual(noted);
    const told = await lookNow(parts, wanted.id);
    expect(told?.state).toBe(state);
    expect(told?.atMs).toBe(awake.atMs);
    expect(told?.values.operations).toBe(awake.values.operations);
    expect((await ground.driver.observe(wanted.id))?.phase).toBe(state === "frozen" ? "Frozen" : "Asleep");
  }
  await ground.driver.wake(wanted.id);
  await pass.run();
  expect((await sampleOf(wanted.id)).atMs).toBeGreaterThan(awake.atMs ?? 0);
  await pass.close();
});

test("a database that is looked at without a break falls asleep all the same, and not while a client is in a statement", async () => {
  const wanted = await wish({ suspendAfterSeconds: 0.1 });
  await deploy(ledger.sql, ground, wanted);
  const runner = await makeLocalRunner({ dataDir: ground.dataDir, pgBin: pgBin(), observe: () => undefined });
  const keeper = makeKeeper({
    ...{ dataDir: ground.dataDir, runner, observe: () => undefined, pressed: () => false },
    suspension: { sweepMs: 5, stopAfterFrozenMs: 600_000 },
  });
  // the time of the looks goes by faster: one that comes in the same second as the one before asks nobody
  let nowMs = Date.now();
  const clock = { ...systemClock, now: () => (nowMs += 2000) };
  const look = () => lookNow({ ...partsOf(ledger.sql, ground), clock }, wanted.id);
  const looks = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      await look();
      await sleep(10);
    }
  };
  try {
    // the control: by a client it is kept awake
    const statement = asTenant(ground.driver, wanted, (sql) => sql.query("select pg_sleep(600)")).catch(
      () => undefined,
    );
    await eventually("its statement runs", async () => {
      const sample = await look();
      return sample?.values.activeConnections === 1;
    });
    await keeper.start();
    await eventually("the keeper knows it", () => keeper.state(wanted.id) === "awake");
    await looks(30);
    expect(keeper.state(wanted.id)).toBe("awake");

    await asTenant(ground.driver, wanted, (sql) =>
      sql.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep%' and pid <> pg_backend_pid()",
      ),
    );
    await statement;
    await eventually(
      "it is frozen",
      async () => {
        await looks(1);
        return keeper.state(wanted.id) === "frozen";
      },
      { timeoutMs: 30_000, everyMs: 1 },
    );
    await looks(5);
    expect((await ground.driver.observe(wanted.id))?.phase).toBe("Frozen");
  } finally {
    await keeper.close();
  }
});

test("a server is asked once in a second, however many ask", async () => {
  const wanted = await wish();
  await deploy(ledger.sql, ground, wanted);
  let nowMs = Date.now();
  let asked = 0;
  const parts = partsOf(ledger.sql, ground);
  const counting: typeof parts = {
    ...{ ...parts, clock: { ...systemClock, now: () => nowMs } },
    glance: (id, body) => {
      asked += 1;
      return parts.glance(id, body);
    },
  };
  const first = await lookNow(counting, wanted.id);
  nowMs += 999;
  expect(await lookNow(counting, wanted.id)).toEqual(first);
  expect(asked).toBe(1);
  nowMs += 1;
  expect((await lookNow(counting, wanted.id))?.rates.operations).toBeGreaterThan(0);
  expect(asked).toBe(2);
});

test("a schema that cannot be looked through in time costs its own figures and no others", async () => {
  const wanted = await wish();
  await deploy(ledger.sql, ground, wanted);
  const parts = partsOf(ledger.sql, ground);
  const seen = await ground.driver.machinery.peek(wanted.id, (admin) =>
    admin.tx(async (tx) => {
      // stands in for a hundred thousand tables: whoever reads the view waits
      await tx.query("set local allow_system_table_mods = on");
      await tx.query("alter view pg_catalog.pg_stat_user_indexes set (security_barrier = false)");
      return lookNow(parts, wanted.id);
    }),
  );
  expect(seen?.state).toBe("awake");
  expect(seen?.values).toMatchObject({ connections: 0, operations: expect.any(Number) });
  expect(Object.keys(seen?.values ?? {})).not.toContain("indexes");
  // the control: when nobody is in the way they are there
  const pass = makeMetricsPass(parts);
  await eventually("its indexes are counted", async () => {
    await pass.run();
    return (await sampleOf(wanted.id)).values.indexes === 0;
  });
  await pass.close();
});

test("a look that fails keeps no other waiting, and a database without a folder is down", async () => {
  const [broken, well] = [await wish(), await wish()];
  await declare(ledger.sql, broken.id);
  await deploy(ledger.sql, ground, well);
  const observed: Observation[] = [];
  const parts = partsOf(ledger.sql, ground, observed);
  const pass = makeMetricsPass({
    ...parts,
    glance: (id, body) => (id === well.id ? parts.glance(id, body) : Promise.reject(new Error("not today"))),
  });
  await pass.run();
  expect((await sampleOf(well.id)).state).toBe("awake");
  expect((await sampleOf(broken.id)).state).toBe("stopped");
  // the databases of the tests before answer, and this pass could not ask them
  expect(observed.some((it) => it.kind === "fault" && it.where === "metrics.look")).toBe(true);
  await pass.close();
});

test("what the ledger knows is told beside it: storage, standbys, the result and age of backups", async () => {
  const wanted = await wish();
  await declare(ledger.sql, wanted.id, { storageBytes: 5 * 2 ** 30, replicas: 2 });
  await ledger.sql.query("update instances set identity = 'one', storage_used_bytes = 12345 where id = $1", [
    wanted.id,
  ]);
  await recordBackupLine(ledger.sql, {
    ...{ instance: wanted.id, identity: "one", recoverableFrom: new Date(0), coveredTo: new Date(Date.now() - 60_000) },
    ...{ lastSegment: null, storedBytes: 7, baseLabel: "b", baseAt: new Date(Date.now() - 3_600_000) },
    ...{ baseSegment: null, fullAt: null },
  });
  const sample = await lookNow(partsOf(ledger.sql, ground), wanted.id);
  expect(sample?.values).toMatchObject({
    storageBytes: 12345,
    storageLimitBytes: 5 * 2 ** 30,
    replicas: 2,
    backupOk: 1,
  });
  expect(sample?.values.backupAgeSeconds).toBeGreaterThanOrEqual(3600);
  expect(sample?.values.restorableAgeSeconds).toBeGreaterThanOrEqual(60);
  expect(sample?.values.connections).toBeUndefined();
});

test("an older look never covers a newer one, and of a database that is gone nothing is kept", async () => {
  const wanted = await wish();
  await deploy(ledger.sql, ground, wanted);
  const parts = partsOf(ledger.sql, ground);
  const now = await lookNow(parts, wanted.id);
  const past = { now: () => (now?.atMs ?? 0) - 60_000, monotonicMs: () => 0, sleep: async () => undefined };
  await lookNow({ ...parts, clock: past }, wanted.id);
  expect((await sampleOf(wanted.id)).atMs).toBe(now?.atMs);
  await ledger.sql.query("update instances set phase = 'Removed', removed_at = now() where id = $1", [wanted.id]);
  expect(await lookNow(parts, wanted.id)).toBeUndefined();
  expect(await getDatabaseSample(ledger.sql, wanted.id)).toBeUndefined();
  expect((await listScraped(ledger.sql)).map(({ id }) => id)).not.toContain(wanted.id);
});

test("what a tenant has made under Postgres's own names is not called by the administrator who looks", async () => {
  const wanted = await wish();
  await deploy(ledger.sql, ground, wanted);
  await asTenant(ground.driver, wanted, (sql) =>
    sql.query(`
      create schema trap;
      create table trap.fallen (who text);
      create function trap.current_database() returns name language plpgsql as
        $$ begin insert into trap.fallen values (current_user); return 'x'; end $$;
      create function trap.pg_database_size(name) returns bigint language plpgsql as
        $$ begin insert into trap.fallen values (current_user); return 1; end $$;
      create view trap.pg_stat_activity as select 1 as one;
      alter database orders set search_path = trap, pg_catalog`),
  );
  const address = await addressOf(ground.driver, wanted);
  // as the tenant itself the trap would work: the control
  await connectOnce(address, (sql) => sql.query("select current_database()"));
  const fallen = () =>
    asTenant(ground.driver, wanted, (sql) => sql.query<{ who: string }>("select who from trap.fallen"));
  expect(await fallen()).toEqual([{ who: "orders" }]);
  const looked = await ground.driver.machinery.glance(wanted.id, readPostgres);
  expect(looked?.dataBytes).toBeGreaterThan(1_000_000);
  expect(await fallen()).toEqual([{ who: "orders" }]);
});
