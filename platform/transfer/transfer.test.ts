import { expect, test } from "vitest";
import { Secret } from "../core/index.ts";
import { wantedOf } from "./import.ts";
import { parseSource } from "./source.ts";
import { differingCounts } from "./tables.ts";

const parse = (url: string) => parseSource(new Secret(url));

test("a source is a running Postgres: host, port, user, database and how far TLS is asked for", () => {
  const { password, ...source } = parse("postgres://app:p%40ss@db.example.com/shop?sslmode=verify-full");
  expect(source).toEqual({
    ...{ host: "db.example.com", port: 5432, user: "app", database: "shop", sslMode: "verify-full" },
  });
  expect(password?.reveal()).toBe("p@ss");
  expect(parse("postgresql://a@[2001:db8::1]:6543/b")).toMatchObject({
    host: "2001:db8::1",
    port: 6543,
    sslMode: "prefer",
  });
});

test.each([
  ["a file", "dump.sql"],
  ["SQL", "create table a (b int);"],
  ["another scheme", "mysql://a:b@c/d"],
  ["no user", "postgres://host/db"],
  ["no database", "postgres://user@host/"],
  ["an unknown sslmode", "postgres://u:p@h/d?sslmode=maybe"],
  ["a parameter that changes where it goes", "postgres://u:p@h/d?host=/var/run/postgresql"],
  ["options of the server", "postgres://u:p@h/d?options=-c%20role%3Droot"],
])("%s is no source, and the refusal does not repeat it", (_, url) => {
  const refusal = (() => {
    try {
      return parse(url) && undefined;
    } catch (thrown) {
      return thrown as { code: string; message: string };
    }
  })();
  expect(refusal?.code).toBe("NEB697");
  expect(refusal?.message).not.toContain(url);
});

test("of a dump's contents everything is restored but what belongs to the server", () => {
  const contents = [
    ";",
    "2; 3079 16390 EXTENSION - pgcrypto ",
    "3; 0 0 COMMENT - EXTENSION pgcrypto ",
    "5; 2615 2200 SCHEMA - public postgres",
    "6; 2615 16400 SCHEMA - sales app",
    "210; 1259 16401 TABLE sales EXTENSION app",
    "3300; 0 16401 TABLE DATA sales orders app",
  ].join("\n");
  expect(wantedOf(contents).split("\n")).toEqual([
    ";",
    "6; 2615 16400 SCHEMA - sales app",
    "210; 1259 16401 TABLE sales EXTENSION app",
    "3300; 0 16401 TABLE DATA sales orders app",
  ]);
});

test("a table that lacks rows, or is missing, is named; what the target has beside is nobody's business", () => {
  const source = new Map([
    ["public.a", 3],
    ["public.b", 2],
    ["public.c", 0],
  ]);
  const target = new Map([
    ["public.a", 3],
    ["public.b", 1],
    ["public.z", 9],
  ]);
  expect(differingCounts(source, source)).toEqual([]);
  expect(differingCounts(source, target)).toEqual(["public.b has 1 of 2 rows", "public.c is missing, with 0 rows"]);
});
