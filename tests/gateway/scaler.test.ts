/** Sizes of real servers under real load. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { makeScaler, type Scaler } from "../../gateway/scaler/index.ts";
import {
  findGroups,
  type InstanceRunner,
  type InstanceWanted,
  makeLocalRunner,
  noGroups,
} from "../../platform/compute/index.ts";
import type { Observation } from "../../platform/core/index.ts";
import { asTenant, type Ground, makeGround, pgBin, whereIs, wish } from "../compute/ground.ts";
import { eventually } from "../harness/eventually.ts";

const run = promisify(execFile);
const { version, enforces } = await findGroups();
/** Without control groups of ours nothing of this can happen; what is promised there is below. */
const describeEnforced = enforces.cpu
  ? describe
  : (name: string, _body: () => void) => console.log(`left out, ${name}: control groups here: ${version}`);

let ground: Ground;
let runner: InstanceRunner;
const seen: Observation[] = [];
let scaler: Scaler | undefined;
beforeAll(async () => {
  ground = await makeGround({ spares: 0 });
  runner = await makeLocalRunner({ dataDir: ground.dataDir, pgBin: pgBin() });
});
afterEach(async () => {
  await scaler?.close();
  seen.length = 0;
});
afterAll(() => ground?.clear());

/** A second is a tenth, a minute is one and a half. */
const quick = { everyMs: 100, lookEveryMs: 300, askEveryMs: 300, downAfterMs: 1500 };

function scale(...wanted: InstanceWanted[]): Scaler {
  scaler = makeScaler({
    ...{ runner, awake: () => wanted.map(({ id }) => id), observe: (o: Observation) => seen.push(o), pace: quick },
  });
  scaler.start();
  return scaler;
}

async function makeElastic(changes: Partial<InstanceWanted> = {}): Promise<InstanceWanted> {
  const wanted = await wish({ units: 2, minUnits: 0.25, ...changes });
  await ground.driver.ensure(wanted);
  return wanted;
}

const unitsOf = async ({ id }: InstanceWanted) => (await runner.load(id))?.units;
const journalOf = async ({ id }: InstanceWanted) =>
  (await ground.driver.journal(id)).map(({ state, units, resized = false }) => ({ state, units, resized }));

/** As many seconds of statements that do nothing but use the CPU, or until somebody has seen enough. */
async function burn(
  wanted: InstanceWanted,
  { seconds, clients, enough }: { seconds: number; clients: number; enough?: AbortSignal },
): Promise<void> {
  const args = ["-n", "-T", String(seconds), "-c", String(clients), "-j", "2", "-S", "-M", "prepared"];
  const { host } = await whereIs(ground.driver, wanted);
  const where = ["-h", host, "-U", wanted.ownerRole, wanted.databaseName];
  const env = { ...process.env, PGPASSWORD: wanted.ownerPassword.reveal() };
  const options = enough === undefined ? { env } : { env, signal: enough };
  await run(join(pgBin(), "pgbench"), [...args, ...where], options).catch((thrown: unknown) => {
    if (enough?.aborted !== true) throw thrown;
  });
}

const fill = async (wanted: InstanceWanted): Promise<void> => {
  const { host } = await whereIs(ground.driver, wanted);
  const where = ["-h", host, "-U", wanted.ownerRole, wanted.databaseName];
  const env = { ...process.env, PGPASSWORD: wanted.ownerPassword.reveal() };
  await run(join(pgBin(), "pgbench"), ["-i", "-q", "-s", "1", ...where], { env });
};

