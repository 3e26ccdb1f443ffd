/** The port of what portals remember for each other: the ledger, and a real Redis. One suite for both. */
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { redisTool } from "../../launcher/index.ts";
import { ignoreObservations, Secret } from "../../platform/core/index.ts";
import { forgetMetrics } from "../../platform/store/index.ts";
import type { Sample } from "../../platform/telemetry/index.ts";
import { inPostgres, inRedis, type SecondLayer } from "../../portal/metrics/index.ts";
import { eventually } from "../harness/eventually.ts";
import { freePort } from "../harness/ports.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { type RedisServer, startRedis } from "../harness/redis-server.ts";
import { openTool } from "./tools.ts";

const tool = await openTool(redisTool);

let ledger: TestDatabase;
let redis: RedisServer | undefined;
beforeAll(async () => {
  ledger = await testDatabase();
  if (tool.isThere) redis = await startRedis(tool.found());
});
afterAll(async () => {
  await ledger?.close();
  await redis?.close();
});

const seen = (connections: number): Sample => ({
  ...{
    state: "awake",
    atMs: 1_700_000_000_000,
    startedAtMs: null,
    values: { connections },
    rates: { operations: 0.25 },
  },
});

const ports = {
  postgres: { open: async (): Promise<SecondLayer> => inPostgres(ledger.sql), it: test },
  redis: { open: () => inRedis(redis?.url ?? new Secret(""), ignoreObservations), it: tool.it },
};

describe.each(Object.entries(ports))("%s", (name, { open, it }) => {
  /** Connected: one that is not remembers nothing. */
  const opened = async (): Promise<SecondLayer> => {
    const layer = await open();
    await eventually("the layer takes something", async () => {
      await layer.put(`${name}.warm.up`, seen(0), 60_000);
      return true;
    });
    return layer;
  };

  it("gives back what was put, with its age, to another portal too", async () => {
    const [one, other] = [await opened(), await opened()];
    await one.put("shop.store.orders", seen(3), 60_000);
    const kept = await other.get("shop.store.orders");
    expect(kept?.sample).toEqual(seen(3));
    expect(kept?.ageMs).toBeGreaterThanOrEqual(0);
    expect(kept?.ageMs).toBeLessThan(60_000);
    await Promise.all([one.close(), other.close()]);
  });

  it("knows nothing that nobody put, and the newest of what was put twice", async () => {
    const layer = await opened();
    expect(await layer.get("shop.store.nobody")).toBeUndefined();
    await layer.put("shop.store.twice", seen(1), 60_000);
    await layer.put("shop.store.twice", seen(2), 60_000);
    expect((await layer.get("shop.store.twice"))?.sample.values.connections).toBe(2);
    await layer.close();
  });

  it("forgets what its time is over for", async () => {
    const layer = await opened();
    await layer.put("shop.store.brief", seen(1), 1);
    await eventually("it is forgotten", async () => (await layer.get("shop.store.brief")) === undefined);
    await layer.close();
  });

  it("grows older", async () => {
    const layer = await opened();
    await layer.put("shop.store.aging", seen(1), 60_000);
    const first = (await layer.get("shop.store.aging"))?.ageMs ?? Number.NaN;
    await eventually("it is older", async () => ((await layer.get("shop.store.aging"))?.ageMs ?? 0) > first);
    await layer.close();
  });
});

test("rows of the ledger whose time is over are cleared away", async () => {
  const layer = inPostgres(ledger.sql);
  await layer.put("shop.store.cleared", seen(1), 1);
  await eventually("it is cleared", async () => (await forgetMetrics(ledger.sql)) > 0);
  expect(await layer.get("shop.store.cleared")).toBeUndefined();
});

test("looks at databases that are not there any more are cleared away with them", async () => {
  await ledger.sql.query("insert into database_samples (instance, state) values ('shop.store.gone', 'asleep')");
  await forgetMetrics(ledger.sql);
  expect(await ledger.sql.query("select from database_samples")).toEqual([]);
});

test.each(["redis//x:a-password@host", "http://x:a-password@host", "a-password"])(
  "an address that is no Redis's is refused, and not said again, for it may hold a password",
  async (url) => {
    const refused = await inRedis(new Secret(url), ignoreObservations).catch((thrown: unknown) => thrown);
    expect(refused).toMatchObject({ code: "NEB901" });
    expect(inspect(refused, { depth: 9, showHidden: true })).not.toContain("a-password");
  },
);

test("a Redis that is not there fails soon, starts nothing late, and can be closed", async () => {
  const layer = await inRedis(new Secret(`redis://127.0.0.1:${await freePort()}`), ignoreObservations);
  await expect(layer.get("shop.store.orders")).rejects.toThrow();
  await expect(layer.put("shop.store.orders", seen(1), 1000)).rejects.toThrow();
  await layer.close();
});
