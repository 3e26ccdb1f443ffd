/** Every filter operator of PostgREST's list, through the client that people use. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiGround, makeApiGround } from "./ground.ts";

let ground: ApiGround;
beforeAll(async () => {
  ground = await makeApiGround();
});
afterAll(() => ground.close());

type Ids = readonly { readonly id: number }[] | null;
type Found = PromiseLike<{ readonly data: Ids; readonly error: unknown }>;
const ids = async (found: Found) => {
  const { data, error } = await found;
  expect(error).toBeNull();
  return (data ?? []).map(({ id }) => id);
};
const people = () => ground.client().from("people").select("id").order("id");
const projects = () => ground.client().from("projects").select("id").order("id");
const tasks = () => ground.client().from("tasks").select("id").order("id");

describe("comparisons", () => {
  test("eq and neq", async () => {
    expect(await ids(people().eq("name", "Bob"))).toEqual([2]);
    expect(await ids(people().neq("name", "Bob"))).toEqual([1, 3, 4]);
  });
  test("gt, gte, lt and lte", async () => {
    expect(await ids(people().gt("age", 40))).toEqual([1]);
    expect(await ids(people().gte("age", 40))).toEqual([1, 2]);
    expect(await ids(people().lt("age", 30))).toEqual([4]);
    expect(await ids(people().lte("age", 30))).toEqual([3, 4]);
  });
  test("like and ilike, with % and with *", async () => {
    expect(await ids(people().like("note", "likes%"))).toEqual([1, 2]);
    expect(await ids(people().like("note", "LIKES%"))).toEqual([]);
    expect(await ids(people().ilike("note", "LIKES*"))).toEqual([1, 2]);
  });
  test("likeAllOf, likeAnyOf, ilikeAllOf and ilikeAnyOf", async () => {
    expect(await ids(people().likeAllOf("note", ["likes%", "%rats"]))).toEqual([1]);
    expect(await ids(people().likeAnyOf("note", ["%cats", "%rats"]))).toEqual([1, 2]);
    expect(await ids(people().ilikeAllOf("note", ["LIKES%", "%RATS"]))).toEqual([1]);
    expect(await ids(people().ilikeAnyOf("note", ["%CATS", "%RATS"]))).toEqual([1, 2]);
  });
  test("match and imatch", async () => {
    expect(await ids(people().regexMatch("name", "^[AB]"))).toEqual([1, 2]);
    expect(await ids(people().regexIMatch("name", "^[ab]"))).toEqual([1, 2]);
  });
  test("is: null, not null, true, false, unknown", async () => {
    expect(await ids(people().is("boss_id", null))).toEqual([1]);
    expect(await ids(people().not("boss_id", "is", null))).toEqual([2, 3, 4]);
    expect(await ids(people().filter("boss_id", "is", "not_null"))).toEqual([2, 3, 4]);
    expect(await ids(tasks().is("done", true))).toEqual([1, 4]);
    expect(await ids(tasks().is("done", false))).toEqual([2]);
    expect(await ids(tasks().filter("done", "is", "unknown"))).toEqual([3]);
  });
  test("isdistinct", async () => {
    expect(await ids(tasks().isDistinct("done", true))).toEqual([2, 3]);
  });
  test("in, with commas, quotes, parentheses and nothing", async () => {
    expect(await ids(people().in("id", [1, 3]))).toEqual([1, 3]);
    expect(await ids(people().filter("note", "in", '("a,b \\"c\\" (d)",nobody)'))).toEqual([4]);
    expect(await ids(people().in("name", ["Ann", "a,b"]))).toEqual([1]);
    expect(await ids(people().in("id", []))).toEqual([]);
    expect(await ids(people().notIn("id", [1, 3]))).toEqual([2, 4]);
  });
  test("any and all", async () => {
    expect(await ids(people().filter("age", "eq(any)", "{20,30}"))).toEqual([3, 4]);
    expect(await ids(people().filter("age", "gt(all)", "{20,30}"))).toEqual([1, 2]);
    expect(await ids(people().filter("name", "like(any)", "{A*,B*}"))).toEqual([1, 2]);
    expect(await ids(people().filter("name", "match(any)", "{^A,^D}"))).toEqual([1, 4]);
  });
});

describe("arrays, JSON and ranges", () => {
  test("cs, cd and ov on arrays", async () => {
    expect(await ids(projects().contains("tags", ["red"]))).toEqual([1]);
    expect(await ids(projects().containedBy("tags", ["red", "blue", "x"]))).toEqual([1, 2, 4]);
    expect(await ids(projects().overlaps("tags", ["blue", "x"]))).toEqual([1, 2]);
  });
  test("cs and cd on JSON", async () => {
    expect(await ids(projects().contains("data", { text: "x" }))).toEqual([1]);
    expect(await ids(projects().containedBy("data", { text: "y", a: { b: 2 }, z: 1 }))).toEqual([2, 4]);
  });
  test("sl, sr, nxr, nxl, adj, ov and cs on ranges", async () => {
    expect(await ids(people().rangeLt("during", "[15,25)"))).toEqual([1, 2]);
    expect(await ids(people().rangeGt("during", "[1,5)"))).toEqual([2, 3]);
    expect(await ids(people().rangeGte("during", "[5,10)"))).toEqual([2, 3]);
    expect(await ids(people().rangeLte("during", "[5,10)"))).toEqual([1, 2]);
    expect(await ids(people().rangeAdjacent("during", "[10,20)"))).toEqual([2, 3]);
    expect(await ids(people().overlaps("during", "[4,6)"))).toEqual([1, 2]);
    expect(await ids(people().contains("during", "[21,22)"))).toEqual([3]);
  });
  test("JSON paths in filters, order and select", async () => {
    expect(await ids(projects().eq("data->>text", "y"))).toEqual([2]);
    expect(await ids(projects().gt("data->a->b", 1))).toEqual([2]);
    expect(await ids(projects().eq("data->list->>0", "1"))).toEqual([1]);
    expect(await ids(projects().eq("data->list->>-1", "2"))).toEqual([1]);
    expect(await ids(projects().eq("tags->>0", "blue"))).toEqual([2]);
    const { data } = await ground
      .client()
      .from("projects")
      .select("text:data->>text,data->a->b,data->list->0")
      .order("data->>text", { nullsFirst: true })
      .limit(3);
    expect(data).toEqual([
      { text: null, b: null, list: null },
      { text: null, b: null, list: null },
      { text: "x", b: 1, list: 1 },
    ]);
  });
});

describe("full text", () => {
  test("fts, plfts, phfts and wfts, with and without a configuration", async () => {
    expect(await ids(people().textSearch("document", "cat & fat", { config: "english" }))).toEqual([1]);
    expect(await ids(people().textSearch("document", "fat cats", { config: "english", type: "plain" }))).toEqual([1]);
    expect(await ids(people().textSearch("document", "fat cats", { config: "english", type: "phrase" }))).toEqual([1]);
    expect(
      await ids(people().textSearch("document", "dogs or cats", { config: "english", type: "websearch" })),
    ).toEqual([1, 2]);
    expect(await ids(people().textSearch("document", "cat"))).toEqual([1]);
  });
  test("a text column is made a document first", async () => {
    expect(await ids(people().textSearch("note", "like & rat", { config: "english" }))).toEqual([1]);
  });
  test("an unknown configuration is refused", async () => {
    const { error, status } = await people().textSearch("note", "x", { config: "klingon" });
    expect([status, error?.code]).toEqual([400, "42704"]);
  });
});

describe("logic", () => {
  test("not of each kind", async () => {
    expect(await ids(people().not("age", "gt", 30))).toEqual([3, 4]);
    expect(await ids(people().not("id", "in", "(1,2)"))).toEqual([3, 4]);
    expect(await ids(people().not("document", "fts(english)", "cat"))).toEqual([2]);
  });
  test("or, and, nested, negated, quoted", async () => {
    expect(await ids(people().or("id.eq.1,name.eq.Dee"))).toEqual([1, 4]);
    expect(await ids(people().or("and(age.gt.20,age.lt.50),name.eq.Dee"))).toEqual([2, 3, 4]);
    expect(await ids(people().or("not.and(age.gt.20,age.lt.50),id.in.(2)"))).toEqual([1, 2, 4]);
    expect(await ids(people().or('note.eq."a,b \\"c\\" (d)",id.eq.1'))).toEqual([1, 4]);
    expect(await ids(people().or("boss_id.is.null,boss_id.not.eq.1"))).toEqual([1, 4]);
    expect((await ground.ask("/people?select=id&not.or=(id.eq.1,id.eq.2)&order=id")).json).toEqual([
      { id: 3 },
      { id: 4 },
    ]);
    expect((await ground.ask("/people?select=id&and=(id.gt.1,id.lt.3)")).json).toEqual([{ id: 2 }]);
    expect((await ground.ask("/projects?select=id&or=(tags.cs.{red},id.eq.4)&order=id")).json).toEqual([
      { id: 1 },
      { id: 4 },
    ]);
  });
  test("match takes several at once", async () => {
    expect(await ids(people().match({ name: "Bob", age: 40 }))).toEqual([2]);
  });
});

describe("names", () => {
  test("of tables and columns with spaces and quotes", async () => {
    const { data } = await ground.client().from("odd name").select('"a column","quote\\"d",select').eq("a column", 1);
    expect(data).toEqual([{ "a column": 1, 'quote"d': "x", select: "y" }]);
  });
  test("that do not exist are refused before SQL, with a suggestion", async () => {
    const table = await ground.client().from("client").select();
    expect([table.status, table.error?.code, table.error?.hint]).toEqual([
      404,
      "PGRST205",
      "Perhaps you meant the table 'public.clients'",
    ]);
    const column = await people().eq("nam", 1);
    expect([column.status, column.error?.code, column.error?.message]).toEqual([
      400,
      "42703",
      "column people.nam does not exist",
    ]);
    const operator = await ground.ask("/people?id=equals.1");
    expect([operator.status, operator.json.code]).toEqual([400, "PGRST100"]);
    const cast = await ground.client().from("people").select("id::regclass");
    expect([cast.status, cast.error?.code]).toEqual([400, "42704"]);
  });
  test("a table that is not exposed does not exist", async () => {
    expect((await ground.client().from("hidden").select()).error?.code).toBe("PGRST205");
  });
  test("a value that the type cannot have is refused by Postgres", async () => {
    expect((await people().eq("id", "x")).error?.code).toBe("22P02");
    expect((await people().eq("id", "99999999999999")).error?.code).toBe("22003");
    expect((await ground.ask("/people?name=eq.%00")).status).toBe(400);
    expect((await ground.ask("/people?name=eq.%ff")).status).toBe(400);
  });
});
