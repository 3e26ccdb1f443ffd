/** Figures of a database over the API: from memory, from a look, as last seen, and never another tenant's. */
import { request } from "node:http";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Secret, systemClock } from "../../platform/core/index.ts";
import { type KeptReplica, keepReplica, putDatabaseSamples } from "../../platform/store/index.ts";
import { metricsWord, type Sample } from "../../platform/telemetry/index.ts";
import { makeSource } from "../../portal/metrics/index.ts";
import { toRow } from "../../reconciler/metrics/index.ts";
import { type Ground, makeGround, wish } from "../compute/ground.ts";
import { startPortal, type TestPortal, testVault } from "../portal/harness.ts";
import { type Collector, startCollector } from "./collector.ts";
import { declare, deploy, partsOf } from "./ground.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let portal: TestPortal;
let ground: Ground;
beforeAll(async () => {
  [portal, ground] = await Promise.all([
    startPortal({ rules: "metrics-user=40,metrics-database=100000" }),
    makeGround({ spares: 0 }),
  ]);
});
afterAll(async () => {
  await portal?.close();
  await ground?.clear();
});

const open = (async () => undefined) satisfies () => Promise<undefined>;
let collector: Collector | undefined;
let replica: KeptReplica | undefined;
/** A reconciler that beats and can look; `word`: what it takes for ours. */
async function withReconciler(word: Secret = testVault.derive(metricsWord)): Promise<Collector> {
  collector = await startCollector({ ...partsOf(portal.sql, ground), gateway: null, word, clock: systemClock }, open);
  const beat = { sql: portal.sql, observe: () => undefined, kind: "reconciler", version: "0" } as const;
  replica = await keepReplica({ ...beat, address: collector.address, id: `reconciler-${collector.address}` });
  return collector;
}
afterEach(async () => {
  await replica?.close();
  await collector?.close();
  [replica, collector] = [undefined, undefined];
});

const seen = (connections: number): Sample => ({
  ...{ state: "asleep", atMs: Date.now() - 5000, startedAtMs: 1, values: { connections }, rates: {} },
});

let caller = 0;
/** Somebody who has asked nothing yet: limits are counted by user. */
const viewer = async (tenant = "acme", role: "viewer" | "billing-viewer" = "viewer") =>
  portal.as(await portal.tokenFor(role, tenant, null, `user-${++caller}`));

const pathOf = (id: string): string => {
  const [tenant, project, database] = id.split(".");
  return `/api/v1/domain/${tenant}/project/${project}/databases/${database}/figures`;
};

describe("a database that runs", () => {
  let id: `${string}.${string}.${string}`;
  beforeEach(async () => {
    const wanted = await wish();
    await deploy(portal.sql, ground, wanted);
    id = wanted.id;
  });

  it("is looked at for who asks first, and remembered for who asks next", async () => {
    const { asked } = await withReconciler();
    const someone = await viewer();
    const first = await someone.get(pathOf(id));
    expect(first.status).toBe(200);
    expect(first.body).toMatchObject({ state: "awake", layer: "source", figures: { connections: 0 }, rates: {} });
    expect(first.body.figures.operations).toBeGreaterThan(0);
    expect(Date.parse(first.body.sampledAt)).toBeLessThanOrEqual(Date.now());
    expect(first.headers.get("cache-control")).toBe("private, max-age=5");
    const others = await Promise.all(Array.from({ length: 20 }, () => someone.get(pathOf(id))));
    for (const { body } of others) {
      expect(["l1", "l2"]).toContain(body.layer);
      expect(body.sampledAt).toBe(first.body.sampledAt);
    }
    expect(asked.filter((path) => path.includes(id))).toHaveLength(1);
  });

  it("that sleeps is not woken by who asks", async () => {
    await withReconciler();
    const someone = await viewer();
    await ground.driver.sleep(id);
    const { body } = await someone.get(pathOf(id));
    expect(body).toMatchObject({ state: "asleep", sampledAt: null, figures: {} });
    expect((await ground.driver.observe(id))?.phase).toBe("Asleep");
  });

  it("is as last seen while no reconciler is there, and unknown before anybody has looked", async () => {
    const someone = await viewer();
    expect(await someone.get(pathOf(id))).toMatchObject({ status: 503, body: { code: "NEB472" } });
    await putDatabaseSamples(portal.sql, [toRow(id, seen(3))]);
    expect((await someone.get(pathOf(id))).body).toMatchObject({
      layer: "stale",
      state: "asleep",
      figures: { connections: 3 },
    });
  });

  it("is not looked at by a reconciler that takes another word: nothing of it is believed", async () => {
    const { asked } = await withReconciler(new Secret("somebody else's"));
    const someone = await viewer();
    expect((await someone.get(pathOf(id))).body.code).toBe("NEB472");
    expect(asked.some((path) => path.includes(id))).toBe(true);
    const refused = await fetch(`${collector?.address}/databases/${id}/sample`);
    expect(refused.status).toBe(401);
    expect((await refused.json()) as object).toMatchObject({ code: "NEB470" });
  });
});

