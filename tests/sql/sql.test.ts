import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import {
  connectionUrl,
  connectOnce,
  makePool,
  notify,
  quoteIdent,
  quoteLiteral,
  sqlState,
} from "../../platform/sql/index.ts";
import { codeOf } from "../harness/code-of.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase({ empty: true });
  await db.sql.query("create table things (id int primary key, note text)");
});
afterAll(() => db.close());
beforeEach(() => db.sql.query("truncate things"));

const ids = async () => (await db.sql.query<{ id: number }>("select id from things order by id")).map(({ id }) => id);
const add = (id: number) => ["insert into things (id) values ($1)", [id]] as const;
describe("values", () => {
  test("numbers are exact, times are dates, calendar days stay text", async () => {
    const row = await db.sql.one(
      `select 9007199254740991::int8 as big, 1.25::numeric as part, array[1,2]::int8[] as bigs, '{"a":[1]}'::jsonb as doc,
        '2026-01-02T03:04:05.678Z'::timestamptz as at, '2026-01-02'::date as day, null as nothing`,
    );
    expect(row).toEqual({
      big: 9007199254740991,
      part: 1.25,
      bigs: [1, 2],
      doc: { a: [1] },
      at: new Date("2026-01-02T03:04:05.678Z"),
      day: "2026-01-02",
      nothing: null,
    });
  });

  test.each(["9007199254740993::int8", "'NaN'::numeric", "1e30::numeric"])(
    "%s is refused instead of rounded",
    async (value) => {
      expect(await codeOf(db.sql.query(`select ${value}`))).toBe("NEB900");
      expect(await ids()).toEqual([]); // the connection still works
    },
  );

  test("a secret and a NaN are not sent as parameters", async () => {
    await expect(db.sql.query("select $1::text", [new Secret("x")])).rejects.toThrow(/secret/);
    await expect(db.sql.query("select $1::text", [Number.NaN])).rejects.toThrow(/not a number/);
  });

  test("one wants a row, maybe at most one", async () => {
    expect(await db.sql.maybe("select 1 where false")).toBeUndefined();
    await expect(db.sql.one("select 1 where false")).rejects.toThrow(/got none/);
    await expect(db.sql.maybe("select generate_series(1, 2)")).rejects.toThrow(/got 2/);
  });
});

describe("transactions", () => {
  test("what throws is undone, what returns is kept", async () => {
    await db.sql.tx((tx) => tx.query(...add(1)));
    const failing = db.sql.tx(async (tx) => {
      await tx.query(...add(2));
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await ids()).toEqual([1]);
  });

  test("a nested one is undone alone", async () => {
    await db.sql.tx(async (tx) => {
      await tx.query(...add(1));
      await tx
        .tx(async (inner) => {
          await inner.query(...add(2));
          await inner.tx((third) => third.query(...add(3)));
          throw new Error("no");
        })
        .catch(() => undefined);
      await tx.tx((inner) => inner.query(...add(4)));
    });
    expect(await ids()).toEqual([1, 4]);
  });

  test("parallel branches do not mix their savepoints", async () => {
    await db.sql.tx(async (tx) => {
      const branches = Array.from({ length: 20 }, (_, i) =>
        tx.tx(async (inner) => {
          await inner.query(...add(i));
          await inner.query("select pg_sleep(0.001)");
          if (i % 3 === 0) throw new Error("no");
        }),
      );
      await Promise.allSettled([...branches, tx.query(...add(100))]);
    });
    expect(await ids()).toEqual([...Array(20).keys()].filter((i) => i % 3 !== 0).concat(100));
  });

  test("a swallowed failure does not commit half of it", async () => {
    const silent = db.sql.tx(async (tx) => {
      await tx.query(...add(1));
      await tx.query(...add(1)).catch(() => undefined);
    });
    await expect(silent).rejects.toThrow(/rolled back/);
    expect(await ids()).toEqual([]);
  });

  test("using the outer one inside a nested one, or any after its end, is an error instead of a deadlock", async () => {
    await expect(db.sql.tx((tx) => tx.tx(() => tx.query("select 1")))).rejects.toThrow(/was given/);
    const kept = await db.sql.tx(async (tx) => tx);
    await expect(kept.query("select 1")).rejects.toThrow(/has ended/);
  });

  test("a connection lost in the middle is unavailable, and the pool goes on", async () => {
    const lost = db.sql.tx(async (tx) => {
      const { pid } = await tx.one<{ pid: number }>("select pg_backend_pid() as pid");
      await db.sql.query("select pg_terminate_backend($1)", [pid]);
      await tx.query(...add(1));
    });
    expect(await codeOf(lost)).toBe("NEB910");
    expect(await ids()).toEqual([]);
  });
});

describe("errors", () => {
  test("are translated once, with the cause kept", async () => {
    await db.sql.query(...add(1));
    const unique = await db.sql.query(...add(1)).catch((thrown) => thrown);
    expect([unique.code, unique.status, unique.fields.constraint, sqlState(unique)]).toEqual([
      ...["NEB911", 409, "things_pkey", "23505"],
    ]);
    expect(await codeOf(db.sql.query("select nonsense"))).toBe("NEB900");
    expect(await codeOf(db.sql.query("set statement_timeout = 5; select pg_sleep(1)"))).toBe("NEB913");
  });

  test("two transactions that collide say that they can be repeated", async () => {
    await db.sql.query(...add(1));
    const haveRead: (() => void)[] = [];
    const change = () =>
      db.sql.tx(async (tx) => {
        await tx.query("set transaction isolation level serializable");
        await tx.query("select * from things");
        // Neither writes before both have read, however slow the machine is.
        await new Promise<void>((resolve) => {
          haveRead.push(resolve);
          if (haveRead.length === 2) for (const go of haveRead) go();
        });
        await tx.query("update things set note = coalesce(note, '') || 'x'");
      });
    expect((await Promise.all([codeOf(change()), codeOf(change())])).sort()).toEqual(["NEB912", "no error"]);
  });

  test("a wrong password is a refused login, no server is unavailable", async () => {
    const at = new URL(db.url.reveal());
    const target = { host: at.hostname, port: Number(at.port), user: at.username, database: db.name };
    const knock = (more: object) =>
      codeOf(
        connectOnce(connectionUrl({ ...target, password: new Secret("wrong"), ...more }), (sql) =>
          sql.query("select 1"),
        ),
      );
    expect(await knock({})).toBe("NEB914");
    expect(await knock({ port: 1 })).toBe("NEB910");
    expect(await knock({ host: "/nowhere" })).toBe("NEB910");
  });
});

describe("notifications", () => {
  test("arrive, survive a lost connection with one call to look again, and stop when asked", async () => {
    const pool = makePool({ url: db.url, applicationName: "listening" });
    try {
      const heard: string[] = [];
      const stop = await pool.listen("odd name", (payload) => heard.push(payload));
      await pool.tx((tx) => notify(tx, "odd name", "one"));
      await eventually("the first", () => heard.length === 1);
      await db.sql.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'listening listen'",
      );
      await eventually("the call after the loss", () => heard.length === 2);
      await notify(pool, "odd name", "two");
      await eventually("the second", () => heard.length === 3);
      await stop();
      await notify(pool, "odd name", "three");
      const others = "select from pg_stat_activity where application_name = 'listening listen'";
      await eventually("no listening connection", async () => (await db.sql.query(others)).length === 0);
      expect(heard).toEqual(["one", "", "two"]);
    } finally {
      await pool.close();
    }
  });

  test("listening to a server that is not there says so", async () => {
    const pool = makePool({ url: new Secret("postgres://a:b@127.0.0.1:1/c"), applicationName: "lost" });
    expect(await codeOf(pool.listen("x", () => undefined))).toBe("NEB910");
    await pool.close();
  });
});

