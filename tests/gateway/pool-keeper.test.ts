/** The pooled endpoint with the keeper that it has in production: who sleeps, who wakes, and the race between the two. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Keeper, makeKeeper } from "../../gateway/keeper/index.ts";
import type { PooledEndpoint } from "../../gateway/pool/index.ts";
import { type InstanceWanted, makeLocalRunner } from "../../platform/compute/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { type Ground, pgBin } from "../compute/ground.ts";
import { eventually } from "../harness/eventually.ts";
import { randomFrom } from "../harness/random.ts";
import { makePoolGround, type PoolGround } from "./pool-ground.ts";

let it: PoolGround;
let keeper: Keeper;
/** Told of each vacated instance, in the turn in which it is. */
const watchers = new Map<DatabaseId, () => void>();

beforeAll(async () => {
  const made = Promise.withResolvers<Keeper>();
  const late = { enter: async (id: DatabaseId, why: "pooled") => (await made.promise).enter(id, why) };
  const open = async (ground: Ground, pool: () => PooledEndpoint | undefined) => {
    keeper = makeKeeper({
      ...{ dataDir: ground.dataDir, runner: await makeLocalRunner({ dataDir: ground.dataDir, pgBin: pgBin() }) },
      ...{ pressed: () => false, suspension: { sweepMs: 5, stopAfterFrozenMs: 300, lookAroundMs: 200 } },
      async vacate(id) {
        const empty = (await pool()?.vacate(id)) ?? true;
        if (empty) watchers.get(id)?.();
        return empty;
      },
    });
    await keeper.start();
    made.resolve(keeper);
  };
  let opening: Promise<void> | undefined;
  it = await makePoolGround({
    serverIdleSeconds: 0.05,
    keeper: (ground, pool) => {
      opening ??= open(ground, pool);
      return late;
    },
  });
  await opening;
});
afterAll(async () => {
  await keeper?.close();
  await it?.clear();
});

const add = () => it.add({ suspendAfterSeconds: 0.05 });
const rests = ({ id }: InstanceWanted) =>
  eventually("it rests", () => ["frozen", "asleep"].includes(keeper.state(id)), { timeoutMs: 20_000, everyMs: 5 });

test("a pooled client stays connected over freezes and stops, and its next statement is answered", async () => {
  const wanted = await add();
  const client = await it.connect(wanted);
  await client.query("create table seen (round int)");
  for (let round = 0; round < 6; round++) {
    await rests(wanted);
    if (round % 2 === 1) await eventually("it is stopped", () => keeper.state(wanted.id) === "asleep", { everyMs: 5 });
    await client.query({ name: "see", text: "insert into seen values ($1)", values: [round] });
  }
  expect((await client.query("select count(*)::int as rounds from seen")).rows).toEqual([{ rounds: 6 }]);
});

test("a long statement and an open transaction keep their database awake", async () => {
  const wanted = await add();
  const client = await it.connect(wanted);
  const slow = client.query("select pg_sleep(1.5)");
  await sleep(700);
  expect(keeper.state(wanted.id)).toBe("awake");
  await slow;
  await client.query("begin");
  await client.query("select 1");
  await sleep(700);
  expect(keeper.state(wanted.id)).toBe("awake");
  await client.query("commit");
  await rests(wanted);
});

test("no session is lost when it begins in the moment of a suspend", async () => {
  const random = randomFrom(Number(process.env.NEBULA_SEED ?? 20_261_121));
  const trials = process.env.NEBULA_SCALE === "large" ? 500 : 12;
  const lanes = await Promise.all(Array.from({ length: 4 }, add));
  const lost: string[] = [];
  const lane = async (wanted: InstanceWanted) => {
    for (let trial = 0; trial < trials; trial++) {
      const vacated = new Promise<void>((resolve) => watchers.set(wanted.id, resolve));
      // right after the door was closed, or at any time before
      if (trial % 3 === 0) await sleep(random.int(0, 600));
      else await vacated.then(() => sleep(random.int(0, 15)));
      const answer = await it
        .connect(wanted)
        .then(async (client) => {
          const { rows } = await client.query("select 1 as one");
          await client.end();
          return rows[0].one;
        })
        .catch((thrown) => String(thrown));
      if (answer !== 1) lost.push(`trial ${trial} of ${wanted.id}: ${answer}`);
    }
    watchers.delete(wanted.id);
  };
  await Promise.all(lanes.map(lane));
  expect(lost).toEqual([]);
}, 600_000);
