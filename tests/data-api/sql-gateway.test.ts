/** The gateway as it runs: its process, its keeper, a database that sleeps. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { stopPgBouncer } from "../../gateway/pool/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { type Ground, makeGround, wish } from "../compute/ground.ts";
import { type GatewayProcess, startGateway } from "../gateway/gateway-process.ts";
import { eventually } from "../harness/eventually.ts";
import { freePort } from "../harness/ports.ts";
import { deployShop } from "../portal/deployed.ts";
import { type Caller, startPortal, type TestPortal } from "../portal/harness.ts";
import { sqlPath } from "./sql-portal-ground.ts";

let ground: Ground;
let gateway: GatewayProcess;
let portal: TestPortal;
let ada: Caller;
beforeAll(async () => {
  ground = await makeGround({ spares: 0 });
  await ground.driver.ensure(await wish({ id: "shop.store.orders" as DatabaseId, suspendAfterSeconds: 1 }));
  const port = await freePort();
  gateway = await startGateway(ground.dataDir, { NEBULA_PORTAL_URL: `http://127.0.0.1:${port}` });
  portal = await startPortal({ port, gateway: { apiUrl: `http://127.0.0.1:${gateway.api}` } });
  await deployShop(portal.sql, ["orders"]);
  ada = portal.as(await portal.tokenFor("project-admin"));
}, 240_000);
afterAll(async () => {
  await portal?.close();
  await gateway?.stop();
  await stopPgBouncer(ground.dataDir); // it outlives its gateway
  await ground?.clear();
});

const run = async (sql: string, rest: object = {}) =>
  (await ada.send("POST", sqlPath(), { sql, timeoutMs: 200_000, ...rest })).body as { status: string };

test("a database that sleeps wakes for a statement, sleeps again after it, and not while one runs", {
  timeout: 240_000,
}, async () => {
  const rests = async () => /instances_by_state\{[^}]*state="(frozen|asleep)"[^}]*\} 1/.test(await gateway.metrics());
  expect(await run("create table t (a int)", { mode: "write" })).toMatchObject({ status: "done" });
  for (let round = 0; round < 2; round++) {
    await eventually("it rests", rests, { timeoutMs: 30_000 });
    expect(await run("select a from t")).toMatchObject({
      status: "done",
      wokeMs: expect.any(Number),
      results: [{ rows: [] }],
    });
  }
  expect(await run("select pg_sleep(4)")).toMatchObject({ status: "done" });
});

test("a gateway that stops cancels what runs and says so", { timeout: 240_000 }, async () => {
  const running = run("select pg_sleep(603)");
  const look = { remember: false };
  await eventually("it runs", async () => {
    const answer = await run("select count(*) from pg_stat_activity where query = 'select pg_sleep(603)'", look);
    return (answer as unknown as { results: { rows: string[][] }[] }).results[0]?.rows[0]?.[0] === "1";
  });
  await gateway.stop();
  expect(await running).toMatchObject({ status: "cancelled" });
  expect(await run("select 1")).toMatchObject({ code: "NEB789" });
});
