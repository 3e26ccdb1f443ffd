/** Who is looked at, and who sleeps, over instances that only keep state: nothing runs. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type InstanceRunner, makeStateDriver } from "../../platform/compute/index.ts";
import { Secret } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { ledgerUnavailable } from "../../platform/sql/index.ts";
import { type Keeper, type KeeperOptions, makeKeeper } from "./keeper.ts";

const id = "acme.shop.orders" as DatabaseId;
const limits = { connections: 10, connectionsPerSecond: 10, idleSeconds: 0 };

let dataDir: string;
let runner: InstanceRunner;
let keeper: Keeper | undefined;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "nebula-sweep-"));
  const driver = makeStateDriver({ dataDir });
  runner = driver;
  await driver.ensure({
    ...{ id, version: "18", units: 1, databaseName: "orders", ownerRole: "orders", ownerPassword: new Secret("x") },
    ...{ roles: [], extensions: [], allowFrom: [], storageBytes: 1, tags: {}, suspendAfterSeconds: 0.01 },
    limits: { ...limits, idleInTransactionSeconds: 0, statementSeconds: 0 },
  });
  await mkdir(join(dataDir, "instances", id), { recursive: true });
  await writeGate(0.01);
});
afterEach(async () => {
  await keeper?.close();
  await rm(dataDir, { recursive: true, force: true });
});

const writeGate = (suspendAfterSeconds: number) =>
  writeFile(join(dataDir, "instances", id, "gate.json"), JSON.stringify({ format: 1, id, suspendAfterSeconds }));

vi.setConfig({ testTimeout: 120_000 });

/** Its next round over all is an hour away: what is seen before was looked at for a reason of its own. */
async function keep(changes: Partial<InstanceRunner>, options: Partial<KeeperOptions> = {}): Promise<Keeper> {
  const made = makeKeeper({
    ...{ dataDir, runner: { ...runner, ...changes }, pressed: () => false },
    suspension: { sweepMs: 5, stopAfterFrozenMs: 0, lookAroundMs: 3_600_000 },
    ...options,
  });
  keeper = made;
  await made.start();
  return made;
}

const patience = { timeout: 60_000, interval: 5 };
const sleeps = (of: Keeper) => vi.waitFor(() => expect(of.state(id)).toBe("asleep"), patience);

test("one that was starting when it was looked at sleeps when its gate says", async () => {
  let looks = 0;
  const observe: InstanceRunner["observe"] = async (of) => {
    const seen = await runner.observe(of);
    looks += 1;
    return seen && looks === 1 ? { ...seen, phase: "Starting" } : seen;
  };
  await sleeps(await keep({ observe }));
});

test("one whose wake failed though it runs sleeps when its gate says", async () => {
  const kept = await keep(
    { wake: () => Promise.reject(ledgerUnavailable("no luck")) },
    { suspension: { sweepMs: 50, stopAfterFrozenMs: 0, lookAroundMs: 3_600_000 } },
  );
  await kept.enter(id, "api").catch(() => undefined);
  await sleeps(kept);
});

test("one alone is looked at once a round, not every other", async () => {
  let nowMs = 0;
  let looks = 0;
  const clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: () => new Promise<void>((go) => setTimeout(go, 1)),
  };
  const observe: InstanceRunner["observe"] = async (of) => {
    looks += 1;
    return runner.observe(of);
  };
  await writeGate(0); // one that is being suspended is not looked at meanwhile
  await keep({ observe }, { clock, suspension: { sweepMs: 1, stopAfterFrozenMs: 0, lookAroundMs: 1_000 } });
  const before = looks;
  for (let round = 1; round <= 3; round++) {
    nowMs += 1_001;
    await vi.waitFor(() => expect(looks).toBe(before + round), patience);
  }
});

test("one that is being stopped is awake until it is not, but not steady: who listens does not come to it", async () => {
  let stop: () => void = () => undefined;
  const stopping = new Promise<void>((resolve) => {
    stop = resolve;
  });
  let isStopping = false;
  const kept = await keep({
    async sleep(of, unless) {
      isStopping = true;
      await stopping;
      return runner.sleep(of, unless);
    },
  });
  await vi.waitFor(() => expect(isStopping).toBe(true), patience);
  expect([kept.awake(), kept.isSteady(id)]).toEqual([[id], false]);
  stop();
  await sleeps(kept);
  expect(kept.isSteady(id)).toBe(false);
});
