import { expect, test } from "vitest";
import { computeSettings, type Gate } from "../../platform/compute/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { connectionsIn, makeTrafficFold } from "./census.ts";
import {
  askedDatabase,
  authQuestion,
  fingerprintOf,
  type PoolerSettings,
  poolSizes,
  renderHba,
  renderIni,
} from "./config.ts";
import { isPlain, pooledName } from "./names.ts";
import { makePace } from "./pace.ts";

const settings: PoolerSettings = {
  ...{ folder: "/d/pool", socketDir: "/d/run/pool", responderDir: "/d/run/gate", addresses: ["127.0.0.1"], port: 4491 },
  ...{ maxClients: 10_000, tls: true, serverIdleSeconds: 20 },
};

const gate = (changes: Partial<Gate> = {}): Gate => ({
  ...{ format: 1, id: "acme.shop.orders" as DatabaseId, databaseName: "orders", ownerRole: "orders_owner" },
  ...{ allowFrom: [], suspendAfterSeconds: 300, units: 1, roles: {} },
  limits: {
    connections: 100,
    connectionsPerSecond: 200,
    idleSeconds: 0,
    idleInTransactionSeconds: 0,
    statementSeconds: 0,
  },
  ...changes,
});

test("a database is one line, with its door, its question and its sizes", () => {
  const ini = renderIni(settings, [{ gate: gate(), doorDir: "/d/run/doors/0123456789" }]);
  const line = ini.split("\n").find((text) => text.startsWith("acme.shop.orders = "));
  expect(line).toBe(
    "acme.shop.orders = host=/d/run/doors/0123456789 port=5432 dbname=orders auth_dbname=nebula.gate auth_user=nebula-auth.acme.shop.orders " +
      "auth_query='verifier of acme.shop.orders' pool_size=31 max_db_connections=62",
  );
});

test("declared times are set on each new server connection", () => {
  const limits = { ...gate().limits, idleInTransactionSeconds: 60, statementSeconds: 5 };
  expect(renderIni(settings, [{ gate: gate({ limits }), doorDir: "/d" }])).toContain(
    "connect_query='set idle_in_transaction_session_timeout = 60000; set statement_timeout = 5000'\n",
  );
});

test("equal wishes are equal bytes, and what needs a restart has another fingerprint", () => {
  expect(renderIni(settings, [])).toBe(renderIni({ ...settings }, []));
  const fingerprint = (changes: Partial<PoolerSettings>) => fingerprintOf({ ...settings, ...changes }, "1");
  expect(fingerprint({ maxClients: 5 })).toBe(fingerprint({}));
  expect(fingerprint({ port: 4492 })).not.toBe(fingerprint({}));
  expect(fingerprintOf(settings, "2")).not.toBe(fingerprint({}));
});

test("other machines come in by the allow-list, with TLS, and nobody reaches the console over TCP", () => {
  const hba = renderHba([{ gate: gate({ allowFrom: ["10.0.0.0/8", "192.0.2.7"] }), doorDir: "/x" }]).split("\n");
  expect(hba).toContain('hostssl "acme.shop.orders" all 10.0.0.0/8 scram-sha-256');
  expect(hba).toContain('hostssl "acme.shop.orders" all 192.0.2.7/32 scram-sha-256');
  expect(hba.filter((row) => row.startsWith("host ")).map((row) => row.split(" ").at(-1))).toEqual([
    ...["reject", "scram-sha-256", "scram-sha-256", "reject"],
  ]);
  expect(hba[3]).toBe('host pgbouncer,"nebula.gate" all all reject');
});

test("server connections leave room for direct sessions at every size", () => {
  for (const units of [0.25, 0.5, 1, 2, 4, 8, 64]) {
    const { role, all } = poolSizes(units);
    expect(role).toBeGreaterThanOrEqual(8);
    expect(all).toBeGreaterThan(role);
    expect(all).toBeLessThanOrEqual(Math.ceil(0.6 * Number(computeSettings(units).max_connections)));
  }
});

test("names that PgBouncer cannot hold become the endpoint's, and what is no id stays out of its files", () => {
  const long = `a${"b".repeat(38)}.c${"d".repeat(38)}.e` as DatabaseId;
  expect(pooledName(gate().id)).toBe("acme.shop.orders");
  expect(pooledName(long)).toMatch(/^[a-z0-9-]{1,50}$/);
  expect(["acme.shop.orders", "a.b.c-d1"].every(isPlain)).toBe(true);
  expect(["x", "a.b", "a.b.c\nd", "a.b.c = d", ".new-a.b.c-1"].some(isPlain)).toBe(false);
  expect(askedDatabase(authQuestion("a.b.c"))).toBe("a.b.c");
});

test("traffic is what is more than last time, of this PgBouncer, and counted once", () => {
  const fold = makeTrafficFold();
  const totals = (count: number, bytes: number) => {
    const bytesOf = { bytes_received: `${bytes}`, bytes_sent: `${2 * bytes}` };
    return [{ database: "a.b.c", xact_count: `${count}`, query_count: "0", ...bytesOf }];
  };
  fold.inherited();
  expect(fold.take(totals(90, 9_000)).size).toBe(0);
  expect(fold.take(totals(93, 9_100)).get("a.b.c")).toEqual({ bytesIn: 100, bytesOut: 200, transactions: 3 });
  expect(fold.take(totals(93, 9_100)).size).toBe(0);
  fold.began();
  expect(fold.take(totals(95, 9_150)).get("a.b.c")).toEqual({ bytesIn: 9_150, bytesOut: 18_300, transactions: 95 });
  expect(connectionsIn([{ name: "a.b.c", current_connections: "2" }]).get("a.b.c")).toBe(2);
});

test("who comes too often waits, and nobody waits for another key", async () => {
  let now = 0;
  const waits: number[] = [];
  const clock = { monotonicMs: () => now, sleep: async (ms: number) => void waits.push(ms) };
  const pace = makePace(async (key) => (key === "free" ? undefined : 10), clock);
  for (let i = 0; i < 25; i++) await pace("busy");
  expect(waits.map(Math.round)).toEqual([100, 200, 300, 400, 500]);
  await pace("quiet");
  await pace("free");
  now += 10_000;
  await pace("busy");
  expect(waits).toHaveLength(5);
});
