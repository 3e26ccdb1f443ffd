/** The keys over the API: who may rotate them, and that nobody is shown one. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { type Keyring, makeLocalKey, openKeyring } from "../../platform/keys/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type Caller, startPortal, type TestPortal } from "./harness.ts";

const master = new Secret(randomBytes(32).toString("base64"));
let keyring: Keyring;
let portal: TestPortal;
let admin: Caller;
beforeAll(async () => {
  portal = await startPortal({
    keyring: async (sql) => {
      keyring = await openKeyring({ sql, kek: makeLocalKey(() => master), leadSeconds: 0.3 });
      return keyring;
    },
  });
  admin = portal.as(await portal.tokenFor("platform-admin"));
});
afterAll(async () => {
  await keyring?.close();
  await portal?.close();
});

const list = async () => (await admin.get("/api/v1/vault/keys")).body.items as { id: string; state: string }[];

test("a rotation is asked for, waits until every replica knows the key, and is in the audit", async () => {
  const before = await list();
  expect(before.map(({ state }) => state)).toEqual(["active", "active"]);
  const { status, body } = await admin.send("POST", "/api/v1/vault/rotate", {});
  expect({ status, body }).toMatchObject({
    status: 200,
    body: { what: "data", key: { state: "waiting" }, rewrapped: 0 },
  });
  await eventually("it seals", () => keyring.current() === body.key.id);
  expect((await list()).map(({ state }) => state).sort()).toEqual(["active", "active", "former"]);
  const { body: audit } = await admin.get("/api/v1/audit-logs?action=vault.rotate");
  expect(audit.items).toMatchObject([{ result: "accepted", details: { what: "data", key: body.key.id } }]);
});

test("the wrapping is renewed without anybody seeing a key", async () => {
  const { body } = await admin.send("POST", "/api/v1/vault/rotate", { what: "wrapping" });
  expect(body).toEqual({ what: "wrapping", key: null, rewrapped: (await list()).length });
  const shown = JSON.stringify((await admin.get("/api/v1/vault/keys")).body);
  expect(shown).not.toContain(master.reveal());
  const rows = await portal.sql.query<{ wrapped: string }>("select wrapped from data_keys");
  for (const { wrapped } of rows) expect(shown).not.toContain(wrapped);
});

test("nobody but the platform's administrators sees or rotates keys", async () => {
  const tenant = portal.as(await portal.tokenFor("domain-admin", "shop"));
  expect(await tenant.get("/api/v1/vault/keys")).toMatchObject({ status: 403 });
  expect(await tenant.send("POST", "/api/v1/vault/rotate", {})).toMatchObject({ status: 403 });
});
