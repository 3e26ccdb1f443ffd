/** The data API as a server: limits, kept answers, conditional requests, bodies, browsers, sleep, and what is counted. */
import { request } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asTenant } from "../compute/ground.ts";
import { eventually } from "../harness/eventually.ts";
import { addKey, apiOf, clientOf, makeWebGround, type WebGround } from "./web-ground.ts";

const schema = [
  "create table countries (id int primary key, name text not null)",
  "insert into countries select i, 'country ' || i from generate_series(1, 200) i",
  "create table cities (id int primary key, country int references countries, name text)",
  "insert into cities values (1, 1, 'one')",
  "create table secrets (id int primary key, owner text)",
  "insert into secrets values (1, 'anna'), (2, 'ben')",
  "alter table secrets enable row level security",
  "create policy own on secrets using (owner = current_setting('request.jwt.claims', true)::json->>'sub')",
  "grant select, insert, update, delete on countries, cities to anon, authenticated",
  "grant select on secrets to authenticated",
  "create function slow(seconds float8) returns text language sql as $$ select pg_sleep(seconds)::text $$",
  "create function leave_a_mark() returns text language sql as $$ select set_config('app.mark', 'seen', false) $$",
];
const open = { anonymous: "anon", exposeWithoutRls: ["countries", "cities"] };

let ground: WebGround;
beforeAll(async () => {
  ground = await makeWebGround(schema, {
    api: {
      ...open,
      timeout: "2s",
      maxBody: "1Mi",
      cache: { countries: "1h", secrets: "1h" },
      cors: ["https://app.example.com"],
      limits: { perKeyPerSecond: 3, endpoints: { "rpc.leave_a_mark": 2 } },
    },
  });
});
afterAll(() => ground?.close());

