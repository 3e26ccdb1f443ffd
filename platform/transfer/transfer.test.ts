import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import { Secret } from "../core/index.ts";
import { wantedOf } from "./import.ts";
import { addressOf, parseSource } from "./source.ts";
import { differingCounts } from "./tables.ts";
import { withoutChannelBinding } from "./unbound.ts";

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

test("the offer of channel binding is for us and not for the program behind us, however the bytes come", async () => {
  const message = (type: string, body: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(4 + body.length);
    return Buffer.concat([Buffer.from(type), length, body]);
  };
  const sasl = (...names: string[]) =>
    message("R", Buffer.from(`\0\0\0\n${names.map((name) => `${name}\0`).join("")}\0`));
  const version = message("v", Buffer.from([0, 3, 0, 0, 0, 0, 0, 0]));
  const later = message("R", Buffer.from("\0\0\0\nSCRAM-SHA-256-PLUS\0\0"));
  const said = Buffer.concat([version, sasl("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"), later]);
  const heard = Buffer.concat([version, sasl("SCRAM-SHA-256"), later]);
  for (const size of [1, 7, said.length]) {
    const filter = withoutChannelBinding();
    for (let at = 0; at < said.length; at += size) filter.write(said.subarray(at, at + size));
    filter.end();
    expect(await buffer(filter)).toEqual(heard);
  }
  const refused = message("E", Buffer.from("SFATAL\0\0"));
  const filter = withoutChannelBinding();
  filter.end(refused);
  expect(await buffer(filter)).toEqual(refused);
});

test("an address inside is refused as a Postgres's, with the setting that allows it and without its password", async () => {
  const refusal = addressOf(parse("postgres://u:hidden@127.0.0.1:5/x"), {});
  await expect(refusal).rejects.toMatchObject({
    code: "NEB688",
    message: "the Postgres at 127.0.0.1:5 is refused: it lies on this machine or in a private network",
    hint: expect.stringContaining("NEBULA_PRIVATE_HOSTS=127.0.0.1:5"),
  });
  await refusal.catch(({ message, hint }) => expect(`${message} ${hint}`).not.toMatch(/https|GIT_HOSTS|hidden/));
  expect(await addressOf(parse("postgres://u@127.0.0.1:5/x"), { inside: ["127.0.0.1:5"] })).toMatchObject({
    family: 4,
  });
});