describeEnforced("where the machine enforces compute units", () => {
  test("a database begins at its min, is held to it, and a load is held up", async () => {
    const wanted = await makeElastic();
    expect(await runner.load(wanted.id)).toMatchObject({ units: 0.25, enforced: true, held: false });
    await runner.resize(wanted.id, 0.25);
    expect(await runner.load(wanted.id)).toMatchObject({ units: 0.25, held: true, minUnits: 0.25, maxUnits: 2 });
    await fill(wanted);
    await burn(wanted, { seconds: 2, clients: 4 });
    const use = await runner.used(wanted.id);
    expect(use?.throttled).toBeGreaterThan(0);
  });

  test("a load raises the units, without a restart or a broken session, and its end lowers them", async () => {
    const wanted = await makeElastic();
    await fill(wanted);
    const pid = (await runner.observe(wanted.id))?.pid;
    scale(wanted);
    await eventually("it is held", async () => (await runner.load(wanted.id))?.held === true);
    const seenIt = new AbortController();
    const burning = burn(wanted, { seconds: 60, clients: 8, enough: seenIt.signal });
    await eventually("it grows", async () => (await unitsOf(wanted)) === 2, { timeoutMs: 50_000 });
    seenIt.abort();
    await burning;
    await eventually("it shrinks", async () => (await unitsOf(wanted)) === 0.25);
    expect((await runner.observe(wanted.id))?.pid).toBe(pid);
    const reasons = seen.flatMap((one) =>
      one.kind === "instance.scaled" ? [`${one.to > one.from}:${one.reason}`] : [],
    );
    expect(reasons[0]).toBe("true:cpu");
    expect(reasons.at(-1)).toBe("false:idle");
    expect(seen.filter(({ kind }) => kind === "fault")).toEqual([]);
    const journal = await journalOf(wanted);
    expect(journal[0]).toEqual({ state: "awake", units: 0.25, resized: false });
    expect(journal.slice(1).every(({ state, resized }) => state === "awake" && resized)).toBe(true);
  }, 120_000);

  test("another size of the declaration holds at the next look, and outside of the bounds there is none", async () => {
    const wanted = await makeElastic();
    scale(wanted);
    await ground.driver.ensure({ ...wanted, minUnits: 1 });
    await eventually("it has its new min", async () => (await unitsOf(wanted)) === 1);
    await scaler?.close();
    await runner.resize(wanted.id, 64);
    expect(await unitsOf(wanted)).toBe(2);
    await runner.resize(wanted.id, 0);
    expect(await unitsOf(wanted)).toBe(1);
  });

  test("who comes back soon finds it as large as he left it; the frozen keep their size", async () => {
    const wanted = await makeElastic();
    await runner.resize(wanted.id, 1.5);
    await runner.freeze(wanted.id);
    expect((await journalOf(wanted)).at(-1)).toMatchObject({ state: "frozen", units: 1.5 });
    await runner.wake(wanted.id);
    expect(await unitsOf(wanted)).toBe(1.5);
    await runner.sleep(wanted.id);
    await runner.wake(wanted.id);
    expect(await runner.load(wanted.id)).toMatchObject({ units: 1.5, held: false });
    expect((await journalOf(wanted)).at(-1)).toEqual({ state: "awake", units: 1.5, resized: false });
  });

  test("a server that came back outside of its group is put into it", async () => {
    const wanted = await makeElastic();
    scale(wanted);
    await eventually("it is held", async () => (await runner.load(wanted.id))?.held === true);
    process.kill((await runner.observe(wanted.id))?.pid ?? 0, "SIGKILL");
    await ground.driver.start(wanted.id);
    await eventually("it is held again", async () => (await runner.load(wanted.id))?.held === true);
  });

  test("nothing is left of one that is stopped", async () => {
    const wanted = await makeElastic();
    await runner.resize(wanted.id, 1);
    expect(await runner.used(wanted.id)).toBeDefined();
    await runner.sleep(wanted.id);
    expect(await runner.used(wanted.id)).toBeUndefined();
    expect(await runner.load(wanted.id)).toBeUndefined();
  });
});

test("the settings that need a restart are those of the max", async () => {
  const wanted = await makeElastic();
  expect(await asTenant(ground.driver, wanted, (sql) => sql.one("show shared_buffers"))).toEqual({
    shared_buffers: "128MB",
  });
  const again = await ground.driver.ensure({ ...wanted, minUnits: 0.5 });
  expect(again).toMatchObject({ restarted: [], changed: ["minUnits: 0.25 to 0.5"] });
});

test("where the machine enforces none a database has its max, and the journal says so", async () => {
  const other = await makeGround({ spares: 0, groups: noGroups });
  try {
    const wanted = await wish({ units: 2, minUnits: 0.25 });
    await other.driver.ensure(wanted);
    await other.driver.resize(wanted.id, 0.25);
    expect(await other.driver.load(wanted.id)).toMatchObject({ units: 2, enforced: false, held: false });
    expect(await other.driver.journal(wanted.id)).toMatchObject([{ state: "awake", units: 2 }]);
  } finally {
    await other.clear();
  }
});