const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${ground.url}${path}`, { headers });
const requestsOf = ({ accounts, wanted }: WebGround) => accounts.get(wanted.id)?.requests ?? 0;
/** Not more often than the limits of this ground allow one caller. */
const inTurn = () => new Promise((resolve) => setTimeout(resolve, 1100));

test("the reference is one page for every database there is or is not, wakes none, and is nobody's to pay", async () => {
  const before = requestsOf(ground);
  const page = (url: string) => fetch(url).then(async (answer) => [answer.status, await answer.text()]);
  const own = ground.url.replace("/rest/v1", "/docs");
  const found = await page(own);
  expect(found).toEqual([200, expect.stringContaining("docs/page.js")]);
  expect(await page(own.replace("/acme/", "/nobody/"))).toEqual(found);
  expect((await page(`${own}/page.js`))[0]).toBe(200);
  expect((await page(`${own}/answer.ts`))[0]).toBe(404);
  expect(requestsOf(ground)).toBe(before);
});

describe("limits", () => {
  test("one key is told when it asks too often, with what is left and when to come again; another is not", async () => {
    const [often, seldom] = [addKey(ground, "read"), addKey(ground, "read")];
    const answers = await Promise.all(Array.from({ length: 12 }, () => get("/cities?select=id", { apikey: often })));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(3);
    expect(statuses).toContain(429);
    const refused = answers.find(({ status }) => status === 429);
    expect(Number(refused?.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(refused?.headers.get("ratelimit-policy")).toBe('"key";q=3;w=1');
    expect(await refused?.json()).toMatchObject({ code: "PGRST429", hint: expect.stringContaining("api.limits") });
    const other = await get("/cities?select=id", { apikey: seldom });
    expect([other.status, other.headers.get("ratelimit")]).toEqual([200, expect.stringMatching(/^"key";r=\d;t=\d$/)]);
  });

  test("an endpoint has a limit of its own, for all who ask", async () => {
    const ask = () =>
      fetch(`${ground.url}/rpc/leave_a_mark`, { method: "POST", headers: { apikey: addKey(ground, "write") } });
    const statuses = (await Promise.all(Array.from({ length: 8 }, ask))).map(({ status }) => status);
    expect(statuses).toContain(200);
    expect(statuses).toContain(429);
  });

  test("wrong credentials of one address are refused before anybody is asked about them", async () => {
    const guessed = await makeWebGround([], { api: open, web: { guessesPerMinute: 5 } });
    try {
      for (let i = 0; i < 5; i++)
        expect(
          (
            await fetch(guessed.url, {
              headers: { apikey: `ndb_test_${String(i).padStart(26, "0")}_${"y".repeat(49)}` },
            })
          ).status,
        ).toBe(401);
      const asked = guessed.portal.asked;
      const next = await fetch(guessed.url, { headers: { apikey: addKey(guessed, "read") } });
      expect([next.status, guessed.portal.asked]).toEqual([429, asked]);
    } finally {
      await guessed.close();
    }
  });
});

describe("what is kept", () => {
  test("answers come again without the database, and end with a write through the API", async () => {
    await inTurn();
    const query = "/countries?select=name&id=eq.7";
    const before = requestsOf(ground);
    const first = await (await get(query)).text();
    await asTenant(ground.ground.driver, ground.wanted, (sql) =>
      sql.query("update countries set name = 'by hand' where id = 7"),
    );
    expect(await (await get(query)).text()).toBe(first); // others' writes are seen when the time is over
    expect(requestsOf(ground) - before).toBe(2);
    await inTurn();
    const client = clientOf(ground);
    expect((await client.from("countries").update({ name: "through it" }).eq("id", 7)).error).toBeNull();
    expect(await (await get(query)).json()).toEqual([{ name: "through it" }]);
    const cached = ground.observations.filter((one) => one.kind === "api.request" && one.cached);
    expect(cached).toHaveLength(1);
  });

  test("embedded tables end it as well", async () => {
    await inTurn();
    const query = "/countries?select=id,cities(name)&id=eq.1";
    expect(await (await get(query)).json()).toEqual([{ id: 1, cities: [{ name: "one" }] }]);
    expect((await clientOf(ground).from("cities").insert({ id: 2, country: 1, name: "two" })).error).toBeNull();
    expect(await (await get(query)).json()).toMatchObject([{ cities: [{ name: "one" }, { name: "two" }] }]);
  });

  test("nobody gets what was kept for somebody else", async () => {
    const [anna, ben] = ["anna", "ben"].map((user) => addKey(ground, "read", { user }));
    for (const _ of [1, 2]) {
      expect(await (await get("/secrets?select=id", { apikey: anna ?? "" })).json()).toEqual([{ id: 1 }]);
      expect(await (await get("/secrets?select=id", { apikey: ben ?? "" })).json()).toEqual([{ id: 2 }]);
    }
  });
});

describe("HTTP", () => {
  test("an answer has a strong tag, and who has it is told so", async () => {
    await inTurn();
    const first = await get("/cities?select=id&order=id");
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[\w-]{20,}"$/);
    const again = await get("/cities?select=id&order=id", { "if-none-match": `"other", ${etag}` });
    expect([again.status, again.headers.get("etag"), await again.text()]).toEqual([304, etag, ""]);
    expect((await get("/cities?select=name", { "if-none-match": etag })).status).toBe(200);
  });

  test("a long answer is packed for who takes that, under another tag", async () => {
    await inTurn();
    const sent = await new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      request(`${ground.url}/countries?limit=200`, { headers: { "accept-encoding": "gzip" } }, (response) => {
        response.resume().on("end", () => resolve(response.headers));
      })
        .on("error", reject)
        .end();
    });
    expect(sent).toMatchObject({ "content-encoding": "gzip", etag: expect.stringMatching(/-gz"$/) });
    expect(String(sent.vary)).toContain("Accept-Encoding");
    expect(await (await get("/countries?limit=200")).json()).toHaveLength(200);
  });

  test("bodies that are too long or packed are refused, and HEAD has none", async () => {
    await inTurn();
    const post = (body: string, headers = {}) =>
      fetch(`${ground.url}/cities`, {
        method: "POST",
        body,
        headers: { "content-type": "application/json", ...headers },
      });
    expect((await post("x".repeat(2 ** 20 + 1))).status).toBe(413);
    expect((await post("{}", { "content-encoding": "gzip" })).status).toBe(415);
    const head = await fetch(`${ground.url}/cities`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  test("browsers of declared origins may ask, others may not; asking whether wakes and counts nothing", async () => {
    await inTurn();
    const ask = (origin: string) =>
      fetch(`${ground.url}/cities`, {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "PATCH",
          "access-control-request-headers": "apikey,prefer",
        },
      });
    const before = requestsOf(ground);
    const [ours, theirs] = [await ask("https://app.example.com"), await ask("https://evil.example")];
    expect([ours.status, ours.headers.get("access-control-allow-origin")]).toEqual([204, "https://app.example.com"]);
    expect(ours.headers.get("access-control-allow-methods")).toContain("PATCH");
    expect(theirs.headers.get("access-control-allow-origin")).toBeNull();
    expect(requestsOf(ground)).toBe(before);
    const answer = await get("/cities", { origin: "https://app.example.com" });
    expect(answer.headers.get("access-control-expose-headers")).toContain("Content-Range");
  });

  test("a statement that runs too long ends, and what it leaves in its session does not reach the next", async () => {
    await inTurn();
    const slow = await fetch(`${ground.url}/rpc/slow`, {
      ...{ method: "POST", body: '{"seconds": 30}', headers: { "content-type": "application/json" } },
    });
    expect(slow.status).toBeGreaterThanOrEqual(500);
    expect(await slow.json()).toMatchObject({ code: "57014" });
    expect((await get("/cities?select=id")).status).toBe(200);
  });

  test("bytes that are no request are answered, and the server goes on", async () => {
    const said = await new Promise<string>((resolve, reject) => {
      let text = "";
      const socket = connect(ground.port, "127.0.0.1", () => socket.write("nonsense\r\n\r\n"));
      socket.on("data", (bytes) => {
        text += bytes;
      });
      socket.on("close", () => resolve(text)).on("error", reject);
    });
    expect(said).toMatch(/^HTTP\/1\.1 400/);
    expect((await fetch(`http://127.0.0.1:${ground.port}/`)).status).toBe(200);
  });

  test("a database is found by its host name as well", async () => {
    await inTurn();
    const [tenant, project, database] = ground.wanted.id.split(".");
    const ask = (host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        request({ port: ground.port, path: "/rest/v1/cities?select=id", headers: { host } }, (response) =>
          response.resume().on("end", () => resolve(response.statusCode)),
        )
          .on("error", reject)
          .end();
      });
    expect(await ask(`${database}.${project}.${tenant}.db.localhost:${ground.port}`)).toBe(200);
    expect(await ask(`nobody.${project}.${tenant}.db.localhost`)).toBe(404);
  });
});

