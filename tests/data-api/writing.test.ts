/** Insert, update, upsert, delete, and every preference that goes with them. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiGround, makeApiGround } from "./ground.ts";

let ground: ApiGround;
beforeAll(async () => {
  ground = await makeApiGround();
});
afterAll(() => ground.close());
const from = (table: string) => ground.client().from(table);
const prefer = (value: string) => ({ headers: { prefer: value } });

describe("insert", () => {
  test("without an answer, with one, and with the place of the row", async () => {
    const minimal = await from("clients").insert({ id: 10, name: "Ten" });
    expect([minimal.status, minimal.data]).toEqual([201, null]);
    const shown = await from("clients").insert({ id: 11, name: "Eleven" }).select("id,mood").single();
    expect([shown.status, shown.data]).toEqual([201, { id: 11, mood: "ok" }]);
    const placed = await ground.ask("/composite_keys", {
      method: "POST",
      body: '{"a": 1, "b": 2, "v": "x"}',
      ...prefer("return=headers-only"),
    });
    expect([placed.status, placed.text, placed.headers.get("location")]).toEqual([
      201,
      "",
      "/composite_keys?a=eq.1&b=eq.2",
    ]);
    expect(placed.headers.get("preference-applied")).toBe("return=headers-only");
  });
  test("several rows, and their embeds in the answer", async () => {
    const { data, count } = await from("projects")
      .insert(
        [
          { id: 50, name: "P50", client_id: 1 },
          { id: 51, name: "P51", client_id: null },
        ],
        { count: "exact" },
      )
      .select("id,clients(name)")
      .order("id");
    expect(data).toEqual([
      { id: 50, clients: { name: "Acme" } },
      { id: 51, clients: null },
    ]);
    expect(count).toBe(2);
    const computed = await from("clients")
      .insert({ id: 12, name: "Twelve" })
      .select("upper_name,top_project(id),projects(id)");
    expect(computed.data).toEqual([{ upper_name: "TWELVE", top_project: null, projects: [] }]);
  });
  test("an empty row, an empty list", async () => {
    const { data, error } = await from("tasks").insert({}).select("title");
    expect([error, data]).toEqual([null, [{ title: "untitled" }]]);
    const none = await from("tasks").insert([]).select("title");
    expect([none.status, none.data]).toEqual([201, []]);
  });
  test("all objects have the same keys, unless columns says which count", async () => {
    const body = '[{"id": 200, "title": "a", "zzz": 1}, {"id": 201}]';
    const refused = await ground.ask("/tasks", { method: "POST", body });
    expect([refused.status, refused.json.code, refused.json.message]).toEqual([
      400,
      "PGRST102",
      "All object keys must match",
    ]);
    const taken = await ground.ask("/tasks?columns=id,title&select=id,title", {
      method: "POST",
      body,
      ...prefer("return=representation"),
    });
    expect([taken.status, taken.json.code]).toEqual([400, "23502"]); // null, where a key is missing
    const right = await ground.ask("/tasks?columns=id,title&select=id,title", {
      method: "POST",
      body: '[{"id": 200, "title": "a", "zzz": 1}, {"title": "b", "id": 201}]',
      ...prefer("return=representation"),
    });
    expect(right.json).toEqual([
      { id: 200, title: "a" },
      { id: 201, title: "b" },
    ]);
  });
  test("missing=default fills in what is missing", async () => {
    const { data } = await from("tasks")
      .insert([{ id: 210, title: "t" }, { id: 211 }], { defaultToNull: false })
      .select("id,title")
      .order("id");
    expect(data).toEqual([
      { id: 210, title: "t" },
      { id: 211, title: "untitled" },
    ]);
  });
  test("missing=default knows what numbers an identity", async () => {
    const { data, error } = await from("tasks")
      .insert([{ id: 214, title: "x" }, { title: "y" }], { defaultToNull: false })
      .select("title");
    expect([error, data]).toEqual([null, [{ title: "x" }, { title: "y" }]]);
  });
  test("missing=null is the rule", async () => {
    expect(
      (
        await from("tasks").insert([
          { id: 212, done: true },
          { id: 213, title: "x" },
        ])
      ).error?.code,
    ).toBe("23502");
  });
  test("CSV and forms", async () => {
    const csv = await ground.ask("/clients?select=id,name,mood", {
      method: "POST",
      body: 'id,name,mood\n30,"Thirty, ""x""",NULL\n31,Next,sad\n',
      headers: { "content-type": "text/csv", prefer: "return=representation" },
    });
    expect(csv.json).toEqual([
      { id: 30, name: 'Thirty, "x"', mood: null },
      { id: 31, name: "Next", mood: "sad" },
    ]);
    const form = await ground.ask("/clients?select=id,name", {
      method: "POST",
      body: "id=32&name=A+b%26",
      headers: { "content-type": "application/x-www-form-urlencoded", prefer: "return=representation" },
    });
    expect(form.json).toEqual([{ id: 32, name: "A b&" }]);
  });
  test("numbers keep every digit", async () => {
    const { text } = await ground.ask("/projects?select=budget", {
      method: "POST",
      body: '{"id": 60, "name": "n", "budget": 12345678901234567890.123456789}',
      ...prefer("return=representation"),
    });
    expect(text).toBe('[{"budget":12345678901234567890.123456789}]');
  });
  test("a body that is no rows is refused", async () => {
    const post = (body: string | Buffer, type = "application/json") =>
      ground.ask("/clients", { method: "POST", body, headers: { "content-type": type } });
    for (const body of ["", "{", "1", "[1]", "null", '"x"']) expect((await post(body)).json.code).toBe("PGRST102");
    expect((await post(Buffer.from([0xff, 0xfe]))).json.code).toBe("PGRST102");
    expect((await post("a,b\n1\n", "text/csv")).json.code).toBe("PGRST102");
    expect((await post("x", "image/png")).json.code).toBe("PGRST102");
    expect((await post('{"nope": 1}')).json.code).toBe("PGRST204");
    expect((await post('{"id": 1, "name": "\\u0000"}')).status).toBe(400);
  });
});

describe("upsert", () => {
  test("merges by the key, and says whether something is new", async () => {
    const first = await from("clients").upsert({ id: 40, name: "Forty" }).select();
    expect([first.status, first.data]).toEqual([201, [{ id: 40, name: "Forty", mood: "ok" }]]);
    const second = await from("clients").upsert({ id: 40, name: "XL" }).select("name");
    expect([second.status, second.data]).toEqual([200, [{ name: "XL" }]]);
  });
  test("ignores duplicates when asked to", async () => {
    const { data } = await from("clients")
      .upsert(
        [
          { id: 40, name: "no" },
          { id: 41, name: "yes" },
        ],
        { ignoreDuplicates: true },
      )
      .select("id");
    expect(data).toEqual([{ id: 41 }]);
  });
  test("on_conflict names another key", async () => {
    const { data, error } = await from("clients")
      .upsert({ id: 42, name: "yes", mood: "happy" }, { onConflict: "name" })
      .select();
    expect([error, data]).toEqual([null, [{ id: 42, name: "yes", mood: "happy" }]]);
    expect((await from("clients").upsert({ id: 42, name: "yes" }, { onConflict: "mood" })).error?.code).toBe("42P10");
  });
  test("PUT: one row at its key", async () => {
    const put = (path: string, body: string) =>
      ground.ask(path, { method: "PUT", body, ...prefer("return=representation") });
    expect((await put("/clients?id=eq.70", '{"id": 70, "name": "seventy"}')).status).toBe(201);
    expect((await put("/clients?id=eq.70", '{"id": 70, "name": "LXX"}')).json).toMatchObject([{ name: "LXX" }]);
    expect((await put("/clients?id=eq.70", '{"id": 71, "name": "no"}')).json.code).toBe("PGRST115");
    expect((await put("/clients?name=eq.x", '{"id": 71, "name": "no"}')).json.code).toBe("PGRST105");
    expect((await put("/clients?id=eq.70&limit=1", '{"id": 70, "name": "no"}')).json.code).toBe("PGRST114");
    expect((await from("clients").select("id").eq("id", 71)).data).toEqual([]);
  });
});

describe("update and delete", () => {
  test("what the filters name, with and without an answer", async () => {
    await from("clients").insert([
      { id: 80, name: "c80" },
      { id: 81, name: "c81" },
    ]);
    const minimal = await from("clients").update({ mood: "sad" }).eq("id", 80);
    expect([minimal.status, minimal.data]).toEqual([204, null]);
    const shown = await from("clients")
      .update({ mood: "happy" }, { count: "exact" })
      .gte("id", 80)
      .select("id,mood,projects(id)")
      .order("id");
    expect([shown.status, shown.count]).toEqual([200, 2]);
    expect(shown.data).toEqual([
      { id: 80, mood: "happy", projects: [] },
      { id: 81, mood: "happy", projects: [] },
    ]);
    const gone = await from("clients").delete({ count: "exact" }).gte("id", 80).select("id").order("id");
    expect([gone.status, gone.data, gone.count]).toEqual([200, [{ id: 80 }, { id: 81 }], 2]);
    expect((await from("clients").delete().eq("id", 80)).status).toBe(204);
  });
  test("an update of nothing changes nothing", async () => {
    expect(
      (await ground.ask("/clients?id=eq.1", { method: "PATCH", body: "{}", ...prefer("return=representation") })).json,
    ).toEqual([]);
    expect(
      (await ground.ask("/clients?id=eq.1&columns=mood", { method: "PATCH", body: '{"mood": "ok", "zzz": 1}' })).status,
    ).toBe(204);
  });
  test("limit does not go with them", async () => {
    expect((await ground.ask("/clients?limit=1", { method: "DELETE" })).json.code).toBe("PGRST100");
  });
  test("one object or nothing happens", async () => {
    const { error, status } = await from("clients").update({ mood: "sad" }).in("id", [1, 2]).select().single();
    expect([status, error?.code]).toEqual([406, "PGRST116"]);
    expect((await from("clients").select("mood").eq("id", 1)).data).toEqual([{ mood: "ok" }]);
  });
  test("keys and checks of the tables hold", async () => {
    expect((await from("clients").delete().eq("id", 1)).error?.code).toBe("23503");
    const taken = await from("clients").insert({ id: 1, name: "again" });
    expect([taken.status, taken.error?.code]).toEqual([409, "23505"]);
  });
});

describe("preferences", () => {
  test("max-affected, under strict handling", async () => {
    const few = await from("canary").update({ word: "x" }).maxAffected(0).select();
    expect([few.status, few.error?.code]).toEqual([400, "PGRST124"]);
    expect((await from("canary").select("word")).data).toEqual([{ word: "sings" }]);
    const lenient = await ground.ask("/canary", {
      method: "PATCH",
      body: '{"word": "sings"}',
      ...prefer("max-affected=0"),
    });
    expect(lenient.status).toBe(204);
    const enough = await ground.ask("/canary", {
      method: "PATCH",
      body: '{"word": "sings"}',
      ...prefer("handling=strict, max-affected=1"),
    });
    expect(enough.headers.get("preference-applied")).toBe("handling=strict, max-affected=1");
  });
  test("tx=rollback shows and forgets", async () => {
    const { data } = await from("clients").insert({ id: 90, name: "ghost" }).select("id").rollback();
    expect(data).toEqual([{ id: 90 }]);
    expect((await from("clients").select("id").eq("id", 90)).data).toEqual([]);
    const kept = await ground.ask("/clients", {
      method: "POST",
      body: '{"id": 91, "name": "kept"}',
      ...prefer("tx=commit"),
    });
    expect([kept.status, kept.headers.get("preference-applied")]).toEqual([201, "tx=commit"]);
  });
  test("handling=strict refuses what it does not know, lenient passes over it", async () => {
    const strict = await ground.ask("/clients", prefer("handling=strict, anything"));
    expect([strict.status, strict.json.code, strict.json.details]).toEqual([
      400,
      "PGRST122",
      "Invalid preferences: anything",
    ]);
    expect((await ground.ask("/clients", prefer("handling=lenient, anything"))).headers.get("preference-applied")).toBe(
      "handling=lenient",
    );
  });
  test("timezone is the transaction's", async () => {
    const asked = await ground.ask("/rpc/who", prefer("timezone=America/Los_Angeles"));
    expect([asked.json.zone, asked.headers.get("preference-applied")]).toEqual([
      "America/Los_Angeles",
      "timezone=America/Los_Angeles",
    ]);
    expect((await ground.ask("/rpc/who")).json.zone).not.toBe("America/Los_Angeles");
    expect((await ground.ask("/rpc/who", prefer("handling=strict, timezone=Mars/Base"))).json.code).toBe("PGRST122");
  });
  test("what was obeyed is said", async () => {
    const { headers } = await ground.ask("/clients?select=id", {
      method: "POST",
      body: '{"id": 91, "name": "kept"}',
      ...prefer("resolution=merge-duplicates, missing=default, return=representation, count=exact"),
    });
    expect(headers.get("preference-applied")).toBe(
      "resolution=merge-duplicates, missing=default, return=representation, count=exact",
    );
    expect(headers.get("content-range")).toBe("*/1");
  });
});