it("a database that is not there has no figures, with a reconciler and without", async () => {
  const someone = await viewer("shop");
  expect(await someone.get(pathOf("shop.store.nobody"))).toMatchObject({ status: 404, body: { code: "NEB473" } });
  await withReconciler();
  expect(await someone.get(pathOf("shop.store.nobody"))).toMatchObject({ status: 404, body: { code: "NEB473" } });
});

it("of another tenant's database there is nothing to see, and a role without databases:read is refused", async () => {
  await declare(portal.sql, "shop.store.orders");
  await putDatabaseSamples(portal.sql, [toRow("shop.store.orders", seen(3))]);
  expect(await (await viewer("bank")).get(pathOf("shop.store.orders"))).toMatchObject({
    status: 404,
    body: { code: "NEB602" },
  });
  expect(await (await viewer("shop", "billing-viewer")).get(pathOf("shop.store.orders"))).toMatchObject({
    status: 403,
    body: { code: "NEB662" },
  });
});

it("who asks more often than the limit of users is told to wait, also when all of it came from memory", async () => {
  await declare(portal.sql, "shop.store.busy");
  await putDatabaseSamples(portal.sql, [toRow("shop.store.busy", seen(3))]);
  const someone = await viewer("shop");
  // more than a minute's worth: however slow the machine is, some come too often
  const answers = await Promise.all(Array.from({ length: 150 }, () => someone.get(pathOf("shop.store.busy"))));
  const refused = answers.filter(({ status }) => status === 429);
  expect(answers.filter(({ status }) => status === 200).length + refused.length).toBe(150);
  expect(refused.length).toBeGreaterThanOrEqual(5);
  expect(Number(refused[0]?.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await (await viewer("shop")).get(pathOf("shop.store.busy"))).status).toBe(200);
});

describe("reconcilers that take long", () => {
  it("are asked one after the other, and not all of them when all of them hang", async () => {
    await declare(portal.sql, "shop.store.slow");
    const asked: string[] = [];
    const hanging = (url: string | URL | Request, { signal }: RequestInit = {}) => {
      asked.push(String(url));
      return new Promise<Response>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
    };
    const beats = await Promise.all(
      Array.from({ length: 9 }, (_, n) => {
        const beat = { sql: portal.sql, observe: () => undefined, kind: "reconciler", version: "0" } as const;
        return keepReplica({ ...beat, address: `http://127.0.0.${n + 1}:9`, id: `hanging-${n}` });
      }),
    );
    const source = makeSource({
      ...{ sql: portal.sql, word: new Secret("word"), fetch: hanging as typeof fetch },
      ...{ timeoutMs: 300, patienceMs: 500 },
    });
    await expect(source.look("shop.store.slow")).rejects.toMatchObject({ code: "NEB472" });
    expect(asked.length).toBeGreaterThanOrEqual(1);
    expect(asked.length).toBeLessThanOrEqual(3);
    await Promise.all(beats.map((beat) => beat.close()));
  });

  it("look once for all who ask meanwhile, and at a few databases at a time", async () => {
    const ids = Array.from({ length: 20 }, (_, n) => `shop.many.db${n}` as const);
    for (const id of ids) await declare(portal.sql, id);
    let [now, most, looks] = [0, 0, 0];
    const parts = partsOf(portal.sql, ground);
    const word = testVault.derive(metricsWord);
    const slow = {
      ...parts.driver,
      async observe() {
        looks += 1;
        most = Math.max(most, ++now);
        await new Promise((resolve) => setTimeout(resolve, 50));
        now -= 1;
        return undefined;
      },
    };
    collector = await startCollector({ ...parts, driver: slow, gateway: null, word, clock: systemClock }, open);
    const { address } = collector;
    const headers = { authorization: `Bearer ${word.reveal()}` };
    const ask = async (id: string) => (await fetch(`${address}/databases/${id}/sample`, { headers })).status;
    expect(new Set(await Promise.all(ids.map(ask)))).toEqual(new Set([200]));
    expect(looks).toBe(20);
    expect(most).toBeLessThanOrEqual(8);
    expect(most).toBeGreaterThan(1);
  });
});

it("a path that is none is not found, and no fault", async () => {
  const { address } = await withReconciler();
  const { hostname, port } = new URL(address);
  const statusOf = (path: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      request({ hostname, port, path }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
  for (const path of ["//", "//[", "/databases/%00/sample", "/databases/../sample", "/metrics/databases/x", "http://["])
    expect(await statusOf(path), path).toBe(404);
  for (const id of ["%00", "')%20or%20true--", "", "a".repeat(200)])
    expect(await statusOf(`/metrics/databases?database=${id}`), id).toBe(404);
  expect(await statusOf("/metrics/databases?database=shop.store.nobody")).toBe(200);
});
