/** Webhooks as people see them: the portal's routes and `nebula webhook`, a process of its own, over the gateway's answers. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JSONWebKeySet } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeWebhookHttp } from "../../gateway/changes/index.ts";
import { makeSqlTokens } from "../../gateway/statements/index.ts";
import { ignoreObservations, systemClock } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { makeBackoff } from "../../platform/webhooks/index.ts";
import { eventually } from "../harness/eventually.ts";
import { deployShop } from "../portal/deployed.ts";
import { startPortal, type TestPortal } from "../portal/harness.ts";
import { type ChangesGround, hooked, makeChangesGround, makeReceiver, type Receiver } from "./changes-ground.ts";

const cli = join(import.meta.dirname, "../../launcher/cli.ts");
const path = "/api/v1/domain/shop/project/store/databases/orders/webhooks";
const patient = 240_000;

let receiver: Receiver;
let ground: ChangesGround;
let server: Server;
let portal: TestPortal;
let home: string;
let token: string;
beforeAll(async () => {
  receiver = await makeReceiver();
  ground = await makeChangesGround([], {
    ...{ api: hooked(receiver.url, "orders"), receiver, told: { backoff: makeBackoff() } },
    wanted: { id: "shop.store.orders" as DatabaseId },
  });
  await ground.sql("create table orders (id int primary key)");
  let portalUrl = "";
  const ask = async () => (await (await fetch(`${portalUrl}/.well-known/jwks.json`)).json()) as JSONWebKeySet;
  const verify = makeSqlTokens({ dataDir: ground.ground.dataDir, ask, clock: systemClock });
  const webhooks = makeWebhookHttp({ changes: ground.changes, verify, observe: ignoreObservations });
  server = createServer((request, response) => {
    const [, tenant, project, database, ...rest] = (request.url ?? "").split("/");
    const route = { path: `/${rest.join("/")}`, database: [tenant, project, database].join(".") };
    void webhooks(request, response, route).then((ours) => ours || response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  portal = await startPortal({ gateway: { apiUrl } });
  portalUrl = portal.url;
  await deployShop(portal.sql, ["orders", "plain"]);
  home = mkdtempSync(join(tmpdir(), "nebula-webhook-cli-"));
  token = await portal.tokenFor("project-admin", "shop", null, "grace");
}, patient);
afterAll(async () => {
  await portal?.close();
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(null) : server.close(resolve)));
  await ground?.close();
  await receiver?.close();
  if (home !== undefined) rmSync(home, { recursive: true, force: true });
});

const nebula = (...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    const env = { PATH: process.env.PATH, HOME: home, NEBULA_DATA: home, NEBULA_URL: portal.url, NEBULA_TOKEN: token };
    execFile(process.execPath, [cli, "webhook", ...args], { env }, (thrown, stdout, stderr) =>
      resolve({ code: thrown === null ? 0 : Number(thrown.code ?? 1), stdout, stderr }),
    );
  });

test(
  "what is dead is listed, and sent again under the id that it had when somebody asks",
  async () => {
    receiver.answer = () => 410;
    await ground.sql("insert into orders values (1)");
    const dead = async () => JSON.parse((await nebula("deliveries", "orders", "--state", "dead", "-o", "json")).stdout);
    await eventually("it is dead", async () => (await dead()).deliveries.length === 1, {
      timeoutMs: 120_000,
      everyMs: 500,
    });
    const [message] = (await dead()).deliveries;
    expect(message).toMatchObject({ event: "public.orders.insert", key: { id: 1 }, status: 410, attempts: 1 });
    const listed = await nebula("list", "shop/store/orders");
    expect(listed.stdout).toMatch(/WEBHOOK +TABLE +EVENTS +URL +WAITING +DELIVERED +DEAD/);
    expect(listed.stdout).toMatch(new RegExp(`${message.webhook} +public.orders +delete,insert,update +\\S+ +0 +0 +1`));

    receiver.answer = () => 204;
    const replayed = await nebula("replay", "shop/store/orders", message.webhook);
    expect([replayed.code, `${replayed.stdout}${replayed.stderr}`]).toEqual([0, expect.stringContaining("1 messages")]);
    await eventually("it came again", () => receiver.messages.length === 2, { timeoutMs: 60_000 });
    expect(receiver.messages.map(({ id }) => id)).toEqual([message.messageId, message.messageId]);
    await eventually("it is delivered", async () => (await dead()).deliveries.length === 0, { timeoutMs: 60_000 });
    expect((await nebula("replay", "orders", message.webhook, message.seq)).code).toBe(0);
    await eventually("and once more", () => receiver.messages.length === 3, { timeoutMs: 60_000 });
    const { body } = await portal
      .as(await portal.tokenFor("platform-admin"))
      .get("/api/v1/audit-logs?action=webhooks.replay");
    expect(JSON.stringify(body)).toContain(message.webhook);
  },
  patient,
);

test(
  "a developer sees them and replays none, a viewer sees none, a stranger finds nothing",
  async () => {
    const developer = portal.as(await portal.tokenFor("developer"));
    const { status, body } = await developer.get(path);
    expect([status, body.webhooks.length]).toEqual([200, 1]);
    const replay = { webhook: body.webhooks[0].id };
    expect((await developer.send("POST", `${path}/replay`, replay)).status).toBe(403);
    expect((await portal.as(await portal.tokenFor("viewer")).get(path)).status).toBe(403);
    const stranger = portal.as(await portal.tokenFor("domain-admin", "acme"));
    for (const answer of [await stranger.get(path), await stranger.send("POST", `${path}/replay`, replay)])
      expect(answer.status).toBe(404);
  },
  patient,
);

test(
  "what there is not is a coded error",
  async () => {
    const admin = portal.as(token);
    const unknown = await admin.send("POST", `${path}/replay`, { webhook: "wh_none" });
    expect([unknown.status, unknown.body.code]).toEqual([404, "NEB734"]);
    const undeclared = await admin.get(path.replace("orders", "plain"));
    expect([undeclared.status, undeclared.body.code]).toEqual([404, "NEB734"]);
    for (const query of ["state=lost", "limit=0", "limit=201", "before=x"])
      expect((await admin.get(`${path}/deliveries?${query}`)).status).toBe(422);
    for (const body of [{}, { webhook: "wh_none", numbers: [] }, { webhook: "wh_none", numbers: ["x"] }])
      expect((await admin.send("POST", `${path}/replay`, body)).status).toBe(422);
  },
  patient,
);
