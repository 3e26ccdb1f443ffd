/** Standbys of real servers: made, followed, counted, and put in their primary's place. */
import { cpSync, existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type InstanceRunner, type InstanceWanted, makeLocalRunner } from "../../platform/compute/index.ts";
import type { Observation } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { codeOf } from "../harness/code-of.ts";
import { eventually } from "../harness/eventually.ts";
import { asTenant, type Ground, makeGround, pgBin } from "./ground.ts";
import * as replicated from "./replicated.ts";
import { atStandby, idsOf } from "./replicated.ts";

let ground: Ground;
let runner: InstanceRunner;
const seen: Observation[] = [];
beforeAll(async () => {
  ground = await makeGround({ spares: 0 });
  runner = await makeLocalRunner({ dataDir: ground.dataDir, pgBin: pgBin(), observe: (o) => seen.push(o) });
});
afterAll(() => ground?.clear());

const makeReplicated = (changes: Partial<InstanceWanted> = {}) => replicated.makeReplicated(ground, changes);
const streaming = (wanted: InstanceWanted) => replicated.streaming(runner, wanted);
const counted = (wanted: InstanceWanted) => replicated.counted(runner, wanted);
const folderOf = (wanted: InstanceWanted) => replicated.folderOf(ground, wanted);
const insert = (wanted: InstanceWanted, id: number) =>
  asTenant(ground.driver, wanted, (sql) => sql.query(`insert into kept values (${id})`));

const kill = ({ id }: InstanceWanted) => runner.depose(id);
const damage = (wanted: InstanceWanted, pgdata = "pgdata") =>
  rmSync(join(folderOf(wanted), pgdata, "global", "pg_control"));
const failovers = ({ id }: InstanceWanted) =>
  seen.filter((one) => one.kind === "instance.failed_over" && one.instance === id).length;

describe("a database with replicas", () => {
  test("has as many standbys as are wanted, that follow, read and refuse to write", async () => {
    const wanted = await makeReplicated({ replicas: 2 });
    const [first, second] = await streaming(wanted);
    await asTenant(ground.driver, wanted, (sql) => sql.query("insert into kept values (1), (2)"));
    for (const standby of [first, second]) {
      await eventually("it follows", async () => (await atStandby(wanted, standby, idsOf)).length === 2);
      expect(await codeOf(atStandby(wanted, standby, (sql) => sql.query("insert into kept values (3)")))).not.toBe(
        "no error",
      );
    }
    await eventually("there is no lag", async () =>
      (await runner.tendStandbys(wanted.id)).every((one) => one.lagBytes === 0),
    );
    const fewer = { ...wanted, replicas: 1 };
    await ground.driver.ensure(fewer);
    expect(await streaming(fewer)).toHaveLength(1);
    const none = { ...wanted, replicas: 0 };
    await ground.driver.ensure(none);
    expect(await runner.tendStandbys(wanted.id)).toEqual([]);
    expect(existsSync(join(ground.dataDir, "instances", wanted.id, "standbys"))).toBe(false);
    expect(await asTenant(ground.driver, wanted, idsOf)).toEqual([1, 2]);
  });

  test("stops and comes back with them, and a standby that died is started again", async () => {
    const wanted = await makeReplicated();
    await streaming(wanted);
    await ground.driver.pause(wanted.id);
    expect(await runner.tendStandbys(wanted.id)).toEqual([]);
    await ground.driver.resume(wanted.id);
    const [standby] = await streaming(wanted);
    await asTenant(ground.driver, wanted, (sql) => sql.query("insert into kept values (1)"));
    await eventually("it follows", async () => (await atStandby(wanted, standby, idsOf)).length === 1);
    expect(seen.filter((one) => one.kind === "standby.made" && one.instance === wanted.id)).toHaveLength(1);
  });

  test("grows and shrinks with them, also in what needs a restart", async () => {
    const wanted = await makeReplicated({ units: 1 });
    await streaming(wanted);
    for (const units of [2, 0.5]) {
      await ground.driver.ensure({ ...wanted, units });
      const [standby] = await streaming(wanted);
      const room = async (sql: Sql) =>
        Number((await sql.one<{ max_connections: string }>("show max_connections")).max_connections);
      // one that shrinks has to read a log that was written with more room
      expect(await atStandby(wanted, standby, room)).toBeGreaterThanOrEqual(
        await asTenant(ground.driver, wanted, room),
      );
    }
  });

  test("is removed with them, and its final copy holds the data once", async () => {
    const wanted = await makeReplicated();
    await streaming(wanted);
    await ground.driver.retire(wanted.id);
    const copy = await ground.driver.remove(wanted.id);
    expect(existsSync(join(copy?.path ?? "", "pgdata"))).toBe(true);
    expect(existsSync(join(copy?.path ?? "", "standbys"))).toBe(false);
  });
});

