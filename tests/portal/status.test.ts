/** The status page: what machines see, what operators say, and what it shows while the ledger is away. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HealthReport, type HealthState, makeHealth, systemClock } from "../../platform/core/index.ts";
import { ledgerUnavailable, type Pool } from "../../platform/sql/index.ts";
import { ledgerCheck, openIncident } from "../../platform/store/index.ts";
import { makeComponents } from "../../portal/api/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type Caller, startPortal, type TestPortal } from "./harness.ts";

let portal: TestPortal;
let operator: Caller;
/** How the processes behind these addresses are; absent: they do not answer. */
const answers = new Map<string, HealthState>();
const gateway = "http://gateway.test/readyz";

const report = (status: HealthState): HealthReport => {
  const since = "2026-05-01T00:00:00.000Z";
  const checks = [
    { name: "disk", needed: false, state: status, code: status === "ok" ? null : "NEB943", reason: null, since },
  ];
  return { process: "other", version: "1", status, ready: status !== "down", checks };
};

beforeAll(async () => {
  portal = await startPortal({
    gateway: { healthUrl: gateway },
    askHealth: async (url) => {
      const status = answers.get(url);
      return status === undefined ? undefined : report(status);
    },
  });
  operator = portal.as(await portal.tokenFor("platform-admin"));
  await portal.sql.query(
    `insert into replicas (id, kind, host, pid, version, address)
     values ('one', 'reconciler', 'h', 1, '1', 'http://one.test'), ('two', 'reconciler', 'h', 2, '1', 'http://two.test')`,
  );
});
afterAll(() => portal?.close());

const look = async () => {
  await portal.components.look();
  const { body } = await portal.as("").get("/status.json");
  const { components } = body as { components: { name: string; state: string; codes: string[] }[] };
  return { ...body, of: (name: string) => components.find((one) => one.name === name) };
};

describe("the parts", () => {
  test("are as their processes say", async () => {
    for (const url of [gateway, "http://one.test/readyz", "http://two.test/readyz"]) answers.set(url, "ok");
    const said = await look();
    expect(said.status).toBe("ok");
    expect(said.components.map(({ name }: { name: string }) => name)).toEqual([
      ...["api", "deployments", "databases", "git", "ledger"],
    ]);
  });

  test("one process of several that is away is a degraded part; all of them are a part that is down", async () => {
    answers.delete("http://two.test/readyz");
    expect((await look()).of("deployments")).toMatchObject({ state: "degraded", codes: ["NEB946"] });
    answers.delete("http://one.test/readyz");
    const said = await look();
    expect([said.status, said.of("deployments")]).toMatchObject(["down", { state: "down", codes: ["NEB946"] }]);
    answers.set("http://one.test/readyz", "ok").set("http://two.test/readyz", "ok");
  });

  test("a gateway that is degraded says why, and one that is gone is down", async () => {
    answers.set(gateway, "degraded");
    expect((await look()).of("databases")).toMatchObject({ state: "degraded", codes: ["NEB943"] });
    answers.delete(gateway);
    expect((await look()).of("databases")).toMatchObject({ state: "down", codes: ["NEB946"] });
    answers.set(gateway, "ok");
    expect((await look()).of("databases")).toMatchObject({ state: "ok", codes: [] });
  });

  test("what changed is history, once, however many write it", async () => {
    await Promise.all([portal.components.flush(), portal.components.flush()]);
    await portal.components.flush();
    const { history } = await look();
    const of = (component: string) =>
      history
        .filter((one: { component: string }) => one.component === component)
        .map(({ state }: { state: string }) => state);
    expect(of("databases")).toEqual(["ok", "down", "degraded", "ok"]);
    expect(of("ledger")).toEqual(["ok"]);
  });
});

