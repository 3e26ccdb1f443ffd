import { describe, expect, test } from "vitest";
import { packed, tagged, unlessKnown } from "./conditional.ts";
import { exposing } from "./database.ts";
import { makeKeptAnswers } from "./kept-answers.ts";
import { endpointOf, routeOf } from "./route.ts";
import type { Answer, Asked, Caller } from "./types.ts";

describe("which database a request is about", () => {
  const route = (url: string, host = "127.0.0.1:4493") => routeOf(url, host, "db.localhost");
  test("by path, by host name, by the endpoint's name", () => {
    const below = { kind: "database", path: "/rest/v1/orders", query: "id=eq.1" };
    expect(route("/acme/shop/orders/rest/v1/orders?id=eq.1")).toEqual({
      ...below,
      named: { by: "id", id: "acme.shop.orders" },
    });
    expect(route("/rest/v1/orders?id=eq.1", "orders.shop.acme.db.localhost:1")).toEqual({
      ...below,
      named: { by: "id", id: "acme.shop.orders" },
    });
    expect(route("/rest/v1/orders?id=eq.1", "ACME-shop-orders-1f2e3d4c.db.localhost")).toMatchObject({
      named: { by: "endpoint", endpoint: "acme-shop-orders-1f2e3d4c" },
    });
  });
  test.each(["/acme", "/acme/shop", "/../../etc/passwd", "/Acme/shop/orders/rest/v1", "/a%2fb/c/d/rest/v1", "//a/b/c"])(
    "%s names none",
    (url) => {
      expect(route(url).kind).toBe("nothing");
    },
  );
  test("health is no database's", () => {
    expect(route("/")).toEqual({ kind: "health" });
    expect(route("/livez", "gateway.db.localhost")).toEqual({ kind: "health" });
    expect(route("/acme/shop/orders/rest/v1/x", "gateway.db.localhost")).toMatchObject({ named: { by: "id" } });
  });
  test("what limits and cache call an endpoint", () => {
    expect(endpointOf("/orders", undefined, ["public"])).toBe("public.orders");
    expect(endpointOf("/my%20orders", "shop", ["public"])).toBe("shop.my orders");
    expect(endpointOf("/rpc/send", undefined, ["public"])).toBe("rpc.send");
    expect(endpointOf("/%", undefined, ["public"])).toBe("public.%");
    expect(endpointOf("/", undefined, ["public"])).toBeUndefined();
  });
});

test("what row-level security does not guard is served only by name", () => {
  const isServed = exposing(["public.countries", "open.*"]);
  const of = (schema: string, name: string, isGuarded = false) => isServed({ schema, name, kind: "table", isGuarded });
  expect([of("public", "countries"), of("open", "x"), of("public", "x"), of("public", "x", true)]).toEqual([
    true,
    true,
    false,
    true,
  ]);
});

describe("kept answers", () => {
  const asked = (more: Partial<Asked> = {}): Asked => ({
    method: "GET",
    path: "/rest/v1/t",
    query: "",
    headers: {},
    address: "::1",
    ...more,
  });
  const caller = (more: Partial<Caller> = {}): Caller => ({
    kind: "token",
    role: "authenticated",
    claims: { sub: "a" },
    subject: "a",
    mayWrite: true,
    ...more,
  });
  const id = "a.b.c" as const;
  test("everything that the database can see is in the key", () => {
    const kept = makeKeptAnswers();
    const key = (a: Partial<Asked> = {}, c: Partial<Caller> = {}) => kept.keyOf(id, "public.t", asked(a), caller(c));
    const others = [
      key({ query: "a=1" }),
      key({ headers: { accept: "text/csv" } }),
      key({ headers: { "x-tenant": "7" } }),
      key({ headers: { cookie: "a=b" } }),
      key({}, { role: "anon" }),
      key({}, { claims: { sub: "b" } }),
      kept.keyOf("a.b.d", "public.t", asked(), caller()),
    ];
    expect(new Set([key(), ...others]).size).toBe(others.length + 1);
    expect(key({ headers: { "user-agent": "x", "if-none-match": '"a"' } })).toBe(key());
  });
  test("a write ends what is kept of its table, and of others where tables are embedded", () => {
    const kept = makeKeptAnswers();
    const keys = () => [
      kept.keyOf(id, "public.t", asked(), caller()),
      kept.keyOf(id, "public.u", asked(), caller()),
      kept.keyOf(id, "public.u", asked({ query: "select=id,t(id)" }), caller()),
      kept.keyOf("x.y.z", "public.t", asked(), caller()),
    ];
    const changes = (relations: readonly string[]) => {
      const before = keys();
      kept.wrote(id, relations);
      return keys().map((key, i) => key !== before[i]);
    };
    expect(changes([])).toEqual([false, false, false, false]);
    expect(changes(["public.t"])).toEqual([true, false, true, false]);
    expect(changes(["*"])).toEqual([true, true, true, false]);
  });
});

test("tags name bytes: another type, range or packing is another tag", async () => {
  const answer = (headers: Readonly<Record<string, string>>): Answer => ({
    status: 200,
    headers,
    body: Buffer.from("x".repeat(5_000)),
  });
  const tags = [{}, { "content-type": "text/csv" }, { "content-range": "0-1/2" }].map(
    (headers) => tagged(answer(headers)).headers.etag ?? "",
  );
  expect(new Set(tags).size).toBe(3);
  const zipped = await packed(tagged(answer({})), { headers: { "accept-encoding": "br, gzip" } });
  expect(zipped.headers.etag).toBe(tags[0]?.replace(/"$/, '-gz"'));
  expect(unlessKnown(tagged(answer({})), zipped.headers.etag).status).toBe(304);
  expect(unlessKnown(tagged(answer({})), "*").status).toBe(304);
  expect(
    (await packed(answer({}), { headers: { "accept-encoding": "gzip;q=0, br" } })).headers["content-encoding"],
  ).toBeUndefined();
});
