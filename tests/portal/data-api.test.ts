/** What the portal says of data APIs: their address, and to the gateway alone what a key may do. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { resolveDatabase } from "../../platform/spec/index.ts";
import { recordInstance } from "../../platform/store/index.ts";
import { deployShop } from "./deployed.ts";
import { type Caller, startPortal, type TestPortal } from "./harness.ts";

const path = "/api/v1/domain/shop/project/store/databases/orders";
const question = "/api/v1/data-access?domain=shop&project=store&database=orders";
const secret = "the gateway's own";

let portal: TestPortal;
let admin: Caller;
beforeAll(async () => {
  portal = await startPortal();
  await deployShop(portal.sql, ["orders", "other"]);
  const resolved = resolveDatabase({ engine: "postgres", name: "orders", options: { version: "18", api: {} } });
  if (resolved.kind !== "ok") throw new Error("no spec");
  const { spec } = resolved;
  await recordInstance(portal.sql, {
    ...{ id: "shop.store.orders", fence: 1, phase: "Ready", spec, commit: "a".repeat(40), host: "127.0.0.1" },
  });
  admin = portal.as(await portal.tokenFor("platform-admin"));
});
afterAll(() => portal.close());

const keyWith = async (scopes: readonly string[], database: string | null = "orders") => {
  const place = { tenant: "shop", project: "store", database };
  const { status, body } = await admin.send("POST", "/api/v1/keys", {
    name: "k",
    role: "project-admin",
    scopes,
    ...place,
  });
  expect(status).toBe(201);
  return body as { readonly id: string; readonly key: string };
};
const ask = async (key: string, headers: Readonly<Record<string, string>> = { "x-nebula-gateway": secret }) => {
  const response = await fetch(`${portal.url}${question}`, { headers: { ...headers, "x-nebula-key": key } });
  const body = (await response.json()) as { readonly access?: { readonly access: string } | null };
  return [response.status, body.access === null ? null : body.access?.access];
};

it("names the address of a data API that is deployed, and the keys made for that database", async () => {
  const { id } = await keyWith(["data:read"]);
  await keyWith(["data:read"], "other");
  expect((await admin.get(path)).body.api).toEqual({ url: "http://localhost:4493/shop/store/orders/rest/v1" });
  expect((await admin.get(path.replace("orders", "other"))).body.api).toBeNull();
  const { body } = await admin.get(`${path}/api`);
  expect(body).toMatchObject({ url: "http://localhost:4493/shop/store/orders/rest/v1", settings: null });
  expect(body.keys.map((one: { id: string }) => one.id)).toEqual([id]);
  expect(JSON.stringify(body)).not.toContain("ndb_");
});

it("tells the gateway what a key may do with one database's data, until it is revoked", async () => {
  const [read, write, all] = [
    await keyWith(["data:read"]),
    await keyWith(["data:read", "data:write"]),
    await keyWith(["data:read", "data:write", "data:admin"]),
  ];
  expect([await ask(read.key), await ask(write.key), await ask(all.key)]).toEqual([
    [200, "read"],
    [200, "write"],
    [200, "admin"],
  ]);
  const strangers = [await keyWith(["databases:read"]), await keyWith(["data:read"], "other")];
  for (const { key } of strangers) expect(await ask(key)).toEqual([200, null]);
  expect(await ask("ndb_live_nothing")).toEqual([200, null]);
  expect((await admin.send("DELETE", `/api/v1/keys/${read.id}`)).status).toBe(204);
  expect(await ask(read.key)).toEqual([200, null]);
});

it("answers nobody else: neither without the gateway's secret nor with another", async () => {
  const { key } = await keyWith(["data:read"]);
  for (const headers of [{}, { "x-nebula-gateway": "" }, { "x-nebula-gateway": "the gateway's owm" }])
    expect((await ask(key, headers as Record<string, string>))[0]).toBe(404);
});
