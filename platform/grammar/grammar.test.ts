import { afterAll, expect, test } from "vitest";
import { makeParser, maskSecrets, offsetOfPosition, parse, placeOf, type StatementKind } from "./index.ts";

const parser = makeParser();
afterAll(() => parser.close());

const kindOf = async (sql: string): Promise<StatementKind | undefined> => {
  const parsed = await parse(sql);
  return parsed.kind === "parsed" && parsed.statements.length === 1 ? parsed.statements[0]?.kind : undefined;
};

test("statements are cut where Postgres cuts them, in the text's own units", async () => {
  const sql = "/* é; */ select 'ü;', $$;$$; -- 😀;\n\n  select 2 -- end\n;;\nselect \"a;\"";
  const parsed = await parse(sql);
  if (parsed.kind !== "parsed") throw new Error(parsed.message);
  expect(parsed.statements.map(({ text }) => text)).toEqual(["select 'ü;', $$;$$", "select 2 -- end", 'select "a;"']);
  for (const { text, start, end } of parsed.statements) expect(sql.slice(start, end)).toBe(text);
});

test("an empty text, spaces and comments are no statement", async () => {
  for (const sql of ["", "  \n", "-- nothing", ";;", "/* a */;"])
    expect(await parse(sql)).toEqual({ kind: "parsed", statements: [] });
});

test.each<[StatementKind, string[]]>([
  [
    "read",
    ["select 1", "values (1)", "table t", "show work_mem", "explain delete from t", "with a as (select 1) table a"],
  ],
  ["read", ["explain (analyze) select 1", "explain (analyze off) delete from t", "copy t to stdout", "select f()"]],
  [
    "write",
    ["insert into t values (1)", "update t set a = 1", "delete from t", "truncate t", "call p()", "do $$begin end$$"],
  ],
  [
    "write",
    ["with a as (delete from t returning *) select * from a", "select * from t for update", "copy t from stdin"],
  ],
  [
    "write",
    [
      "explain analyze delete from t",
      "explain (analyze 1) update t set a = 1",
      "explain (analyze on) insert into t values (1)",
    ],
  ],
  [
    "write",
    [
      "select * from (select * from t for share) s",
      "copy (delete from t returning 1) to stdout",
      "merge into t using u on true when matched then delete",
    ],
  ],
  [
    "ddl",
    [
      "create table t ()",
      "select 1 into t",
      "create table t as select 1",
      "grant select on t to r",
      "comment on table t is ''",
    ],
  ],
  [
    "ddl",
    ["alter role r password 'x'", "drop table t", "alter system set a = 1", "create function f() returns int return 1"],
  ],
  [
    "transaction",
    ["begin", "commit", "rollback to a", "savepoint a", "start transaction read write", "prepare transaction 'x'"],
  ],
  [
    "session",
    [
      "set role r",
      "reset all",
      "prepare p as select 1",
      "execute p",
      "listen c",
      "declare c cursor for select 1",
      "load 'x'",
    ],
  ],
  ["maintenance", ["vacuum", "analyze", "reindex table t", "checkpoint"]],
])("%s: %j", async (kind, statements) => {
  for (const sql of statements) expect([sql, await kindOf(sql)]).toEqual([sql, kind]);
});

test("a mistake is named with its line and column", async () => {
  expect(await parse("select 1;\nselect '😀é' form x y")).toMatchObject({
    ...{ kind: "syntax", message: 'syntax error at or near "x"', line: 2, column: 19 },
  });
  expect(await parse("select 'abc")).toMatchObject({
    message: expect.stringMatching("unterminated quoted string"),
    column: 8,
  });
});

test("a position of the server's is the offset of the same character", () => {
  const text = "select '😀é', nope";
  expect(text.slice(offsetOfPosition(text, 14))).toBe("nope");
  expect(placeOf("a\nbc", 3)).toEqual({ line: 2, column: 2 });
});

test("the highest parameter is known", async () => {
  const parsed = await parse("select $2::int + $1; select 1");
  expect(parsed.kind === "parsed" && parsed.statements.map(({ parameters }) => parameters)).toEqual([2, 0]);
});

test("what the parser would misread is refused", async () => {
  expect(await parse("select 1\0; drop table t")).toMatchObject({
    kind: "syntax",
    message: expect.stringMatching("NUL"),
    column: 9,
  });
  expect(await parse("select '\ud800'")).toMatchObject({
    kind: "syntax",
    message: expect.stringMatching("half a character"),
  });
  expect(await parse("select 11", { maxLength: 8 })).toMatchObject({
    kind: "syntax",
    message: expect.stringMatching("at most 8"),
  });
});

test("texts that would stall or exhaust the parser end as mistakes, and the next text is read", async () => {
  const hostile = [
    `select 1${"+1".repeat(200_000)}`,
    `select ${"f(".repeat(20_000)}1${")".repeat(20_000)}`,
    `${"/*".repeat(100_000)}${"*/".repeat(100_000)}select 1`,
  ];
  const endings = await Promise.all(hostile.map((sql) => parser.parse(sql)));
  expect(endings.map(({ kind }) => kind)).toEqual(hostile.map(() => "syntax"));
  expect(await parser.parse("select 1; begin")).toMatchObject({
    statements: [{ kind: "read" }, { kind: "transaction" }],
  });
});

test("a text that takes too long ends its thread only", async () => {
  const hasty = makeParser({ timeoutMs: 1 });
  expect(await hasty.parse(`select 1${",1".repeat(400_000)}`)).toMatchObject({
    message: expect.stringMatching("too long"),
  });
  await hasty.close();
});

test.each([
  ["alter role r password 'geheim'", "alter role r password '***'"],
  ["create role r PASSWORD /* so */ E'ge\\'heim' login", "create role r PASSWORD /* so */ '***' login"],
  ["alter role r password\n--x\n$a$ge$$heim$a$;", "alter role r password\n--x\n'***';"],
  ["alter role r password 'geheim", "alter role r password '***'"],
  [
    "create user mapping for u server s options (user 'u', password 'geheim')",
    "create user mapping for u server s options (user 'u', password '***')",
  ],
  ["select dblink('host=h password=geheim user=u')", "select dblink('host=h password=*** user=u')"],
  ["select 'postgres://u:geheim@h/d'", "select 'postgres://u:***@h/d'"],
  ["update t set api_key = 'geheim' where id = '1'", "update t set api_key = '***' where id = '1'"],
  ["select 'a' as password, 1", "select 'a' as password, 1"],
])("what must not be kept is masked: %s", (sql, kept) => {
  expect(maskSecrets(sql)).toBe(kept);
});