describe("incidents", () => {
  const declare = (body: object) => operator.send("POST", "/api/v1/incidents", body);

  test("are declared, told on, resolved, and shown to everybody without a name", async () => {
    const made = await declare({ title: "Slow <logins>", impact: "major", components: ["api"], message: "We look." });
    expect(made).toMatchObject({ status: 201, body: { state: "investigating", resolvedAt: null } });
    const path = `/api/v1/incidents/${made.body.id}/updates`;
    const page = await portal.as("").get("/status");
    expect(page.body).toContain("Slow &lt;logins&gt;");
    expect(page.body).toContain("Something is degraded");
    expect(page.headers.get("content-security-policy")).toMatch(/default-src 'none'.*style-src 'sha256-/);
    expect(page.body).not.toMatch(/<script|ada/);
    expect((await look()).status).toBe("degraded");
    expect(await operator.send("POST", path, { state: "resolved", message: "It is over." })).toMatchObject({
      ...{ status: 200, body: { state: "resolved", updates: [{ message: "It is over." }, { message: "We look." }] } },
    });
    expect(await operator.send("POST", path, { state: "monitoring", message: "again" })).toMatchObject({
      ...{ status: 409, body: { code: "NEB949" } },
    });
    const after = await look();
    expect([after.status, after.incidents[0].state]).toEqual(["ok", "resolved"]);
    expect((await operator.get("/api/v1/incidents")).body.items).toHaveLength(1);
  });

  test("are for platform admins to declare, and nobody else", async () => {
    const body = { title: "x", message: "y" };
    const others = [portal.as(await portal.tokenFor("domain-admin")), portal.as("")];
    const codes = await Promise.all(others.map((one) => one.send("POST", "/api/v1/incidents", body)));
    expect(codes.map(({ status }) => status)).toEqual([403, 401]);
  });

  test.each([
    { title: "", message: "x" },
    { title: "x", message: "" },
    { title: "x", message: "y", impact: "huge" },
    { title: "x", message: "y", components: ["everything"] },
    { title: "x".repeat(201), message: "y" },
  ])("refuse %o, and nothing is written", async (body) => {
    const before = await operator.get("/api/v1/incidents");
    expect((await declare(body)).status).toBe(422);
    expect((await operator.get("/api/v1/incidents")).body).toEqual(before.body);
  });

  test("that nobody declared are unknown", async () => {
    const answer = await operator.send("POST", "/api/v1/incidents/inc_none/updates", {
      state: "resolved",
      message: "x",
    });
    expect(answer.status).toBe(404);
  });
});

test("while the ledger is away the page shows what it remembers", async () => {
  const made = await operator.send("POST", "/api/v1/incidents", { title: "Kept in mind", message: "Seen before." });
  expect(made.status).toBe(201);
  await look();
  const gone = await startPortal({
    beside: portal,
    gateway: { healthUrl: gateway },
    askHealth: async () => report("ok"),
  });
  await gone.components.look();
  await gone.sql.close();
  const said = await eventually("it knows", async () => {
    await gone.components.look();
    const { status, body } = await gone.as("").get("/status.json");
    expect(status).toBe(200);
    const isKnown = body.components.some(
      (one: { name: string; state: string }) => one.name === "ledger" && one.state === "down",
    );
    return isKnown && body.rememberedFrom !== null ? body : undefined;
  });
  expect(said.status).toBe("down");
  const states = Object.fromEntries(
    said.components.map(({ name, state }: { name: string; state: string }) => [name, state]),
  );
  expect(states).toMatchObject({ ledger: "down", api: "down", deployments: "down", databases: "ok" });
  expect(said.incidents.map(({ title }: { title: string }) => title)).toContain("Kept in mind");
  const page = await gone.as("").get("/status");
  expect(page.body).toContain("the ledger does not answer");
  gone.server.closeAllConnections();
  gone.server.close();
});

test("a ledger that hangs holds no page up: it shows what it remembers, and from when", async () => {
  let isHanging = false;
  const never = () => new Promise<never>(() => undefined);
  const sql = new Proxy(portal.sql, {
    get: (target, key) =>
      isHanging && ["query", "one", "maybe", "tx"].includes(String(key)) ? never : Reflect.get(target, key, target),
  }) as Pool;
  const checks = [ledgerCheck(sql)];
  const health = makeHealth({ process: "portal", version: "1", checks, keepMs: 0, timeoutMs: 50 });
  const components = makeComponents({
    sql,
    clock: systemClock,
    health,
    gatewayUrl: null,
    ask: async () => report("ok"),
  });
  const { incidents, components: parts } = await components.look();
  expect(parts.map(({ name }) => name)).not.toContain("databases"); // nobody says where to ask
  isHanging = true;
  const seen = await components.look();
  expect(seen.components.find(({ name }) => name === "ledger")).toMatchObject({ state: "down", codes: ["NEB942"] });
  expect([seen.incidents, seen.rememberedFrom === null]).toEqual([incidents, false]);
});

test("an incident that is declared while somebody looks is not missed by that look", async () => {
  let goOn: () => void = () => undefined;
  const waiting = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const health = makeHealth({ process: "portal", version: "1", checks: [ledgerCheck(portal.sql)], keepMs: 0 });
  const ask = async () => {
    await waiting;
    return report("ok");
  };
  const components = makeComponents({ sql: portal.sql, clock: systemClock, health, gatewayUrl: gateway, ask });
  const looking = components.look();
  const said = { title: "Declared meanwhile", impact: "none", components: [], state: "monitoring" } as const;
  await openIncident(portal.sql, { ...said, message: "It is seen.", declaredBy: "ada" });
  components.forget();
  goOn();
  expect((await looking).incidents.map(({ title }) => title)).toContain("Declared meanwhile");
});

test("what changed while the ledger was away is written when it is back, with the time of the change", async () => {
  let isAway = false;
  const away = () => Promise.reject(ledgerUnavailable("it is away"));
  const sql = new Proxy(portal.sql, {
    get: (target, key) =>
      isAway && ["query", "one", "maybe", "tx"].includes(String(key)) ? away : Reflect.get(target, key, target),
  }) as Pool;
  let nowMs = Date.now();
  const clock = { ...systemClock, now: () => nowMs };
  const health = makeHealth({ process: "portal", version: "1", checks: [ledgerCheck(sql)], keepMs: 0, clock });
  const components = makeComponents({ sql, clock, health, gatewayUrl: null, ask: async () => report("ok") });
  await components.look();
  await components.flush();
  isAway = true;
  nowMs += 60_000;
  const lostAt = nowMs;
  await components.look();
  await expect(components.flush()).rejects.toMatchObject({ code: "NEB910" });
  isAway = false;
  nowMs += 60_000;
  await components.look();
  await components.flush();
  const { history } = await components.look();
  const ledger = history.filter(({ component }) => component === "ledger").slice(0, 2);
  expect(ledger.map(({ state, reasons, at }) => [state, reasons, at.getTime()])).toEqual([
    ["ok", [], lostAt + 60_000],
    ["down", ["NEB910"], lostAt],
  ]);
});
