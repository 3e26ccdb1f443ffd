/** The whole way of a webhook: a declaration's text, its evaluation, a deployment by Pulumi, the gateway's process, a receiver. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeEvaluator } from "../../platform/evaluate/index.ts";
import type { DatabaseId, ProjectSpec } from "../../platform/spec/index.ts";
import { connectionUrl, connectOnce, type Sql } from "../../platform/sql/index.ts";
import { getCredential, putSecret } from "../../platform/store/index.ts";
import { makeStand, type Stand } from "../deploy/stand.ts";
import { database, projectFile } from "../evaluate/repository.ts";
import { type GatewayProcess, startGateway } from "../gateway/gateway-process.ts";
import { eventually } from "../harness/eventually.ts";
import { hookSecret, makeReceiver, type Receiver } from "./changes-ground.ts";

let stand: Stand;
let receiver: Receiver;
let gateway: GatewayProcess | undefined;
beforeAll(async () => {
  [stand, receiver] = await Promise.all([makeStand(), makeReceiver()]);
  await (await stand.deployer()).start();
}, 240_000);
afterAll(async () => {
  await gateway?.stop();
  await stand?.close();
  await receiver?.close();
});

async function evaluated(options: string): Promise<ProjectSpec> {
  const folder = `tenants/${stand.tenant}/shop`;
  const text = database("orders", options).replace("{ Postgres }", "{ Postgres, secret }");
  const evaluator = makeEvaluator();
  try {
    const files = new Map([
      [`${folder}/project.ts`, projectFile],
      [`${folder}/orders.ts`, text],
    ]);
    const answer = await evaluator.project(files, stand.tenant, "shop");
    if (answer.kind !== "ok") throw new Error(JSON.stringify(answer.problems));
    return answer.spec;
  } finally {
    await evaluator.close();
  }
}

async function deploy(spec: ProjectSpec): Promise<void> {
  expect(await stand.ended((await stand.want(spec)).id, 180_000)).toMatchObject({ state: "COMPLETED" });
}

async function asOwner<T>(body: (sql: Sql) => Promise<T>): Promise<T> {
  const id = `${stand.tenant}.shop.orders` as DatabaseId;
  const seen = await stand.driver.observe(id);
  const password = await getCredential(stand.sql, stand.vault, id, "orders_owner");
  if (seen === undefined || password === undefined) throw new Error("orders is not there");
  const { host, socketPort: port, databaseName, ownerRole: user } = seen;
  return connectOnce(connectionUrl({ host, port, user, password, database: databaseName }), body);
}

test("what is declared is deployed, taken down, signed and told; what is declared no more is not", async () => {
  await putSecret(stand.sql, stand.vault, stand.tenant, "hook", hookSecret);
  const declared = `version: "18", api: { webhooks: [{ table: "orders", url: "${receiver.url}", secret: secret("hook") }] }`;
  await deploy(await evaluated(declared));
  gateway = await startGateway(stand.dataDir, { NEBULA_PRIVATE_HOSTS: `127.0.0.1:${receiver.port}` });
  await asOwner(async (sql) => {
    await sql.query("create table orders (id int primary key, note text)");
    await sql.query("insert into orders values (1, 'first')");
  });
  await eventually("it was told", () => receiver.messages.length > 0, { timeoutMs: 120_000 });
  const [message] = receiver.messages;
  expect(message).toMatchObject({
    signed: true,
    type: "public.orders.insert",
    data: { key: { id: 1 }, record: { id: 1, note: "first" }, old: null },
  });
  const delivered = /webhook_attempt_duration_seconds_count\{[^}]*outcome="delivered"[^}]*\} [1-9]/;
  await eventually("it is counted", async () => delivered.test((await gateway?.metrics()) ?? ""), {
    timeoutMs: 60_000,
  });
  const log = JSON.stringify(gateway.log());
  expect(log).toContain("webhook.tried");
  expect(log).not.toContain(hookSecret.reveal().slice("whsec_".length));

  await deploy(await evaluated('version: "18", api: {}'));
  await asOwner((sql) => sql.query("insert into orders values (2, 'after')"));
  const left = await asOwner((sql) =>
    sql.one<{ there: number }>("select (select count(*) from nebula_changes.outbox)::int as there"),
  );
  expect(left).toEqual({ there: 0 });
  expect(receiver.messages.filter(({ data }) => data.key?.id === 2)).toEqual([]);
}, 400_000);
