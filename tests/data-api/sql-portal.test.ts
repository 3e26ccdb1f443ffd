import type { webcrypto } from "node:crypto";
import { SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../platform/core/index.ts";
import { signSqlToken } from "../../platform/identity/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type SqlPortal, sqlPath, startSqlPortal } from "./sql-portal-ground.ts";

let on: SqlPortal;
beforeAll(async () => {
  on = await startSqlPortal();
}, 240_000);
afterAll(() => on?.close());

const queries = "/api/v1/projects/shop/store/queries";

test("a project admin writes, a developer reads, a viewer is told no, and a stranger finds nothing", async () => {
  const admin = await on.as("project-admin", "grace");
  const made = await admin.send("POST", sqlPath(), {
    sql: "create table t (a int); insert into t values (1), (2)",
    mode: "write",
  });
  expect(made).toMatchObject({ status: 200, body: { status: "done", transaction: "committed" } });
  const developer = await on.as("developer");
  const read = await developer.send("POST", sqlPath(), { sql: "select a from t order by a", parameters: [] });
  expect(read.body).toMatchObject({
    status: "done",
    results: [{ rows: [["1"], ["2"]], columns: [{ name: "a", type: "integer" }] }],
  });
  expect((await developer.send("POST", sqlPath(), { sql: "delete from t", mode: "write" })).status).toBe(403);
  const viewer = await on.as("viewer");
  expect((await viewer.send("POST", sqlPath(), { sql: "select 1" })).status).toBe(403);
  const stranger = on.portal.as(await on.portal.tokenFor("domain-admin", "acme"));
  expect((await stranger.send("POST", sqlPath(), { sql: "select 1" })).status).toBe(404);
});

test("in a branch a developer writes, and never in the database that it is of", async () => {
  const developer = await on.as("developer");
  const body = { sql: "create table tried (a int)", mode: "write" };
  expect(await developer.send("POST", sqlPath("feature"), body)).toMatchObject({
    status: 200,
    body: { status: "done" },
  });
  expect((await developer.send("POST", sqlPath("orders"), body)).status).toBe(403);
});

test("what was not run is a problem with its place; what failed is part of the answer", async () => {
  const developer = await on.as("developer");
  expect(await developer.send("POST", sqlPath(), { sql: "select\n* form t" })).toMatchObject({
    ...{ status: 422, body: { code: "NEB780", line: 2, column: 3 } },
  });
  expect(await developer.send("POST", sqlPath(), { sql: "drop table t" })).toMatchObject({
    status: 403,
    body: { code: "NEB781" },
  });
  const failed = await developer.send("POST", sqlPath(), { sql: "select nope from t" });
  expect(failed).toMatchObject({
    status: 200,
    body: { status: "failed", problem: { sqlstate: "42703", line: 1, column: 8 } },
  });
});

test("advice and types come by the same way, for who may read", async () => {
  const developer = await on.as("developer");
  const made = "create table advised (n int not null, note text)";
  expect((await developer.send("POST", sqlPath("feature"), { sql: made, mode: "write" })).status).toBe(200);
  const below = (what: string) => sqlPath("feature").replace(/sql$/, what);
  const advice = await developer.get(below("advice"));
  expect(advice.status, JSON.stringify(advice.body)).toBe(200);
  expect(advice.body.items).toContainEqual(
    expect.objectContaining({ id: "no-primary-key", level: "info", object: "public.advised" }),
  );
  const types = await developer.get(below("types"));
  expect(types.status, JSON.stringify(types.body)).toBe(200);
  expect(types.body.typescript).toMatch(/advised: \{\s+Row: \{\s+n: number;\s+note: string \| null;/);
  const viewer = await on.as("viewer");
  for (const what of ["advice", "types"]) expect((await viewer.get(below(what))).status).toBe(403);
});

test("pages go on by a cursor, and belong to who opened it", async () => {
  const developer = await on.as("developer", "ada");
  const first = await developer.send("POST", sqlPath(), {
    sql: "select g from generate_series(1, 5) g",
    cursor: true,
    maxRows: 3,
  });
  const { cursor } = first.body as { cursor: string };
  const other = await on.as("developer", "eve");
  expect((await other.send("POST", `${sqlPath()}/page`, { cursor })).status).toBe(404);
  expect(await developer.send("POST", `${sqlPath()}/page`, { cursor })).toMatchObject({
    body: { cursor: null, rows: [["4"], ["5"]] },
  });
  const open = await developer.send("POST", sqlPath(), {
    sql: "select g from generate_series(1, 5) g",
    cursor: true,
    maxRows: 1,
  });
  expect(
    (await developer.send("POST", `${sqlPath()}/end`, { cursor: (open.body as { cursor: string }).cursor })).status,
  ).toBe(204);
});

test("a cancel by name, and a client that goes away, end what runs", async () => {
  const developer = await on.as("developer", "ada");
  const request = "my-request-1";
  const running = developer.send("POST", sqlPath(), { sql: "select pg_sleep(600)", request, timeoutMs: 240_000 });
  await eventually("it is cancelled", async () => {
    const { body } = await developer.send("POST", `${sqlPath()}/cancel`, { request });
    return (body as { cancelled: boolean }).cancelled;
  });
  expect((await running).body).toMatchObject({ status: "cancelled" });
  const gone = new AbortController();
  const left = fetch(`${on.portal.url}${sqlPath()}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${await on.portal.tokenFor("developer", "shop", null, "lin")}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ sql: "select pg_sleep(601)", timeoutMs: 240_000 }),
    signal: gone.signal,
  }).catch(() => "gone");
  const count = "select count(*) from pg_stat_activity where query = 'select pg_sleep(601)'";
  const running601 = async () =>
    ((await developer.send("POST", sqlPath(), { sql: count })).body as Rows).results[0]?.rows[0]?.[0];
  await eventually("it runs", async () => (await running601()) === "1");
  gone.abort();
  expect(await left).toBe("gone");
  await eventually("it has ended", async () => (await running601()) === "0");
}, 120_000);

type Rows = { readonly results: readonly { readonly rows: readonly (readonly (string | null)[])[] }[] };

test("history is one's own, newest first, searchable, without passwords, and can be forgotten", async () => {
  const developer = await on.as("developer", "hana");
  await developer.send("POST", sqlPath(), { sql: "select 'first'" });
  await developer.send("POST", sqlPath(), { sql: "select nope" });
  await developer.send("POST", sqlPath(), { sql: "alter role x password 'geheim'", mode: "write" });
  await developer.send("POST", sqlPath(), { sql: "alter role x password 'geheim'" });
  await developer.send("POST", sqlPath(), { sql: "select 'unseen'", remember: false });
  const history = async (who = developer, query = "") =>
    ((await who.get(`${sqlPath()}/history${query}`)).body as { items: object[] }).items;
  expect(await history()).toMatchObject([
    { sql: "alter role x password '***'", status: "refused", code: "NEB781" },
    { sql: "select nope", status: "failed", code: "42703" },
    { sql: "select 'first'", status: "done", code: null, rows: 1 },
  ]);
  expect(await history(developer, "?search=FIRST")).toHaveLength(1);
  expect(await history(await on.as("developer", "other"))).toEqual([]);
  expect((await developer.send("DELETE", `${sqlPath()}/history`)).body).toEqual({ forgotten: 3 });
  expect(await history()).toEqual([]);
});

test("queries are kept for oneself or shared with the project", async () => {
  const ada = await on.as("developer", "ada");
  const eve = await on.as("developer", "eve");
  const own = await ada.send("POST", queries, { name: "mine", sql: "select 1" });
  const shared = await ada.send("POST", queries, { name: "ours", sql: "select 2", shared: true });
  expect([own.status, shared.status]).toEqual([201, 201]);
  expect((await ada.send("POST", queries, { name: "mine", sql: "select 3" })).status).toBe(409);
  const names = async (who: typeof ada) =>
    ((await who.get(queries)).body as { items: { name: string }[] }).items.map(({ name }) => name);
  expect([await names(ada), await names(eve)]).toEqual([["mine", "ours"], ["ours"]]);
  const idOf = ({ body }: { body: unknown }) => (body as { id: string }).id;
  expect((await eve.send("PATCH", `${queries}/${idOf(shared)}`, { sql: "drop" })).status).toBe(404);
  expect((await eve.send("DELETE", `${queries}/${idOf(own)}`)).status).toBe(404);
  expect((await eve.send("DELETE", `${queries}/${idOf(shared)}`)).status).toBe(403);
  expect((await ada.send("PATCH", `${queries}/${idOf(own)}`, { shared: true })).body).toMatchObject({
    shared: true,
    sql: "select 1",
  });
  const admin = await on.as("project-admin", "grace");
  for (const kept of [own, shared]) expect((await admin.send("DELETE", `${queries}/${idOf(kept)}`)).status).toBe(204);
});

test("who wrote what stands in the audit, without passwords", async () => {
  const admin = await on.as("project-admin", "grace");
  await admin.send("POST", sqlPath(), { sql: "alter role shop_x password 'geheim'", mode: "write" });
  const { body } = await (await on.as("platform-admin")).get("/api/v1/audit-logs?action=sql.run&actor=grace");
  const [line] = (body as { items: { details: object }[] }).items;
  expect(line).toMatchObject({ details: { mode: "write", sql: "alter role shop_x password '***'" } });
  expect(JSON.stringify(body)).not.toContain("geheim");
});

test("the gateway takes the portal's own tokens only: of this kind, for this database, once, in their minute", async () => {
  const { keys } = on.portal.identity;
  const run = async (token: string, database = "orders") =>
    (
      await fetch(`${on.gatewayUrl}/shop/store/${database}/sql/v1/cancel`, {
        ...{ method: "POST", headers: { authorization: `Bearer ${token}`, "content-type": "application/json" } },
        body: JSON.stringify({ request: "none" }),
      })
    ).status;
  const grant = { user: "ada", database: "shop.store.orders" as DatabaseId, level: "read" } as const;
  const fresh = async () => (await signSqlToken({ keys, clock: systemClock }, grant)).reveal();
  const token = await fresh();
  expect([await run(token), await run(token)]).toEqual([200, 401]);
  expect(await run(await fresh(), "feature")).toBe(401);
  const { id, key } = await keys.signer();
  const forged = (claims: object, header: object = {}, ageSeconds = 0) =>
    new SignJWT({ db: grant.database, level: "read", ...claims })
      .setProtectedHeader({ alg: "EdDSA", kid: id, typ: "nebula-sql+jwt", ...header })
      .setSubject("ada")
      .setAudience("nebula-gateway")
      .setJti(String(Math.random()))
      .setIssuedAt(Math.floor(Date.now() / 1000) - ageSeconds)
      .setExpirationTime(Math.floor(Date.now() / 1000) + 60 - ageSeconds);
  expect(await run(await forged({}).sign(key))).toBe(200);
  const other = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  const wrong = [
    forged({}, { typ: "at+jwt" }).sign(key),
    forged({}, {}, 120).sign(key),
    forged({ level: "admin" }).sign(key),
    forged({ db: "shop.store" }).sign(key),
    forged({}, { extra: "header" }).sign(key),
    forged({}).setAudience("elsewhere").sign(key),
    forged({})
      .setExpirationTime(Math.floor(Date.now() / 1000) + 3600)
      .sign(key),
    forged({}).sign((other as webcrypto.CryptoKeyPair).privateKey),
    forged({}, { kid: "key_unknown" }).sign(key),
  ];
  for (const [index, one] of wrong.entries()) expect([index, await run(await one)]).toEqual([index, 401]);
  expect(await run("")).toBe(401);
});

test("bytes of answers are counted as what leaves the database", () => {
  expect(on.bytes.bytesOut).toBeGreaterThan(1000);
});
