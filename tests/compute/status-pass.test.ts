/** The status pass over a real ledger and real servers. */
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { InstanceWanted } from "../../platform/compute/index.ts";
import type { Observation } from "../../platform/core/index.ts";
import type { DatabaseSpec } from "../../platform/spec/index.ts";
import { getInstance, recordInstance, recordRemoved, reserveInstance } from "../../platform/store/index.ts";
import { makeStatusPass, type StatusPass } from "../../reconciler/observe/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { asTenant, type Ground, makeGround, wish } from "./ground.ts";

let ledger: TestDatabase;
let ground: Ground;
let pass: StatusPass;
const seen: Observation[] = [];
beforeAll(async () => {
  [ledger, ground] = await Promise.all([testDatabase(), makeGround()]);
  const { driver } = ground;
  pass = makeStatusPass({ sql: ledger.sql, driver, observe: (o) => seen.push(o), tend: driver.rotateLogs });
});
afterAll(async () => {
  await pass?.close();
  await ground?.clear();
  await ledger?.close();
});
beforeEach(async () => {
  await ledger.sql.query("truncate instances");
  seen.length = 0;
});

const spec: DatabaseSpec = {
  ...{ engine: "postgres", name: "orders", version: "18", storageBytes: 1024 ** 3, replicas: 0, instances: 1 },
  compute: { minUnits: 0.25, maxUnits: 0.25, suspendAfterSeconds: 0 },
  backups: { retentionSeconds: 86_400, pitr: false },
  ...{ extensions: [], roles: [], allowFrom: [], tags: {}, passwordSecret: null, engineOptions: {}, retire: false },
};

/** An instance that the ledger knows and the machine has. */
async function deployed(): Promise<InstanceWanted> {
  const wanted = await wish();
  const { id } = wanted;
  await reserveInstance(ledger.sql, { id, stack: "acme.shop", placement: "local", spec, fence: 1, commit: null });
  const { host, dataDir } = await ground.driver.ensure(wanted);
  await recordInstance(ledger.sql, { id, fence: 1, phase: "Ready", host, dataDir });
  return wanted;
}
const phaseOf = async ({ id }: InstanceWanted) => (await getInstance(ledger.sql, id))?.phase;

async function crash({ id }: InstanceWanted): Promise<void> {
  process.kill((await ground.driver.observe(id))?.pid ?? 0, "SIGKILL");
  await eventually("it is gone", async () => (await ground.driver.observe(id))?.running === false);
}

test("a database whose server died is started again, with an observation", async () => {
  const wanted = await deployed();
  await crash(wanted);
  const { findings } = await pass.run();
  expect(findings).toMatchObject([{ id: wanted.id, kind: "healed" }]);
  expect(seen).toContainEqual(expect.objectContaining({ kind: "instance.healed", instance: wanted.id }));
  expect(await asTenant(ground.driver, wanted, (sql) => sql.one("select 1 as one"))).toEqual({ one: 1 });
  expect(await phaseOf(wanted)).toBe("Ready");
  expect((await pass.run()).findings).toEqual([]);
});

test("what is paused stays stopped, and is stopped again when somebody started it behind our back", async () => {
  const wanted = await deployed();
  await ground.driver.pause(wanted.id);
  expect((await pass.run()).findings).toMatchObject([{ kind: "recorded" }]);
  expect(await phaseOf(wanted)).toBe("Paused");
  expect((await pass.run()).findings).toEqual([]);
  expect(await ground.driver.observe(wanted.id)).toMatchObject({ phase: "Paused", running: false });
  await ground.driver.resume(wanted.id);
  await pass.run();
  expect(await phaseOf(wanted)).toBe("Ready");
});

test("a folder that is gone is a failure that is said once, never a removal", async () => {
  const wanted = await deployed();
  await ground.driver.stop(wanted.id);
  rmSync(join(ground.dataDir, "instances", wanted.id), { recursive: true });
  expect((await pass.run()).findings).toMatchObject([{ kind: "failed" }]);
  expect(await phaseOf(wanted)).toBe("Failed");
  expect((await pass.run()).findings).toEqual([]);
});

test("one that does not start is failed, and healed as soon as it can", async () => {
  const wanted = await deployed();
  await ground.driver.stop(wanted.id);
  const wal = join(ground.dataDir, "instances", wanted.id, "pgdata", "pg_wal");
  renameSync(wal, `${wal}.away`);
  expect((await pass.run()).findings).toMatchObject([{ kind: "failed" }]);
  expect(await phaseOf(wanted)).toBe("Failed");
  expect(seen.some((o) => o.kind === "fault" && o.code === "NEB345")).toBe(true);
  renameSync(`${wal}.away`, wal);
  expect((await pass.run()).findings).toMatchObject([{ kind: "healed" }]);
  expect(await phaseOf(wanted)).toBe("Ready");
});

test("a deployment that wrote meanwhile wins over what the pass saw", async () => {
  const wanted = await deployed();
  const driver = {
    ...ground.driver,
    observe: async () => {
      await recordInstance(ledger.sql, { id: wanted.id, fence: 2, phase: "Ready" });
      return undefined; // what this pass believes is older
    },
  };
  const late = makeStatusPass({ sql: ledger.sql, driver, observe: () => undefined });
  expect((await late.run()).findings).toEqual([]);
  expect(await phaseOf(wanted)).toBe("Ready");
});

test("a final copy is purged when its time is over, not before, and its row with it", async () => {
  const wanted = await deployed();
  await ground.driver.retire(wanted.id);
  await ground.driver.remove(wanted.id);
  await recordRemoved(ledger.sql, wanted.id, { fence: 1, keepSeconds: 3600 });
  await pass.run();
  expect(await ground.driver.finalCopies(wanted.id)).toHaveLength(1);
  await ledger.sql.query("update instances set purge_after = now() where id = $1", [wanted.id]);
  await pass.run();
  expect(await ground.driver.finalCopies(wanted.id)).toEqual([]);
  expect(await getInstance(ledger.sql, wanted.id)).toBeUndefined();
});

test("it runs by itself, and stops when it is closed", async () => {
  const wanted = await deployed();
  const own = makeStatusPass({ sql: ledger.sql, driver: ground.driver, observe: () => undefined, intervalMs: 20 });
  own.start();
  await crash(wanted);
  await eventually("it is healed", async () => (await ground.driver.observe(wanted.id))?.phase === "Ready");
  await own.close();
});

test("who is frozen or asleep is left so, and shown so", async () => {
  const wanted = await deployed();
  for (const [verb, state] of [
    ["freeze", "frozen"],
    ["sleep", "asleep"],
  ] as const) {
    const { phase } = await ground.driver[verb](wanted.id);
    await pass.run();
    expect(await ground.driver.observe(wanted.id)).toMatchObject({ phase });
    expect(await getInstance(ledger.sql, wanted.id)).toMatchObject({ phase: "Ready", computeState: state });
  }
  await ground.driver.wake(wanted.id);
  await pass.run();
  expect(await getInstance(ledger.sql, wanted.id)).toMatchObject({ phase: "Ready", computeState: "awake" });
});
