import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deployShop } from "./deployed.ts";
import { startPortal, type TestPortal } from "./harness.ts";

describe("limits of all portals together", () => {
  let first: TestPortal;
  let second: TestPortal;
  let strangers: TestPortal;
  beforeAll(async () => {
    const rules =
      "key=40,user=1000,writes=5,metrics-user=3,metrics-database=4,failures=3,public=5,key@platform-admin=1000";
    first = await startPortal({ rules });
    second = await startPortal({ rules, beside: first });
    strangers = await startPortal({ rules, beside: first, reachable: { trustedProxies: ["127.0.0.0/8"] } });
    await deployShop(first.sql, ["orders", "sessions"]);
  });
  afterAll(async () => {
    for (const portal of [strangers, second, first]) await portal.close();
  });
  const statuses = async (asks: readonly (() => Promise<{ status: number }>)[]) =>
    (await Promise.all(asks.map((ask) => ask()))).map(({ status }) => status);
  const count = (list: readonly number[], status: number) => list.filter((each) => each === status).length;

  it("admit exactly the limit, however many ask at once and wherever", async () => {
    const token = await first.tokenFor("viewer", "shop", null, "crowd");
    const asks = Array.from(
      { length: 120 },
      (_, i) => () => (i % 2 ? first : second).as(token).get("/api/v1/versions"),
    );
    const answers = await statuses(asks.slice(0, 60));
    answers.push(...(await statuses(asks.slice(60))));
    // A portal may hold tokens of its lease that the other one would have liked: never more, at most a twentieth less.
    expect(count(answers, 200)).toBeLessThanOrEqual(40);
    expect(count(answers, 200)).toBeGreaterThanOrEqual(38);
    expect(count(answers, 200) + count(answers, 429)).toBe(120);
  });

  it("say in headers which rules counted, how much is left of the tightest, and when to come back", async () => {
    const caller = first.as(await first.tokenFor("viewer", "shop", null, "reader"));
    const { headers } = await caller.get("/api/v1/versions");
    expect(headers.get("ratelimit-policy")).toBe('"key";q=40;w=60, "user";q=1000;w=60');
    expect(headers.get("ratelimit")).toBe('"key";r=39;t=60');
  });

  it("count changes of a user beside his reads, over all his keys", async () => {
    const [one, two] = [
      await first.tokenFor("project-admin", "shop", null, "eve"),
      await first.tokenFor("project-admin", "shop", null, "eve"),
    ];
    const pause = "/api/v1/domain/shop/project/store/databases/orders/pause";
    for (const token of [one, two, one, two, one]) expect((await first.as(token).send("POST", pause)).status).toBe(202);
    const refused = await second.as(two).send("POST", pause);
    expect(refused).toMatchObject({ status: 429, body: { code: "NEB605" } });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await second.as(two).get("/api/v1/versions")).status).toBe(200);
  });

  it("hold metrics to so many a user and so many a database, and nobody spends a stranger's", async () => {
    const metrics = (name: string) => `/api/v1/domain/shop/project/store/databases/${name}/metrics`;
    const bank = first.as(await first.tokenFor("viewer", "bank", null, "stranger"));
    for (let i = 0; i < 3; i++) expect((await bank.get(metrics("orders"))).status).toBe(404);
    const ann = first.as(await first.tokenFor("viewer", "shop", null, "ann"));
    for (let i = 0; i < 3; i++) expect((await ann.get(metrics("orders"))).status).toBe(200);
    expect((await ann.get(metrics("sessions"))).body.detail).toContain("metrics-user");
    const bob = second.as(await first.tokenFor("viewer", "shop", null, "bob"));
    expect((await bob.get(metrics("orders"))).status).toBe(200);
    expect((await bob.get(metrics("orders"))).body.detail).toContain("metrics-database");
    expect((await bob.get(metrics("sessions"))).status).toBe(200);
  });

  it("are wider for a role that the config names", async () => {
    const admin = first.as(await first.tokenFor("platform-admin"));
    expect((await admin.get("/api/v1/versions")).headers.get("ratelimit-policy")).toContain('"key";q=1000;w=60');
  });

  it("count addresses that proxies in front tell, when they are trusted, and believe nobody else", async () => {
    const from = (portal: TestPortal, address: string, token: string) =>
      portal.as(token).get("/api/v1/versions", { "x-forwarded-for": address });
    for (let i = 0; i < 3; i++) expect((await from(strangers, "198.51.100.7", "ndb_wrong")).status).toBe(401);
    expect((await from(strangers, "198.51.100.7", "ndb_wrong")).status).toBe(429);
    expect((await from(strangers, "198.51.100.8", "ndb_wrong")).status).toBe(401);
    // The right-most address that is no proxy counts; what a client wrote before it does not.
    expect((await from(strangers, "203.0.113.1, 198.51.100.7", "ndb_wrong")).status).toBe(429);
    for (let i = 0; i < 3; i++) await from(first, `192.0.2.${i}`, "ndb_wrong");
    expect((await from(first, "192.0.2.99", "ndb_wrong")).status, "not trusted: all are one address").toBe(429);
  });

  it("hold routes without a token by address, and never those that machines watch", async () => {
    const answers = await statuses(Array.from({ length: 8 }, () => () => second.as("").get("/openapi.json")));
    expect([count(answers, 200), count(answers, 429)]).toEqual([5, 3]);
    for (let i = 0; i < 10; i++) expect((await second.as("").get("/health")).status).toBe(200);
  });
});
