/** Every lint on a real server: a schema in which it speaks, one in which it is silent, and the SQL that it advises, run. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  type Advice,
  type AdviceRow,
  adviceLints,
  adviceParameters,
  adviceSql,
  toAdvice,
} from "../../platform/advise/index.ts";
import type { InstanceWanted, MachineDriver } from "../../platform/compute/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { asTenant, makeGround, wish } from "../compute/ground.ts";
import { adviceCases } from "./advise-cases.ts";
import { apiOf } from "./web-ground.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const api = apiOf({ anonymous: "anon", schemas: ["public", "named"], exposeWithoutRls: ["named.*"] });
let ground: Awaited<ReturnType<typeof makeGround>>;
let driver: MachineDriver;
let wanted: InstanceWanted;

beforeAll(async () => {
  ground = await makeGround({ spares: 0 });
  driver = ground.driver;
  wanted = await wish({ api });
  await driver.ensure(wanted);
});
afterAll(() => ground?.clear());

const tenant = <T>(body: (sql: Sql) => Promise<T>) => asTenant(driver, wanted, body);
const admin = <T>(body: (sql: Sql) => Promise<T>) => driver.machinery.admin(wanted.id, wanted.databaseName, body);

/** Each by itself; one that begins with `?` is to fail. */
async function run(sql: Sql, statements: readonly string[]): Promise<void> {
  for (const one of statements)
    if (one.startsWith("?")) await expect(sql.query(one.slice(1))).rejects.toThrow();
    else await sql.query(one);
}

const look = (): Promise<readonly Advice[]> =>
  tenant(async (sql) => toAdvice(await sql.query<AdviceRow>(adviceSql({ history: true }), [...adviceParameters(api)])));

const of = (all: readonly Advice[], id: string) => all.filter((one) => one.id === id);

test("there are 28 lints, and each has its case", () => {
  expect(adviceLints).toHaveLength(28);
  expect(Object.keys(adviceCases).sort()).toEqual(adviceLints.map(({ id }) => id).sort());
});

test("docs/advisors.md says what each is", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/advisors.md"), "utf8");
  for (const { id, level, title } of adviceLints)
    expect(text).toContain(`| <a id="${id}"></a>\`${id}\` | ${level} | ${title} |`);
});

describe.each(Object.entries(adviceCases))("%s", (id, { bad, good, object, asAdmin = [], first = [], byHand }) => {
  beforeAll(async () => {
    await admin((sql) =>
      run(sql, [
        "drop schema if exists named cascade",
        "drop schema public cascade",
        "create schema public authorization orders",
        "create schema named authorization orders",
        "grant usage on schema public, named to public",
        "drop extension if exists file_fdw cascade",
      ]),
    );
    await admin((sql) => run(sql, asAdmin));
  });

  test("it is said of what is amiss, and of nothing else", async () => {
    await tenant((sql) => run(sql, [...good, ...bad]));
    const found = of(await look(), id);
    expect(new Set(found.map((one) => one.object))).toEqual(new Set([object]));
    expect(found[0]?.fix).not.toBe("");
  });

  if (byHand !== true)
    test("what it advises mends it", async () => {
      await tenant((sql) => run(sql, first));
      const fixes = of(await look(), id).flatMap(({ fix }) => fix.split("; "));
      await tenant((sql) => run(sql, [...fixes, "select pg_stat_force_next_flush()"]));
      expect(of(await look(), id)).toEqual([]);
    });
});

test("who may only read by the SQL endpoint sees the same", async () => {
  await tenant((sql) => run(sql, ["create table seen (n int)", "grant select on seen to authenticated"]));
  const asReader = await admin(async (sql) => {
    await sql.query("set role nebula_sql_read");
    const rows = await sql.query<AdviceRow>(adviceSql({ history: true }), [...adviceParameters(api)]);
    await sql.query("reset role");
    return toAdvice(rows);
  });
  expect(asReader).toEqual(await look());
  expect(asReader.map((one) => one.id)).toEqual(expect.arrayContaining(["no-primary-key", "rls-disabled"]));
});

test("a database without a data API is told nothing about one", async () => {
  const rows = await tenant((sql) =>
    sql.query<AdviceRow>(adviceSql({ history: false }), [...adviceParameters(undefined)]),
  );
  expect(rows.map((one) => one.id)).not.toContain("rls-disabled");
});
