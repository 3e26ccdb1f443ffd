/** What is held about a person: told, and taken away, with the audit whole. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { enqueueOperation, notPersonal, personalColumns } from "../../platform/store/index.ts";
import { type Caller, startPortal, type TestPortal } from "./harness.ts";
import { addPerson, declareTenants, keyOf, tenantOf } from "./people.ts";

let portal: TestPortal;
let admin: Caller;
beforeAll(async () => {
  portal = await startPortal();
  admin = portal.as(await portal.tokenFor("platform-admin", null, null, "root@nebula.example"));
});
afterAll(() => portal?.close());

const eve = "eve@shop.example";

/** Every row of the ledger that still says a word, as text. */
async function mentions(word: string): Promise<string[]> {
  const tables = await portal.sql.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await portal.sql.query(`select 1 from ${name} t where t::text ilike '%' || $1 || '%'`, [word]);
    if (rows.length > 0) found.push(name);
  }
  return found;
}

test("a person is exported, then erased, and only Git still says their name", async () => {
  await declareTenants(portal.sql, [tenantOf("shop", [{ user: eve, role: "domain-admin" }])]);
  const person = await addPerson(portal.sql, eve);
  const { text } = await keyOf(portal.sql, person, { name: "laptop" });
  const caller = portal.as(text);
  await caller.send("POST", "/api/v1/tenants/shop/secrets", { name: "word", value: "long enough a value" });
  await enqueueOperation(portal.sql, { stack: "shop.store", type: "DEPLOY", requestedBy: eve });
  expect(await mentions("eve@")).toEqual(expect.arrayContaining(["users", "operations", "fleets"]));

  const { body: held } = await admin.send("POST", "/api/v1/subjects/export", { user: "EVE@shop.example" });
  expect(held.audit).toMatchObject([{ actor: eve, action: "secrets.put", address: "127.0.0.1" }]);
  const tables = held.records.map(({ table }: { table: string }) => table);
  expect(tables).toEqual(expect.arrayContaining(["users", "principals", "operations"]));
  expect(JSON.stringify(held)).not.toMatch(/_hash|sealed|secret_/);
  expect(held.declaredIn).toEqual(["shop"]);

  const { status, body: erased } = await admin.send("POST", "/api/v1/subjects/erase", { user: eve });
  expect({ status, erased }).toMatchObject({
    status: 200,
    erased: { subject: held.subject, rows: { users: 1, operations: 1 }, declaredIn: ["shop"] },
  });
  expect(await mentions("eve@")).toEqual(["fleets"]);
  expect(await caller.get("/api/v1/auth/whoami")).toMatchObject({ status: 401 });

  const { body: lines } = await admin.get(`/api/v1/audit-logs?subject=${held.subject}`);
  expect(lines.items).toMatchObject([{ actor: "(erased)", address: null, action: "secrets.put" }]);
  expect((await admin.get(`/api/v1/audit-logs?actor=${eve}`)).body.items).toEqual([]);
  expect((await admin.get("/api/v1/audit-logs/verify")).body).toMatchObject({ ok: true });
  const { body: trail } = await admin.get("/api/v1/audit-logs?action=subjects.erase");
  expect(trail.items).toMatchObject([{ actor: "root@nebula.example", details: { subject: held.subject } }]);
  expect(JSON.stringify(trail)).not.toContain("eve@");
});

test("nobody of that name is a 404, and only the platform's administrators ask", async () => {
  expect(await admin.send("POST", "/api/v1/subjects/erase", { user: "nobody@x.example" })).toMatchObject({
    status: 404,
  });
  const tenant = portal.as(await portal.tokenFor("domain-admin", "shop"));
  for (const verb of ["export", "erase"])
    expect(await tenant.send("POST", `/api/v1/subjects/${verb}`, { user: eve })).toMatchObject({ status: 403 });
});

test("every column of the ledger that sounds personal is in one of the two lists", async () => {
  const columns = await portal.sql.query<{ name: string }>(
    `select table_name || '.' || column_name as name from information_schema.columns
     where table_schema = 'public' and data_type in ('text', 'ARRAY')
       and column_name ~ '(^|_)(user|users|email|login|actor|author|address|agent|owner|person|phone|principal|principals)(_|$)|_by$'`,
  );
  const listed = personalColumns.map(({ table, column }) => `${table}.${column}`);
  const unknown = columns.map(({ name }) => name).filter((name) => !listed.includes(name) && !(name in notPersonal));
  expect(unknown).toEqual([]);
});