describe("a primary that died", () => {
  test.each([false, true])("comes back where it was when it can (synchronous: %s)", async (synchronous) => {
    const wanted = await makeReplicated({ synchronous });
    await (synchronous ? counted : streaming)(wanted);
    await insert(wanted, 1);
    await kill(wanted);
    expect(await runner.wake(wanted.id)).toMatchObject({ kind: "start" });
    expect(await asTenant(ground.driver, wanted, idsOf)).toEqual([1]);
    expect(failovers(wanted)).toBe(0);
    await streaming(wanted);
  });

  test("and whose folder is lost is replaced by the standby that has most, again and again", async () => {
    const wanted = await makeReplicated({ replicas: 2, synchronous: true });
    for (let round = 0; round < 3; round++) {
      await counted(wanted);
      await insert(wanted, round);
      await kill(wanted);
      if (round === 1) rmSync(join(folderOf(wanted), "pgdata"), { recursive: true });
      else damage(wanted);
      await runner.wake(wanted.id);
      expect((await asTenant(ground.driver, wanted, idsOf)).at(-1)).toBe(round);
      expect(failovers(wanted)).toBe(round + 1);
      expect((await runner.standbys(wanted.id))[0]?.epoch).toBe(round + 1);
    }
    const [standby] = await counted(wanted);
    await insert(wanted, 7);
    await eventually("it follows", async () => (await atStandby(wanted, standby, idsOf)).includes(7));
    await replicated.tended(
      runner,
      wanted,
      "the old primary goes",
      () => !existsSync(join(folderOf(wanted), "fenced")),
    );
  });

  test("and comes back without the end of its log is replaced by who has it", async () => {
    const wanted = await makeReplicated({ synchronous: true });
    await counted(wanted);
    await insert(wanted, 1);
    const pgWal = join(folderOf(wanted), "pgdata", "pg_wal");
    const segments = () => readdirSync(pgWal).filter((name) => /^[0-9A-F]{24}$/.test(name));
    const walfile = (sql: Sql) =>
      sql.one<{ walfile: string }>("select pg_walfile_name(pg_current_wal_lsn()) as walfile");
    const last = await ground.driver.machinery.admin(wanted.id, "postgres", async (sql) => {
      await sql.query("checkpoint"); // what it recovers from is in the part before
      const before = await walfile(sql);
      await sql.query("select pg_logical_emit_message(false, 'fill', 'x'), pg_switch_wal()");
      await insert(wanted, 2);
      const after = await walfile(sql);
      expect(after).not.toEqual(before);
      return after;
    });
    await kill(wanted);
    for (const name of segments().filter((name) => name >= last.walfile)) rmSync(join(pgWal, name));
    await runner.wake(wanted.id);
    expect(await asTenant(ground.driver, wanted, idsOf)).toEqual([1, 2]);
    expect(failovers(wanted)).toBe(1);
  });

  test("and was replaced is never a primary again, also when somebody puts its folder back", async () => {
    const wanted = await makeReplicated({ synchronous: true });
    await counted(wanted);
    await insert(wanted, 1);
    await kill(wanted);
    const folder = folderOf(wanted);
    cpSync(join(folder, "pgdata/global/pg_control"), join(folder, "kept-control"));
    damage(wanted);
    await runner.wake(wanted.id);
    await insert(wanted, 2);
    expect(existsSync(join(folder, "fenced", "PG_VERSION"))).toBe(true);
    cpSync(join(folder, "fenced"), join(folder, "old"), { recursive: true, preserveTimestamps: true });
    cpSync(join(folder, "kept-control"), join(folder, "old/global/pg_control"));
    await counted(wanted);
    await kill(wanted);
    rmSync(join(folder, "pgdata"), { recursive: true });
    renameSync(join(folder, "old"), join(folder, "pgdata"));
    await runner.wake(wanted.id);
    expect(await asTenant(ground.driver, wanted, idsOf)).toEqual([1, 2]);
  });

  test("with a damaged folder and a standby that counts and cannot be read is left alone", async () => {
    const wanted = await makeReplicated({ synchronous: true });
    await counted(wanted);
    await kill(wanted);
    for (const pgdata of ["pgdata", "standbys/1/pgdata"]) damage(wanted, pgdata);
    expect(await codeOf(runner.wake(wanted.id))).toBe("NEB462");
    expect(existsSync(join(folderOf(wanted), "pgdata", "PG_VERSION"))).toBe(true);
    expect(failovers(wanted)).toBe(0);
  });

  test("and had no standby that ever followed is what it is: damaged", async () => {
    const wanted = await makeReplicated();
    await kill(wanted);
    damage(wanted);
    expect(await codeOf(runner.wake(wanted.id))).toBe("NEB356");
  });
});

