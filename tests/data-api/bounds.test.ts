/** What a declaration keeps a request from. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiGround, makeApiGround } from "./ground.ts";

let ground: ApiGround;
beforeAll(async () => {
  ground = await makeApiGround({
    ...{ maxRows: 2, maxBytes: 400, aggregates: false, allowTxEnd: false, plans: false, statementMs: 3000 },
    exposed: ({ name, isGuarded }) => isGuarded || ["clients", "projects", "tasks"].includes(name),
  });
});
afterAll(() => ground.close());
const from = (table: string) => ground.client().from(table);

test("rows, at every level, whatever is asked for", async () => {
  expect((await from("clients").select("id").order("id").limit(50)).data).toHaveLength(2);
  expect((await from("clients").select("id", { count: "exact" }).limit(50)).count).toBe(3);
  await ground.db.sql.query("insert into projects (id, name, client_id) values (90, 'more', 1), (91, 'most', 1)");
  const { data } = await from("clients").select("projects(id)").eq("id", 1).limit(9, { referencedTable: "projects" });
  expect(data?.[0]?.projects).toHaveLength(2);
  expect((await from("clients").select("projects(id)").eq("id", 1)).data?.[0]?.projects).toHaveLength(2);
});

test("bytes: what was to be changed is not", async () => {
  const long = await ground.ask("/tasks?select=title", {
    method: "POST",
    body: JSON.stringify([
      { id: 500, title: "x".repeat(300) },
      { id: 501, title: "y".repeat(300) },
    ]),
    headers: { prefer: "return=representation" },
  });
  expect([long.status, long.json.code]).toEqual([413, "NEB752"]);
  expect((await from("tasks").select("id").gte("id", 500)).data).toEqual([]);
});

test("aggregates, ends of transactions and plans, where they are off", async () => {
  expect((await from("projects").select("budget.sum()")).error?.code).toBe("PGRST123");
  expect((await from("projects").select().explain()).error?.code).toBe("PGRST107");
  expect((await from("clients").insert({ id: 95, name: "stays" }).select("id").rollback()).error).toBeNull();
  expect((await from("clients").select("id").eq("id", 95)).data).toEqual([{ id: 95 }]);
});

test("relations without row-level security that nobody named, also as embeds", async () => {
  expect((await from("people").select()).error?.code).toBe("PGRST205");
  expect((await from("projects").select("people(name)")).error?.code).toBe("PGRST200");
  expect((await from("busy_projects").select()).error?.code).toBe("PGRST205");
  expect((await from("notes").select()).error).toBeNull();
});

test("time", async () => {
  await ground.db.sql.query(
    "create function slow() returns int language plpgsql as 'begin perform pg_sleep(60); return 1; end'",
  );
  await ground.api.reload();
  const { status, error } = await ground.client().rpc("slow");
  expect([status, error?.code]).toEqual([504, "57014"]);
});

test("reading, where a request only reads", async () => {
  await ground.db.sql.query(`create function sneaky(clients) returns int language sql volatile as
    'insert into canary values (99, $$written$$) returning id'`);
  await ground.api.reload();
  const { status, error } = await from("clients").select("sneaky");
  expect([status, error?.code]).toEqual([405, "25006"]);
});
