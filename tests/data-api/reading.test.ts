/** Select, embedding, order, ranges, counts and the shapes of an answer. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiGround, makeApiGround } from "./ground.ts";

let ground: ApiGround;
beforeAll(async () => {
  ground = await makeApiGround();
});
afterAll(() => ground.close());
const from = (table: string) => ground.client().from(table);

describe("select", () => {
  test("columns, renames, casts", async () => {
    const { data } = await from("projects").select("number:id,name,budget::text").eq("id", 1);
    expect(data).toEqual([{ number: 1, name: "Alpha", budget: "100" }]);
  });
  test("everything", async () => {
    const { data } = await from("clients").select().order("id").limit(1);
    expect(data).toEqual([{ id: 1, name: "Acme", mood: "happy" }]);
  });
  test("computed columns are selected, filtered and ordered by", async () => {
    const { data } = await from("clients")
      .select("upper_name")
      .neq("upper_name", "CORE")
      .order("upper_name", { ascending: false });
    expect(data).toEqual([{ upper_name: "BOLT" }, { upper_name: "ACME" }]);
  });
  test("aggregates, grouped by what stands beside them", async () => {
    const { data } = await from("projects")
      .select("client_id,budget.sum(),most:budget.max(),n:count(),budget.avg()::int")
      .order("client_id", { nullsFirst: false });
    expect(data).toEqual([
      { client_id: 1, sum: 300, most: 200, n: 2, avg: 150 },
      { client_id: 2, sum: 300, most: 300, n: 1, avg: 300 },
      { client_id: null, sum: null, most: null, n: 1, avg: null },
    ]);
    const embedded = await from("clients").select("name,projects(budget.min(),count())").order("id").limit(1);
    expect(embedded.data).toEqual([{ name: "Acme", projects: [{ min: 100, count: 2 }] }]);
  });
});

describe("embedding", () => {
  test("to one and to many", async () => {
    const { data } = await from("projects")
      .select("name,clients(name),tasks(title)")
      .eq("id", 1)
      .order("id", { referencedTable: "tasks" });
    expect(data).toEqual([{ name: "Alpha", clients: { name: "Acme" }, tasks: [{ title: "one" }, { title: "two" }] }]);
  });
  test("nothing there is null and an empty list", async () => {
    const { data } = await from("projects").select("clients(name),tasks(title)").eq("id", 4);
    expect(data).toEqual([{ clients: null, tasks: [] }]);
  });
  test("many to many over a junction, both ways, and the junction itself", async () => {
    const { data } = await from("people")
      .select("name,projects(name),members(role,projects(name))")
      .eq("id", 2)
      .order("name", { referencedTable: "projects" });
    expect(data).toMatchObject([{ name: "Bob", projects: [{ name: "Alpha" }, { name: "Beta" }] }]);
    const back = await from("projects").select("people(name)").eq("id", 1).order("id", { referencedTable: "people" });
    expect(back.data).toEqual([{ people: [{ name: "Ann" }, { name: "Bob" }] }]);
  });
  test("one to one, both ways", async () => {
    expect((await from("people").select("passports(number)").eq("id", 1)).data).toEqual([
      { passports: { number: "P-1" } },
    ]);
    expect((await from("passports").select("people(name)")).data).toEqual([{ people: { name: "Ann" } }]);
  });
  test("a table's own parent and children", async () => {
    const { data } = await from("people").select("name,boss:boss_id(name),below:people!boss_id(name)").eq("id", 2);
    expect(data).toEqual([{ name: "Bob", boss: { name: "Ann" }, below: [{ name: "Dee" }] }]);
  });
  test("two ways need a hint", async () => {
    const { error, status } = await from("orders").select("id,addresses(street)");
    expect([status, error?.code]).toEqual([300, "PGRST201"]);
    expect(error?.hint).toContain("addresses!orders_billing_id_fkey");
    const { data } = await from("orders")
      .select("billing:addresses!billing_id(street),shipping:addresses!orders_shipping_id_fkey(street)")
      .eq("id", 1);
    expect(data).toEqual([{ billing: { street: "First" }, shipping: { street: "Second" } }]);
    expect((await from("orders").select("billing_id(street)").eq("id", 1)).data).toEqual([
      { billing_id: { street: "First" } },
    ]);
  });
  test("no way is refused", async () => {
    const { error, status } = await from("clients").select("orders(id)");
    expect([status, error?.code]).toEqual([400, "PGRST200"]);
  });
  test("inner leaves out who has none, and filters on the embed then decide", async () => {
    expect((await from("projects").select("id,clients!inner(name)").order("id")).data).toHaveLength(3);
    const { data } = await from("projects").select("id,clients!inner(name)").eq("clients.name", "Bolt");
    expect(data).toEqual([{ id: 3, clients: { name: "Bolt" } }]);
    expect((await from("clients").select("id,projects!inner()").eq("projects.name", "Beta")).data).toEqual([{ id: 1 }]);
    expect((await from("clients").select("id,projects!left(id)").order("id")).data).toHaveLength(3);
  });
  test("filters, order, limit and offset on an embed", async () => {
    const { data } = await from("clients")
      .select("name,projects(name)")
      .eq("id", 1)
      .gt("projects.budget", 0)
      .order("budget", { referencedTable: "projects", ascending: false })
      .limit(1, { referencedTable: "projects" });
    expect(data).toEqual([{ name: "Acme", projects: [{ name: "Beta" }] }]);
    const ranged = await from("clients")
      .select("projects(id)")
      .eq("id", 1)
      .order("id", { referencedTable: "projects" })
      .range(1, 1, { referencedTable: "projects" });
    expect(ranged.data).toEqual([{ projects: [{ id: 2 }] }]);
    const or = await from("clients")
      .select("projects(id)")
      .eq("id", 1)
      .or("id.eq.2,name.eq.Nope", { referencedTable: "projects" });
    expect(or.data).toEqual([{ projects: [{ id: 2 }] }]);
    const deep = await from("clients")
      .select("projects(tasks(title))")
      .eq("id", 1)
      .eq("projects.tasks.title", "three")
      .order("id", { referencedTable: "projects" });
    expect(deep.data).toEqual([{ projects: [{ tasks: [] }, { tasks: [{ title: "three" }] }] }]);
  });
  test("whether an embed is there, as a filter", async () => {
    expect((await from("projects").select("id,clients(name)").is("clients", null)).data).toEqual([
      { id: 4, clients: null },
    ]);
    expect((await from("projects").select("id,tasks()").not("tasks", "is", null).order("id")).data).toEqual([
      { id: 1 },
      { id: 2 },
      { id: 3 },
    ]);
    expect((await from("projects").select("id,tasks(),clients()").or("tasks.is.null,clients.is.null")).data).toEqual([
      { id: 4 },
    ]);
  });
  test("order by a column of a to-one embed", async () => {
    const { data } = await from("projects")
      .select("id,clients()")
      .order("clients(name)", { ascending: false, nullsFirst: false })
      .order("id");
    expect(data).toEqual([{ id: 3 }, { id: 1 }, { id: 2 }, { id: 4 }]);
    expect((await from("clients").select("id,projects()").order("projects(name)")).error?.code).toBe("PGRST118");
  });
  test("spread of one, of many and through each other", async () => {
    const one = await from("tasks").select("title,...projects(project:name,...clients(client:name))").eq("id", 1);
    expect(one.data).toEqual([{ title: "one", project: "Alpha", client: "Acme" }]);
    const many = await from("clients")
      .select("name,...projects(ids:id,names:name)")
      .eq("id", 1)
      .order("id", { referencedTable: "projects" });
    expect(many.data).toEqual([{ name: "Acme", ids: [1, 2], names: ["Alpha", "Beta"] }]);
    const star = await from("passports").select("number,...people(*)");
    expect(star.data).toMatchObject([{ number: "P-1", name: "Ann", age: 50 }]);
  });
  test("computed relationships", async () => {
    expect((await from("clients").select("name,top_project(name)").order("id")).data).toEqual([
      { name: "Acme", top_project: { name: "Beta" } },
      { name: "Bolt", top_project: { name: "Gamma" } },
      { name: "Core", top_project: null },
    ]);
  });
  test("over a view's columns", async () => {
    expect((await from("busy_projects").select("name,clients(name)").order("id")).data).toEqual([
      { name: "Beta", clients: { name: "Acme" } },
      { name: "Gamma", clients: { name: "Bolt" } },
    ]);
  });
  test("a filter on an embed that gives nothing changes nothing", async () => {
    expect((await from("clients").select("id,projects()").eq("projects.name", "Beta").eq("id", 1)).data).toEqual([
      { id: 1 },
    ]);
  });
  test("an embed that is not selected cannot be filtered", async () => {
    expect((await from("projects").select("id").eq("clients.name", "x")).error?.code).toBe("PGRST108");
  });
});

describe("order and ranges", () => {
  test("directions and nulls", async () => {
    const order = async (column: string, options: object) =>
      (await from("clients").select("id").order(column, options)).data?.map(({ id }) => id);
    expect(await order("mood", { ascending: true, nullsFirst: true })).toEqual([3, 2, 1]);
    expect(await order("mood", { ascending: true, nullsFirst: false })).toEqual([2, 1, 3]);
    expect(await order("mood", { ascending: false })).toEqual([3, 1, 2]);
    const { data } = await from("projects")
      .select("id")
      .order("client_id", { nullsFirst: false })
      .order("id", { ascending: false });
    expect(data?.map(({ id }) => id)).toEqual([2, 1, 3, 4]);
  });
  test("limit, offset, range", async () => {
    expect((await from("people").select("id").order("id").limit(2)).data).toEqual([{ id: 1 }, { id: 2 }]);
    expect((await from("people").select("id").order("id").range(1, 2)).data).toEqual([{ id: 2 }, { id: 3 }]);
  });
  test("the Range header, Content-Range and 206", async () => {
    const part = await ground.ask("/people?select=id&order=id", {
      headers: { range: "1-2", "range-unit": "items", prefer: "count=exact" },
    });
    expect([part.status, part.headers.get("content-range"), part.json]).toEqual([206, "1-2/4", [{ id: 2 }, { id: 3 }]]);
    const whole = await ground.ask("/people?select=id", { headers: { prefer: "count=exact" } });
    expect([whole.status, whole.headers.get("content-range")]).toEqual([200, "0-3/4"]);
    const open = await ground.ask("/people?select=id&limit=2", { headers: { range: "1-" } });
    expect([open.headers.get("content-range"), open.json.length]).toEqual(["1-1/*", 1]);
    const none = await ground.ask("/people?id=eq.99");
    expect([none.status, none.headers.get("content-range")]).toEqual([200, "*/*"]);
  });
  test("ranges that cannot be", async () => {
    expect((await ground.ask("/people", { headers: { range: "3-1" } })).status).toBe(416);
    const { error, status } = await from("people").select("id", { count: "exact" }).range(10, 20);
    expect([status, error?.code]).toEqual([416, "PGRST103"]);
    expect((await ground.ask("/people?limit=-1")).status).toBe(416);
    expect((await ground.ask("/people?limit=x")).json.code).toBe("PGRST100");
  });
  test("counts: exact, planned, estimated, by HEAD, and with inner embeds", async () => {
    expect((await from("people").select("*", { count: "exact", head: true })).count).toBe(4);
    expect((await from("projects").select("id,clients!inner()", { count: "exact" }).limit(1)).count).toBe(3);
    expect((await from("people").select("id", { count: "planned" })).count).toBeGreaterThan(0);
    expect((await from("people").select("id", { count: "estimated" }).eq("id", 1)).count).toBe(1);
  });
  test("HEAD has no body", async () => {
    const { status, text, headers } = await ground.ask("/people", { method: "HEAD" });
    expect([status, text, headers.get("content-range")]).toEqual([200, "", "0-3/*"]);
  });
});

