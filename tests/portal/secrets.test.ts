import { afterAll, beforeAll, expect, test } from "vitest";
import { getSecret } from "../../platform/store/index.ts";
import { type Caller, startPortal, type TestPortal, testVault } from "./harness.ts";

let portal: TestPortal;
let owner: Caller;
const secrets = "/api/v1/tenants/shop/secrets";
const value = "correct horse battery";

beforeAll(async () => {
  portal = await startPortal();
  owner = portal.as(await portal.tokenFor("domain-admin", "shop"));
});
afterAll(() => portal?.close());

test("a secret is kept sealed, listed by name, replaced and deleted; its value is never shown", async () => {
  const put = await owner.send("POST", secrets, { name: "orders-password", value });
  expect(put).toMatchObject({ status: 200, body: { name: "orders-password" } });
  const listed = await owner.get(secrets);
  expect(listed.body.items).toMatchObject([{ name: "orders-password" }]);
  expect(JSON.stringify([put.body, listed.body, portal.observed])).not.toContain(value);
  const rows = await portal.sql.query<{ row: string }>(
    "select secrets::text as row from secrets union all select audit_logs::text from audit_logs",
  );
  expect(rows.length).toBeGreaterThanOrEqual(2);
  for (const { row } of rows) expect(row).not.toContain(value);
  expect((await getSecret(portal.sql, testVault, "shop", "orders-password"))?.reveal()).toBe(value);
  expect(await owner.send("DELETE", `${secrets}/orders-password`)).toMatchObject({ status: 204 });
  expect(await owner.send("DELETE", `${secrets}/orders-password`)).toMatchObject({ status: 404 });
});

test("a value that is too short and a name that is none are refused without being repeated", async () => {
  const refused = await owner.send("POST", secrets, { name: "No Name", value: "short" });
  expect(refused).toMatchObject({ status: 422, body: { code: "NEB601" } });
  expect(JSON.stringify(refused.body)).not.toContain('"short"');
});

test("whoever does not run the tenant does not see that it has secrets", async () => {
  const stranger = portal.as(await portal.tokenFor("domain-admin", "other"));
  expect((await stranger.get(secrets)).status).toBe(404);
  const developer = portal.as(await portal.tokenFor("developer", "shop", "store"));
  expect([403, 404]).toContain((await developer.get(secrets)).status);
});
