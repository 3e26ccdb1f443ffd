/** Tables and records by the portal's own routes: a portal, the data API's server, a database, and a key of the platform. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { askPortal, makeKeys } from "../../gateway/web/index.ts";
import { Secret, systemClock } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { deployShop } from "../portal/deployed.ts";
import { type Caller, startPortal, type TestPortal } from "../portal/harness.ts";
import { makeWebGround, type WebGround } from "./web-ground.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 });

const schema = [
  "create table notes (id bigint generated always as identity primary key, owner text not null default (current_setting('request.jwt.claims')::json ->> 'sub'), text text not null check (text <> ''), stars int)",
  "alter table notes enable row level security",
  "create policy own on notes using (owner = (select current_setting('request.jwt.claims')::json ->> 'sub'))",
  "grant select, insert, update, delete on notes to authenticated",
  "create table hidden (id int primary key)",
];
const base = "/api/v1/databases/shop.store.orders/tables";

let web: WebGround;
let portal: TestPortal;
let writer: Caller;
let reader: Caller;
let readerKey = "";
beforeAll(async () => {
  let portalUrl = "";
  const secret = new Secret("the gateway's own");
  web = await makeWebGround(schema, {
    wanted: { id: "shop.store.orders" as DatabaseId },
    web: {
      keys: makeKeys({ clock: systemClock, ask: (key, id) => askPortal({ url: portalUrl, secret })(key, id) }),
    },
  });
  portal = await startPortal({ gateway: { apiUrl: `http://127.0.0.1:${web.port}` } });
  portalUrl = portal.url;
  await deployShop(portal.sql, ["orders"]);
  const admin = portal.as(await portal.tokenFor("platform-admin"));
  const keyWith = async (...scopes: string[]) => {
    const place = { tenant: "shop", project: "store", database: "orders" };
    const { status, body } = await admin.send("POST", "/api/v1/keys", {
      name: "k",
      role: "project-admin",
      scopes,
      ...place,
    });
    expect(status, JSON.stringify(body)).toBe(201);
    return body.key as string;
  };
  writer = portal.as(await keyWith("data:read", "data:write"));
  readerKey = await keyWith("data:read");
  reader = portal.as(readerKey);
});
afterAll(async () => {
  await portal?.close();
  await web?.close();
});

test("tables are those that the key may use, with their columns", async () => {
  const { status, body } = await writer.get(base);
  expect(status, JSON.stringify(body)).toBe(200);
  expect(body.items).toHaveLength(1);
  expect(body.items[0]).toMatchObject({ name: "notes", may: ["read", "insert", "update", "delete"] });
  expect(body.items[0].columns).toContainEqual({ name: "text", type: "text", required: true, description: null });
});

test("records are made, read by pages and filters, changed and deleted", async () => {
  const path = `${base}/notes/records`;
  const made = await writer.send("POST", path, [{ text: "a", stars: 1 }, { text: "b", stars: 2 }, { text: "c" }]);
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  expect(made.body.items).toHaveLength(3);
  const page = await writer.get(`${path}?select=text&order=text.asc&limit=2`);
  expect(page.body).toEqual({ items: [{ text: "a" }, { text: "b" }], nextOffset: 2 });
  const last = await writer.get(`${path}?select=text&order=text.asc&limit=2&offset=2`);
  expect(last.body).toEqual({ items: [{ text: "c" }], nextOffset: null });
  expect((await writer.get(`${path}?select=text&stars=gte.2`)).body.items).toEqual([{ text: "b" }]);
  const changed = await writer.send("PATCH", `${path}?text=eq.c`, { stars: 3 });
  expect(changed.body.items).toMatchObject([{ text: "c", stars: 3 }]);
  expect((await writer.send("DELETE", `${path}?text=eq.c`)).body.items).toHaveLength(1);
});

test("every field that does not fit is named; what only the database knows it says itself", async () => {
  const path = `${base}/notes/records`;
  const bad = await writer.send("POST", path, { stars: "many", nope: 1 });
  expect(bad).toMatchObject({ status: 422, body: { code: "NEB601" } });
  expect(bad.body.errors).toEqual([
    { path: "text", message: "is required" },
    { path: "stars", message: "must be integer or null (integer)" },
    { path: "nope", message: "is not a column of the table" },
  ]);
  const refused = await writer.send("POST", path, { text: "" });
  expect(refused).toMatchObject({ status: 400, body: { code: "NEB792", reason: "23514" } });
  expect((await writer.send("PATCH", path, { stars: 1 })).body).toMatchObject({ code: "NEB601" });
  expect((await writer.send("DELETE", `${path}?select=id`)).body).toMatchObject({ code: "NEB601" });
});

test("a key does what it may: reads, what is served, and its own database alone", async () => {
  const path = `${base}/notes/records`;
  expect((await reader.get(path)).status).toBe(200);
  expect((await reader.send("POST", path, { text: "x" })).status).toBe(403);
  expect((await writer.get(`${base}/hidden/records`)).status).toBe(404);
  expect((await writer.get(path.replace("orders", "other"))).status).toBeGreaterThanOrEqual(403);
});

test("a database that somebody paused says so the moment it is, here as at the data API, and names no path", async () => {
  const { driver } = web.ground;
  expect((await writer.get(base)).status).toBe(200);
  const warm = await Promise.all(Array.from({ length: 4 }, () => reader.get(`${base}/notes/records`)));
  expect(warm.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  await driver.pause(web.wanted.id);
  try {
    for (let round = 0; round < 3; round++) {
      const { status, body } = await reader.get(`${base}/notes/records`);
      expect([status, body]).toEqual([409, expect.objectContaining({ code: "NEB357" })]);
      expect(body).toMatchObject({
        detail: "The database is stopped",
        hint: expect.stringContaining("nebula db resume"),
      });
    }
    expect((await writer.get(base)).body).toMatchObject({ code: "NEB357" });
    const direct = await fetch(`${web.url}/notes`, { headers: { apikey: readerKey } });
    expect(await direct.json()).toEqual({
      ...{ code: "PGRST001", message: "The database is stopped", details: "NEB357" },
      hint: "`nebula db resume` starts it.",
    });
  } finally {
    await driver.resume(web.wanted.id);
  }
  expect((await writer.get(base)).status).toBe(200);
});