describe("shapes of an answer", () => {
  test("one object, or PGRST116", async () => {
    expect((await from("people").select("name").eq("id", 1).single()).data).toEqual({ name: "Ann" });
    const { error, status } = await from("people").select("name").single();
    expect([status, error?.code, error?.details]).toEqual([406, "PGRST116", "The result contains 4 rows"]);
    expect((await from("people").select("name").eq("id", 99).maybeSingle()).data).toBeNull();
  });
  test("CSV", async () => {
    expect((await from("people").select("id,note").order("id").csv()).data).toBe(
      'id,note\n1,"likes rats"\n2,"likes cats"\n3,\n4,"a,b ""c"" (d)"',
    );
  });
  test("nulls stripped", async () => {
    expect((await from("clients").select("id,mood").eq("id", 3).stripNulls()).data).toEqual([{ id: 3 }]);
    const one = await ground.ask("/clients?id=eq.3&select=id,mood", {
      headers: { accept: "application/vnd.pgrst.object+json;nulls=stripped" },
    });
    expect([one.json, one.headers.get("content-type")]).toEqual([
      { id: 3 },
      "application/vnd.pgrst.object+json; nulls=stripped; charset=utf-8",
    ]);
  });
  test("plans", async () => {
    expect((await from("people").select().explain()).data).toMatch(/Scan on people/);
    expect((await from("people").select().explain({ format: "json", analyze: true })).data).toMatchObject([
      { Plan: {} },
    ]);
  });
  test("bytes and text of one column", async () => {
    const bytes = await fetch(`${ground.url}/people?select=bits&id=eq.1`, {
      headers: { "x-role": "authenticated", accept: "application/octet-stream" },
    });
    expect(Buffer.from(await bytes.arrayBuffer()).toString("hex")).toBe("0102");
    expect((await ground.ask("/people?select=name&id=eq.1", { headers: { accept: "text/plain" } })).text).toBe("Ann");
  });
  test("what we do not speak is 406", async () => {
    expect((await ground.ask("/people", { headers: { accept: "application/geo+json" } })).json.code).toBe("PGRST107");
  });
  test("schemas by profile", async () => {
    const other = ground.client({ schema: "other" });
    expect((await other.from("things").select()).data).toEqual([{ id: 1, name: "thing" }]);
    const { error, status } = await ground.client({ schema: "secret" }).from("things").select();
    expect([status, error?.code]).toEqual([406, "PGRST106"]);
  });
  test("OPTIONS says what may be done", async () => {
    expect((await ground.ask("/clients", { method: "OPTIONS" })).headers.get("allow")).toBe(
      "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE",
    );
    expect((await ground.ask("/rpc/add_them", { method: "OPTIONS" })).headers.get("allow")).toBe(
      "OPTIONS,GET,HEAD,POST",
    );
    expect((await ground.ask("/", { method: "OPTIONS" })).headers.get("allow")).toBe("OPTIONS,GET,HEAD");
  });
  test("other methods and paths are refused", async () => {
    expect((await ground.ask("/clients", { method: "PROPFIND" })).json.code).toBe("PGRST117");
    expect((await ground.ask("/a/b/c")).json.code).toBe("PGRST125");
  });
});

describe("who asks", () => {
  test("row-level security decides, by the claims", async () => {
    const asked = await ground.ask("/notes", { headers: { "x-sub": "ann" } });
    expect(asked.json).toEqual([{ id: 1, owner: "ann", body: "hers" }]);
    const other = await ground.ask("/notes", {
      method: "POST",
      headers: { "x-sub": "ann" },
      body: '{"id": 9, "owner": "bob"}',
    });
    expect([other.status, other.json.code]).toEqual([403, "42501"]);
  });
  test("nobody is told to sign in, somebody is refused", async () => {
    const nobody = await ground.ask("/people", { role: "anon" });
    expect([nobody.status, nobody.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect((await ground.ask("/clients?select=id&limit=1", { role: "anon" })).status).toBe(200);
    expect((await ground.ask("/clients", { role: "pg_monitor" })).status).toBe(403);
  });
});
