/** Functions: how they are found, how arguments reach them, what comes back; what one request leaves for the next; the schema's changes. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { type ApiGround, makeApiGround } from "./ground.ts";

let ground: ApiGround;
beforeAll(async () => {
  ground = await makeApiGround();
});
afterAll(() => ground.close());
const rpc = (name: string, args?: object, options?: object) => ground.client().rpc(name, args, options);

describe("arguments", () => {
  test("by name, with defaults, by POST and GET", async () => {
    expect((await rpc("add_them", { a: 1, b: 2 })).data).toBe(3);
    expect((await rpc("add_them", { a: 1 })).data).toBe(11);
    expect((await rpc("add_them", { a: 1, b: 5 }, { get: true })).data).toBe(6);
  });
  test("variadic", async () => {
    expect((await ground.ask("/rpc/join_all?parts=a&parts=b")).json).toBe("a-b");
    expect((await rpc("join_all", { parts: ["x", "y", "z"] })).data).toBe("x-y-z");
  });
  test("one unnamed parameter takes the body", async () => {
    const post = (name: string, type: string, body: string | Buffer) =>
      ground.ask(`/rpc/${name}`, { method: "POST", body, headers: { "content-type": type } });
    expect((await post("raw_json", "application/json", '[1, {"a": 2}]')).text).toBe('[1, {"a": 2}]');
    expect((await post("raw_json", "application/json", '{"any": "keys"}')).json).toEqual({ any: "keys" });
    expect((await post("raw_text", "text/plain", "hello")).json).toBe("hello");
    expect((await post("raw_bytes", "application/octet-stream", Buffer.from([1, 2]))).json).toBe("\\x0102");
  });
  test("overloads are told apart by their names", async () => {
    expect((await rpc("overloaded", { a: 1 })).data).toBe("int");
    expect((await rpc("overloaded", { a: "1", b: "2" })).data).toBe("two");
  });
  test("that fit no function are refused", async () => {
    const { error, status } = await rpc("add_them", { x: 1 });
    expect([status, error?.code]).toEqual([404, "PGRST202"]);
    expect(error?.hint).toBe("Perhaps you meant to call the function public.add_them(a, b)");
    expect((await rpc("addthem", { a: 1 })).error?.hint).toContain("public.add_them");
    expect((await rpc("add_them", { a: "x" })).error?.code).toBe("22P02");
  });
});

describe("results", () => {
  test("rows, with select, filters, embeds, order, limit and count", async () => {
    const { data, count } = await rpc("get_projects", { minimum: 100 }, { count: "exact" })
      .select("name,clients(name)")
      .neq("name", "Gamma")
      .order("name", { ascending: false })
      .limit(1);
    expect([data, count]).toEqual([[{ name: "Beta", clients: { name: "Acme" } }], 2]);
    expect((await rpc("get_projects", {}, { get: true }).select("id").gt("id", 3)).data).toEqual([{ id: 4 }]);
    expect((await rpc("get_projects", {}, { head: true, count: "exact" })).count).toBe(4);
  });
  test("one row, a table, a set of scalars, nothing", async () => {
    expect((await rpc("one_project", { id: 1 }).select("id,name")).data).toEqual({ id: 1, name: "Alpha" });
    expect((await rpc("table_of", { n: 3 }).gt("square", 1)).data).toEqual([
      { i: 2, square: 4 },
      { i: 3, square: 9 },
    ]);
    expect((await rpc("words")).data).toEqual(["a", "b"]);
    const none = await rpc("nothing");
    expect([none.status, none.data]).toEqual([204, null]);
    expect((await rpc("get_projects", {}).select("id").eq("id", 2).single()).data).toEqual({ id: 2 });
    expect((await rpc("get_projects").single()).error?.code).toBe("PGRST116");
  });
  test("other media", async () => {
    const accept = (name: string, type: string) => ground.ask(`/rpc/${name}`, { headers: { accept: type } });
    expect((await accept("add_them?a=1", "text/plain")).text).toBe("11");
    expect((await accept("table_of?n=2", "text/csv")).text).toBe("i,square\n1,1\n2,4");
    expect((await accept("add_them?a=1", "application/octet-stream")).status).toBe(406);
  });
  test("a function that writes is not called by GET", async () => {
    const asked = await ground.ask("/rpc/make_client?id=300&name=x");
    expect([asked.status, asked.json.code]).toEqual([405, "25006"]);
    expect((await rpc("make_client", { id: 300, name: "x" })).data).toEqual({ id: 300, name: "x", mood: "ok" });
  });
  test("functions set status, headers and errors", async () => {
    const tea = await ground.ask("/rpc/say_status", { method: "POST", body: "{}" });
    expect([tea.status, tea.headers.get("x-tea")]).toEqual([418, "green"]);
    const refused = await ground.ask("/rpc/refuse", { method: "POST", body: "{}" });
    expect([refused.status, refused.json]).toEqual([
      402,
      { code: "PT402", message: "no", details: "why", hint: "pay" },
    ]);
  });
});

describe("a transaction", () => {
  test("knows who asks and what, but not what proves it", async () => {
    const { json } = await ground.ask("/rpc/who", {
      headers: { "x-agent": "me", authorization: "Bearer secret", "x-sub": "ann" },
    });
    expect(json).toMatchObject({
      role: "authenticated",
      claims: { role: "authenticated", sub: "ann" },
      method: "GET",
      path: "/rpc/who",
      agent: "me",
      key: null,
    });
  });
  test("leaves nothing to the next one on its connection", async () => {
    const alone = await makeApiGround({}, undefined, 1);
    try {
      const left = await alone.ask("/rpc/leave_residue", { method: "POST", body: "{}" });
      expect(left.status).toBe(204);
      const found = await alone.ask("/rpc/find_residue", { method: "POST", body: "{}", role: "anon" });
      expect(found.json).toEqual({ secret: "", temp: null, locks: 0, role: "anon" });
    } finally {
      await alone.close();
    }
  });
});

describe("the schema", () => {
  test("is read anew when the server says so", async () => {
    expect((await ground.client().from("fresh").select()).error?.code).toBe("PGRST205");
    await ground.db.sql.query(
      "create table fresh (id int primary key); grant all on fresh to authenticated; notify pgrst, 'reload schema'",
    );
    await eventually("the new table", async () => (await ground.client().from("fresh").select()).error === null);
    await ground.db.sql.query("alter table fresh add column more text; notify pgrst");
    await eventually(
      "the new column",
      async () => (await ground.client().from("fresh").insert({ id: 1, more: "x" })).error === null,
    );
  });
  test("is looked at again on a miss when it may be stale", async () => {
    await ground.db.sql.query("create table later (id int primary key); grant all on later to authenticated");
    ground.api.markStale();
    expect((await ground.client().from("later").select()).error).toBeNull();
  });
  test("is described for the role that asks", async () => {
    const described = (await ground.api.openapi({ role: "anon", claims: {} })) as {
      paths: object;
      components: { schemas: object };
    };
    expect(Object.keys(described.paths).filter((path) => !path.startsWith("/rpc/"))).toEqual([
      "/clients",
      "/notes",
      "/projects",
    ]);
    const swagger = await ground.ask("/", { headers: { accept: "application/openapi+json;version=2.0" } });
    expect([swagger.json.swagger, swagger.json.definitions.clients.properties.id.description]).toEqual([
      "2.0",
      "Note:\nThis is a Primary Key.<pk/>",
    ]);
    expect((await ground.ask("/")).json.components.schemas.clients.properties.mood.enum).toEqual([
      "sad",
      "ok",
      "happy",
      null,
    ]);
  });
});