describe("quoting", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.string({
      unit: fc.constantFrom("'", '"', "\\", "$", ";", "-", "\n", "E", "é", "\u{1f600}", "%", " "),
      maxLength: 12,
    }),
  );
  const sayable = text.filter((value) => value.isWellFormed() && !value.includes("\0"));

  test("10,000 literals come back as they were, whatever the server's setting", async () => {
    await connectOnce(db.url, async (sql) => {
      const property = fc.asyncProperty(
        fc.array(sayable, { minLength: 100, maxLength: 100 }),
        fc.boolean(),
        async (values, on) => {
          await sql.query(`set standard_conforming_strings = ${on ? "on" : "off"}; set escape_string_warning = off`);
          const { back } = await sql.one<{ back: string[] }>(
            `select array[${values.map(quoteLiteral).join(", ")}]::text[] as back`,
          );
          expect(back).toEqual(values);
        },
      );
      await fc.assert(property, { numRuns: 100 });
    });
  });

  test("10,000 identifiers name what they say", async () => {
    await connectOnce(db.url, async (sql) => {
      const ident = sayable.filter((name) => name !== "" && Buffer.byteLength(name) <= 63);
      const names = fc.uniqueArray(ident, { minLength: 100, maxLength: 100 });
      const property = fc.asyncProperty(names, async (columns) => {
        await sql.query(
          `create temporary table named (${columns.map((name) => `${quoteIdent(name)} int`).join(", ")})`,
        );
        const rows = await sql.query<{ attname: string }>(
          "select attname from pg_attribute where attrelid = 'named'::regclass and attnum > 0 order by attnum",
        );
        await sql.query("drop table named");
        expect(rows.map(({ attname }) => attname)).toEqual(columns);
      });
      await fc.assert(property, { numRuns: 100 });
    });
  });

  test("the same property finds naive quoting (negative control)", async () => {
    const naive = (value: string) => `'${value}'`;
    const property = fc.asyncProperty(sayable, async (value) => {
      const { back } = await db.sql.one<{ back: string }>(`select ${naive(value)}::text as back`);
      expect(back).toBe(value);
    });
    expect((await fc.check(property, { numRuns: 500 })).failed).toBe(true);
  });

  test.each(["", "a\0b", "\ud800", "x".repeat(64), "é".repeat(32)])("refuses the identifier %j", (name) => {
    expect(() => quoteIdent(name)).toThrow(TypeError);
  });
});

test("an address must be whole: gaps are not filled from the environment", async () => {
  const lookAt = (url: string) => codeOf(connectOnce(new Secret(url), async () => undefined));
  await expect(connectOnce(new Secret("postgres://localhost/x"), async () => 1)).rejects.toThrow(/user/);
  await expect(connectOnce(new Secret("http://a:b@localhost/x"), async () => 1)).rejects.toThrow(/postgres/);
  expect(await lookAt("postgres://a:b@127.0.0.1:1/x")).toBe("NEB910");
});