test("a request wakes a database that sleeps; health and strangers do not, and idle connections keep none awake", async () => {
  const sleeper = await makeWebGround(schema, {
    api: open,
    wanted: { suspendAfterSeconds: 0.05 },
    keeper: { suspension: { sweepMs: 10, stopAfterFrozenMs: 0 } },
  });
  try {
    const { keeper, wanted, url, port } = sleeper;
    const asleep = () => eventually("it sleeps", () => keeper.state(wanted.id) === "asleep", { everyMs: 10 });
    for (const round of [1, 2, 3]) {
      await asleep();
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
      expect((await fetch(`${url}/cities`, { headers: { apikey: "ndb_live_x" } })).status).toBe(401);
      expect(keeper.state(wanted.id)).toBe("asleep");
      const answer = await fetch(`${url}/cities?select=id`);
      expect([round, answer.status, await answer.json()]).toEqual([round, 200, [{ id: 1 }]]);
    }
    await asleep();
    const many = await Promise.all(Array.from({ length: 40 }, () => fetch(`${url}/cities?select=id`)));
    expect(many.map(({ status }) => status)).toEqual(many.map(() => 200));
  } finally {
    await sleeper.close();
  }
});

test("a declaration that changes is in force with the next request, and without an api there is none", async () => {
  const changing = await makeWebGround(schema, { api: open });
  try {
    const { ground: machine, wanted, url } = changing;
    expect((await fetch(`${url}/cities`)).status).toBe(200);
    await machine.driver.ensure({ ...wanted, api: apiOf({ exposeWithoutRls: ["cities"] }) });
    expect((await fetch(`${url}/cities`)).status).toBe(401);
    const { api: _, ...without } = wanted;
    const { changed } = await machine.driver.ensure(without);
    expect(changed).toContain("close nebula_api");
    expect((await fetch(`${url}/cities`)).status).toBe(404);
    await machine.driver.ensure(wanted);
    expect((await fetch(`${url}/cities`)).status).toBe(200);
    await machine.driver.pause(wanted.id);
    expect((await fetch(`${url}/cities`)).status).toBe(503);
  } finally {
    await changing.close();
  }
});