test("a standby that lost its way is made anew", async () => {
  const wanted = await makeReplicated();
  await streaming(wanted);
  let late = 0;
  const later = await makeLocalRunner({ dataDir: ground.dataDir, pgBin: pgBin(), now: () => Date.now() + late });
  rmSync(join(folderOf(wanted), "standbys/1/pgdata/global/pg_control"));
  const [standby] = await runner.standbys(wanted.id);
  expect(standby?.phase).toBe("Ready");
  replicated.killStandby(ground, wanted, 1);
  await replicated.tended(later, wanted, "it is away", ([one]) => one?.streaming === false);
  late = 60_000;
  await replicated.tended(later, wanted, "another copy follows", ([one]) => one?.streaming === true);
});

test("commits wait for a standby, and for no longer than it is away", async () => {
  const wanted = await makeReplicated({ synchronous: true });
  await counted(wanted);
  const waits = (sql: Sql) =>
    sql.one<{ names: string }>("select current_setting('synchronous_standby_names') as names");
  expect(await asTenant(ground.driver, wanted, waits)).toEqual({ names: "ANY 1 (nebula_s1)" });
  const plain = { ...wanted, synchronous: false };
  await ground.driver.ensure(plain);
  await replicated.tended(runner, plain, "none counts", (all) => all.every((one) => !one.counted));
  expect(await asTenant(ground.driver, wanted, waits)).toEqual({ names: "" });
});

test("a standby counts as waited for only when commits do wait", async () => {
  const wanted = await makeReplicated();
  await streaming(wanted);
  const checkpointer = await ground.driver.machinery.admin(wanted.id, "postgres", (sql) =>
    sql.one<{ pid: number }>("select pid from pg_stat_activity where backend_type = 'checkpointer'"),
  );
  const synchronous = { ...wanted, synchronous: true };
  await ground.driver.ensure(synchronous);
  // the one that would tell the backends is held up, as by a long checkpoint
  process.kill(checkpointer.pid, "SIGSTOP");
  const round = counted(synchronous);
  const link = () =>
    ground.driver.machinery.admin(wanted.id, "postgres", (sql) =>
      sql.maybe("select 1 from pg_stat_replication where sync_state = 'quorum'"),
    );
  await eventually("its sender has heard", async () => (await link()) !== undefined, { timeoutMs: 30_000 });
  await insert(wanted, 1);
  expect((await runner.standbys(wanted.id)).map((one) => one.synchronous)).toEqual([false]);
  process.kill(checkpointer.pid, "SIGCONT");
  await round;
});

test("one that may sleep goes to sleep whole, and its standbys do not keep it awake", async () => {
  const wanted = await makeReplicated({ suspendAfterSeconds: 1 });
  await streaming(wanted);
  const idle = () => runner.activity(wanted.id);
  await eventually("nobody uses it", async () => {
    const { busy, replication, baseBackups } = (await idle()) ?? { busy: 1, replication: 1, baseBackups: 1 };
    return busy + replication + baseBackups === 0;
  });
  expect(await runner.freeze(wanted.id)).toMatchObject({ phase: "Asleep" });
  expect((await runner.standbys(wanted.id)).map(({ phase }) => phase)).toEqual(["Stopped"]);
  await runner.wake(wanted.id);
  const [standby] = await streaming(wanted);
  await atStandby(wanted, standby, async (sql) => {
    await sql.query("select 1");
    expect((await idle())?.clients).toBe(1);
  });
});
