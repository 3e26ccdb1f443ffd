/** The keeper over real servers, as a gateway has it: without a vault, without a ledger. */
import { renameSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Entered, type Keeper, type KeeperOptions, makeKeeper } from "../../gateway/keeper/index.ts";
import { type InstanceRunner, type InstanceWanted, makeLocalRunner } from "../../platform/compute/index.ts";
import type { Observation } from "../../platform/core/index.ts";
import { connectionUrl, connectOnce, type Sql, socketAddress } from "../../platform/sql/index.ts";
import { addressOf, type Ground, makeGround, pgBin, wish } from "../compute/ground.ts";
import { codeOf } from "../harness/code-of.ts";
import { eventually } from "../harness/eventually.ts";

let ground: Ground;
let runner: InstanceRunner;
let keepers: Keeper[] = [];
const seen: Observation[] = [];
beforeAll(async () => {
  ground = await makeGround({ spares: 0 });
  runner = await makeLocalRunner({ dataDir: ground.dataDir, pgBin: pgBin(), observe: (o) => seen.push(o) });
});
afterEach(async () => {
  for (const keeper of keepers) await keeper.close();
  keepers = [];
  seen.length = 0;
});
afterAll(() => ground?.clear());

const quick = { sweepMs: 5, stopAfterFrozenMs: 60_000 };

function keep(options: Partial<KeeperOptions> = {}): Keeper {
  const keeper = makeKeeper({
    ...{ dataDir: ground.dataDir, runner, observe: (o: Observation) => seen.push(o), pressed: () => false },
    suspension: quick,
    ...options,
  });
  keepers.push(keeper);
  return keeper;
}

/** Idle after 20 ms. */
async function makeSleeper(changes: Partial<InstanceWanted> = {}): Promise<InstanceWanted> {
  const wanted = await wish({ suspendAfterSeconds: 0.02, ...changes });
  await ground.driver.ensure(wanted);
  return wanted;
}

const urlOf = ({ ownerRole, ownerPassword, databaseName }: InstanceWanted, { socketPath }: Entered) =>
  connectionUrl({
    ...socketAddress(socketPath),
    ...{ user: ownerRole, password: ownerPassword, database: databaseName },
  });

/** A session as the wire has it: entered, connected, confirmed, ended. */
async function within<T>(keeper: Keeper, wanted: InstanceWanted, body: (sql: Sql, entered: Entered) => Promise<T>) {
  const entered = await keeper.enter(wanted.id, "direct");
  try {
    return await connectOnce(urlOf(wanted, entered), async (sql) => {
      expect(entered.confirm()).toBe(true);
      return body(sql, entered);
    });
  } finally {
    entered.leave();
  }
}

const becomes = (keeper: Keeper, { id }: InstanceWanted, state: string) =>
  eventually(`${id} becomes ${state}`, () => keeper.state(id) === state, { everyMs: 5 });
const startsOf = ({ id }: InstanceWanted) =>
  seen.filter((one) => one.kind === "instance.started" && one.instance === id).length;

