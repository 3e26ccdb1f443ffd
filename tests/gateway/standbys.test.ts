/** Standbys behind the gateway's process: the read-only endpoint, what is measured of them, and a primary that is lost. */
import { renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endpointName } from "../../gateway/wire/index.ts";
import { type InstanceRunner, type InstanceWanted, makeLocalRunner } from "../../platform/compute/index.ts";
import { type Ground, makeGround, pgBin, wish } from "../compute/ground.ts";
import { countedBy } from "../compute/replicated.ts";
import { codeOf } from "../harness/code-of.ts";
import { eventually } from "../harness/eventually.ts";
import { type GatewayProcess, startGateway } from "./gateway-process.ts";
import { type Login, makeLogin, withClient } from "./node-client.ts";

const password = "owner's pass/word ü";
let ground: Ground;
let gateway: GatewayProcess;
let runner: InstanceRunner;
beforeAll(async () => {
  ground = await makeGround({ spares: 0 });
  runner = await makeLocalRunner({ dataDir: ground.dataDir, pgBin: pgBin() });
  gateway = await startGateway(ground.dataDir, { NEBULA_PGBOUNCER_BIN: "" });
});
afterAll(async () => {
  await gateway?.stop();
  await ground?.clear();
});

const loginTo = (wanted: InstanceWanted) => makeLogin({ port: gateway.direct, wanted }, password);
const first = (login: Login, text: string) =>
  withClient(login, async (client) => Object.values((await client.query(text)).rows[0] ?? {})[0]);

async function make(changes: Partial<InstanceWanted> = {}): Promise<InstanceWanted> {
  const wanted = await wish({ replicas: 1, synchronous: true, suspendAfterSeconds: 0, ...changes });
  await ground.driver.ensure(wanted);
  return wanted;
}

test("who asks for `@ro` reads from the standbys, one after the other, and writes nothing", async () => {
  const wanted = await make({ replicas: 2 });
  const login = loginTo(wanted);
  const database = `${wanted.id}@ro`;
  await countedBy(runner, wanted);
  await first(login(), "create table kept as select 7 as id");
  expect(await eventually("it follows", () => first(login({ database }), "select id from kept"))).toBe(7);
  const served = new Set<unknown>();
  await eventually("both serve", async () => {
    served.add(await first(login({ database }), "show cluster_name"));
    return served.size === 2;
  });
  expect([...served].map((name) => String(name).split("~")[1]).sort()).toEqual(["nebula_s1", "nebula_s2"]);
  expect(await codeOf(first(login({ database }), "insert into kept values (8)"))).toBe("25006");
  const options = `endpoint=${endpointName(wanted.id)}@ro`;
  const byOptions = login({ database: wanted.databaseName, options } as Partial<Login>);
  expect(await first(byOptions, "select pg_is_in_recovery()")).toBe(true);
  expect(await first(login(), "select pg_is_in_recovery()")).toBe(false);
  const text = await eventually("they are measured", async () => {
    const metrics = await gateway.metrics();
    return metrics.includes("nebuladb_standby_lag_bytes{") ? metrics : undefined;
  });
  const [tenant, project, name] = wanted.id.split(".");
  const labels = `tenant="${tenant}",project="${project}",database="${name}"`;
  for (const standby of [1, 2])
    expect(text).toMatch(new RegExp(`^nebuladb_standby_streaming{.*${labels},standby="${standby}".*} 1$`, "m"));
});

test("a database without standbys says so", async () => {
  const wanted = await make({ replicas: 0, synchronous: false });
  const database = `${wanted.id}@ro`;
  expect(await codeOf(first(loginTo(wanted)({ database }), "select 1"))).toBe("57P03");
});

test("one that sleeps is woken by who reads, and its standby with it", async () => {
  const wanted = await make({ suspendAfterSeconds: 3 });
  await eventually("it sleeps", async () => (await runner.observe(wanted.id))?.phase === "Asleep", {
    timeoutMs: 60_000,
  });
  const database = `${wanted.id}@ro`;
  const reads = () => first(loginTo(wanted)({ database }), "select pg_is_in_recovery()");
  expect(await eventually("a standby serves", reads, { timeoutMs: 30_000 })).toBe(true);
});

test("clients find the database where it was after its primary is lost, and everything that they were told is there", async () => {
  const wanted = await make();
  const login = loginTo(wanted);
  await countedBy(runner, wanted);
  await first(login(), "create table kept as select 1 as id");
  await withClient(login(), async (client) => {
    await client.query("insert into kept values (2)");
    await runner.depose(wanted.id);
    renameSync(join(ground.dataDir, "instances", wanted.id, "pgdata"), join(ground.dataDir, "lost"));
    expect(await codeOf(client.query("select 1"))).not.toBe("no error");
  });
  const rows = () => first(login(), "select array_agg(id order by id) from kept");
  expect(await eventually("it serves", rows, { timeoutMs: 60_000 })).toEqual([1, 2]);
  const [standby] = await countedBy(runner, wanted);
  expect(standby?.epoch).toBeGreaterThan(0);
  expect(gateway.log().some(({ kind, instance }) => kind === "instance.failed_over" && instance === wanted.id)).toBe(
    true,
  );
});