describe("waking", () => {
  test("any number of callers wait for one start, and all get in", async () => {
    const wanted = await makeSleeper();
    await runner.sleep(wanted.id);
    const keeper = keep();
    const entered = await Promise.all(Array.from({ length: 200 }, () => keeper.enter(wanted.id, "direct")));
    expect(startsOf(wanted)).toBe(1);
    expect(entered.every((one) => one.confirm())).toBe(true);
    expect(entered[0]?.wake).toMatchObject({ kind: "start" });
    expect(await connectOnce(urlOf(wanted, entered[0] as Entered), (sql) => sql.one("select 1 as one"))).toEqual({
      one: 1,
    });
    for (const one of entered) one.leave();
    const again = await keeper.enter(wanted.id, "direct");
    expect(again.wake).toBeNull();
    again.leave();
  });

  test("what is paused, retired or missing is not woken, and says so", async () => {
    const wanted = await makeSleeper();
    const keeper = keep();
    await ground.driver.pause(wanted.id);
    expect(await codeOf(keeper.enter(wanted.id, "direct"))).toBe("NEB357");
    await ground.driver.resume(wanted.id);
    expect(await within(keeper, wanted, (sql) => sql.one("select 1 as one"))).toEqual({ one: 1 });
    await ground.driver.retire(wanted.id);
    const late = await keeper.enter(wanted.id, "direct");
    late.leave(); // its server is not there: it never stood
    expect(await codeOf(keeper.enter(wanted.id, "direct"))).toBe("NEB357");
    expect(await codeOf(keeper.enter("acme.shop.nothing", "direct"))).toBe("NEB347");
  });

  test("a server that died is started for the next one who comes", async () => {
    const wanted = await makeSleeper({ suspendAfterSeconds: 0 });
    const keeper = keep();
    await within(keeper, wanted, (sql) => sql.query("create table kept (a int); insert into kept values (1)"));
    process.kill((await runner.observe(wanted.id))?.pid ?? 0, "SIGKILL");
    await eventually("it is gone", async () => (await runner.observe(wanted.id))?.running === false);
    const entered = await keeper.enter(wanted.id, "direct");
    await new Promise<void>((resolve) => connect(entered.socketPath).once("error", () => resolve()));
    entered.leave();
    expect(await within(keeper, wanted, (sql) => sql.one("select a from kept"))).toEqual({ a: 1 });
  });

  test("nobody waits longer than his patience, and the start goes on", async () => {
    const wanted = await makeSleeper();
    await runner.sleep(wanted.id);
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const slow = { ...runner, wake: async (id: InstanceWanted["id"]) => gate.then(() => runner.wake(id)) };
    const keeper = keep({ runner: slow, patienceMs: 30 });
    const codes = await Promise.all([1, 2, 3].map(() => codeOf(keeper.enter(wanted.id, "direct"))));
    expect(codes).toEqual(["NEB359", "NEB359", "NEB359"]);
    go();
    await becomes(keeper, wanted, "awake");
  });

  test("a server that does not start says why to everybody who waits, and is tried again", async () => {
    const wanted = await makeSleeper();
    await runner.sleep(wanted.id);
    let tries = 0;
    const broken = {
      ...runner,
      wake: async (id: InstanceWanted["id"]) => {
        tries += 1;
        if (tries === 1) throw new Error("no luck");
        return runner.wake(id);
      },
    };
    const keeper = keep({ runner: broken });
    const both = await Promise.allSettled([keeper.enter(wanted.id, "direct"), keeper.enter(wanted.id, "direct")]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    (await keeper.enter(wanted.id, "direct")).leave();
    expect(tries).toBe(2);
  });
});

describe("suspending", () => {
  test("who is idle is frozen, later stopped, and a session survives the freeze", async () => {
    const wanted = await makeSleeper();
    const keeper = keep();
    await keeper.start();
    await within(keeper, wanted, async (sql, entered) => {
      await sql.query("set application_name = 'mine'");
      await becomes(keeper, wanted, "frozen");
      expect(await runner.observe(wanted.id)).toMatchObject({ phase: "Frozen" });
      entered.touch(); // what the relay does with the bytes of the next statement
      expect(await sql.one("select current_setting('application_name') as name")).toEqual({ name: "mine" });
      expect(startsOf(wanted)).toBe(0);
    });
    await becomes(keeper, wanted, "frozen");
    await keeper.close();
    const deep = keep({ suspension: { ...quick, stopAfterFrozenMs: 1 } });
    await deep.start();
    await becomes(deep, wanted, "asleep");
    expect(await runner.observe(wanted.id)).toMatchObject({ phase: "Asleep", running: false });
    expect(await within(deep, wanted, (sql) => sql.one("select 1 as one"))).toEqual({ one: 1 });
  });

  test("little memory stops what is frozen, and what is idle at once", async () => {
    const wanted = await makeSleeper();
    let tight = false;
    const keeper = keep({ pressed: () => tight });
    await keeper.start();
    await becomes(keeper, wanted, "frozen");
    tight = true;
    await becomes(keeper, wanted, "asleep");
    await within(keeper, wanted, (sql) => sql.one("select 1"));
    await becomes(keeper, wanted, "asleep");
    const depths = seen.flatMap((one) =>
      one.kind === "instance.suspended" && one.instance === wanted.id ? [one.depth] : [],
    );
    expect(depths).toEqual(["frozen", "asleep", "asleep"]);
  });

  test("an open transaction, also past the gateway, a hold, or `never` keep it awake", async () => {
    const never = await makeSleeper({ suspendAfterSeconds: 0 });
    const held = await makeSleeper();
    const wanted = await makeSleeper();
    await runner.hold(held.id, 3_600);
    const keeper = keep();
    await keeper.start();
    await becomes(keeper, wanted, "frozen");
    const past = await addressOf(ground.driver, held);
    await within(keeper, wanted, async (sql, entered) => {
      await sql.query("begin");
      await connectOnce(past, async (other) => {
        await other.query("begin");
        await runner.hold(held.id, 0);
        await eventually("both were asked several times", async () => {
          await new Promise((resolve) => setTimeout(resolve, 100));
          return true;
        });
        expect([never, held, wanted].map(({ id }) => keeper.state(id))).toEqual(["awake", "awake", "awake"]);
      });
      entered.touch();
      await sql.query("commit");
    });
    await becomes(keeper, wanted, "frozen");
    await becomes(keeper, held, "frozen");
    expect(keeper.state(never.id)).toBe("awake");
  });

  test("what a client said and no server has answered keeps it awake, however idle its server says it is", async () => {
    const wanted = await makeSleeper();
    const keeper = keep();
    await keeper.start();
    await within(keeper, wanted, async (sql, entered) => {
      await sql.query("select 1");
      entered.touch(); // at once, as a driver does; the bytes still lie in the socket
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(keeper.state(wanted.id)).toBe("awake");
      entered.answered();
      await becomes(keeper, wanted, "frozen");
      entered.touch();
      expect(await sql.one("select 2 as two")).toEqual({ two: 2 });
    });
    await becomes(keeper, wanted, "frozen");
  });

  test("who has a socket and has not yet said that his session stands keeps it awake", async () => {
    const wanted = await makeSleeper();
    const keeper = keep();
    await keeper.start();
    const entered = await keeper.enter(wanted.id, "direct");
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(keeper.state(wanted.id)).toBe("awake");
    expect(entered.confirm()).toBe(true);
    await becomes(keeper, wanted, "frozen");
    entered.leave();
  });

  test("the other way in is shut before its processes stop; somebody on it, or a late caller, calls the suspend off", async () => {
    const wanted = await makeSleeper();
    const asked: (string | undefined)[] = [];
    let late: Promise<Entered> | undefined;
    const keeper = keep({
      vacate: async (id) => {
        if (id !== wanted.id) return true;
        asked.push((await runner.observe(id))?.phase);
        if (asked.length === 1) return false;
        late ??= keeper.enter(id, "pooled"); // comes when the suspend has begun
        return true;
      },
    });
    await keeper.start();
    const entered = await eventually("the late one has come", () => late);
    expect(keeper.state(wanted.id)).toBe("awake");
    expect(entered.wake).toBeNull();
    expect([entered.confirm(), entered.confirm()]).toEqual([true, true]);
    await becomes(keeper, wanted, "frozen");
    expect(entered.confirm()).toBe(false);
    entered.leave();
    expect(new Set(asked)).toEqual(new Set(["Ready"]));
    expect(asked.length).toBeGreaterThanOrEqual(3);
  });
});

describe("what others do", () => {
  test("a keeper that begins takes over what is frozen, asleep and awake; awake ones have their whole time", async () => {
    const [frozen, asleep, awake] = [await makeSleeper(), await makeSleeper(), await makeSleeper()];
    await runner.freeze(frozen.id);
    await runner.sleep(asleep.id);
    const keeper = keep({ suspension: { ...quick, sweepMs: 60_000 } });
    await keeper.start();
    expect([frozen, asleep, awake].map(({ id }) => keeper.state(id))).toEqual(["frozen", "asleep", "awake"]);
    expect(keeper.counts().waking).toBe(0);
    for (const one of [frozen, asleep, awake])
      expect(await within(keeper, one, (sql) => sql.one("select 1 as one"))).toEqual({ one: 1 });
  });

  test("one that somebody else woke is found and suspended again; one that is made later is found too", async () => {
    const wanted = await makeSleeper();
    const keeper = keep({ suspension: { ...quick, lookAroundMs: 50 } });
    await keeper.start();
    await becomes(keeper, wanted, "frozen");
    await ground.driver.ensure(wanted);
    expect(await runner.observe(wanted.id)).toMatchObject({ phase: "Ready" });
    await eventually("it rests again", async () => (await runner.observe(wanted.id))?.phase === "Frozen");
    const later = await makeSleeper();
    await becomes(keeper, later, "frozen");
    await ground.driver.remove(later.id);
    await becomes(keeper, later, "unknown");
  });

  test("one whose folder is there before its gate sleeps when its own gate says", async () => {
    const wanted = await makeSleeper();
    const gate = join(ground.dataDir, "instances", wanted.id, "gate.json");
    renameSync(gate, `${gate}.later`);
    const keeper = keep({ suspension: { ...quick, lookAroundMs: 3_600_000 } });
    await keeper.start();
    renameSync(`${gate}.later`, gate);
    await becomes(keeper, wanted, "frozen");
  });

  test("one that somebody connects to before it was looked at sleeps when its gate says", async () => {
    const wanted = await makeSleeper();
    const gate = join(ground.dataDir, "instances", wanted.id, "gate.json");
    renameSync(gate, `${gate}.later`);
    const keeper = keep({ suspension: { ...quick, lookAroundMs: 3_600_000 } });
    await keeper.start();
    const entered = await keeper.enter(wanted.id, "direct");
    expect(entered.confirm()).toBe(true);
    renameSync(`${gate}.later`, gate);
    entered.leave();
    await becomes(keeper, wanted, "frozen");
  });

  test("after close nobody is let in, and what slept sleeps on", async () => {
    const wanted = await makeSleeper();
    const keeper = keep();
    await keeper.start();
    await becomes(keeper, wanted, "frozen");
    await keeper.close();
    expect(await codeOf(keeper.enter(wanted.id, "direct"))).toBe("NEB360");
    expect(await runner.observe(wanted.id)).toMatchObject({ phase: "Frozen" });
  });

  test("without its key a server is not asked and not suspended", async () => {
    const wanted = await makeSleeper();
    const { dataDir } = (await runner.observe(wanted.id)) ?? { dataDir: "" };
    rmSync(`${dataDir}/admin.key`);
    const keeper = keep();
    await keeper.start();
    await eventually("it says so", () => seen.some((one) => one.kind === "fault" && one.code === "NEB358"));
    expect(keeper.state(wanted.id)).toBe("awake");
    expect(await within(keeper, wanted, (sql) => sql.one("select 1 as one"))).toEqual({ one: 1 });
  });
});
