/** A few golden statements: what a request becomes, whole. */
import { expect, test } from "vitest";
import { planRequest } from "../plan/plan.ts";
import { readRequest } from "../request/request.ts";
import { buildSnapshot } from "../schema/build.ts";
import type { RestSettings } from "../types.ts";
import { compile } from "./compile.ts";

const settings: RestSettings = {
  ...{ schemas: ["public"], maxRows: 100, statementMs: 1000, maxBytes: 1000, allowTxEnd: false, aggregates: false },
  exposed: () => true,
};

const column = (number: number, name: string, type: string) => [
  number,
  name,
  type,
  true,
  null,
  "",
  "",
  null,
  null,
  null,
];
const relation = (oid: string, name: string, columns: unknown[]) => [
  oid,
  "public",
  name,
  "r",
  "true",
  "",
  "28",
  null,
  JSON.stringify(columns),
];
const snapshot = buildSnapshot(
  {
    relations: [
      relation("1", "clients", [column(1, "id", "integer"), column(2, "name", "text")]),
      relation("2", "projects", [column(1, "id", "integer"), column(2, "client_id", "integer")]),
    ],
    constraints: [
      ["1", "p", "clients_pkey", "[1]", "0", "null"],
      ["2", "f", "projects_client_id_fkey", "[2]", "1", "[1]"],
    ],
    routines: [],
    views: [],
    types: [["text", "text"]],
    comments: [],
  },
  settings,
  1,
);

function statement(method: string, path: string, query: string, body = "", headers: Record<string, string> = {}) {
  const request = readRequest({ method, path, query, headers, body: Buffer.from(body) }, settings);
  return compile(planRequest(request, snapshot, false), request, { settings, name: "x" }).main;
}
const answer = (body: string) =>
  `select x.total, x.page, pg_catalog.octet_length(x.body), case when pg_catalog.octet_length(x.body) <= 1000 then x.body end, pg_catalog.current_setting('response.headers', true), pg_catalog.current_setting('response.status', true), null::text, x.keys::text from (select null::bigint as total, pg_catalog.count(*) as page, (${body})::text as body, null as keys from (`;

test("a read of some rows with an embed", () => {
  const { text, params } = statement(
    "GET",
    "/projects",
    "select=id,clients!inner(name)&clients.name=eq.x&id=in.(1,2)&order=id.desc",
  );
  expect(text).toBe(
    `${answer("coalesce(pg_catalog.json_agg(t), '[]')")}select r0."id" as "id", pg_catalog.row_to_json(e1) as "clients" ` +
      `from "public"."projects" as r0 join lateral (select r1."name" as "name" from "public"."clients" as r1 ` +
      `where r0."client_id" = r1."id" and (r1."name" = $2)) as e1 on true where (r0."id" = any($3)) order by r0."id" desc limit $1) as t) as x`,
  );
  expect(params).toEqual([{ kind: "limit" }, { kind: "slot", slot: 0 }, { kind: "slot", slot: 1 }]);
});

test("an insert without an answer", () => {
  const { text, params } = statement("POST", "/clients", "", '{"id": 1, "name": "x"}');
  expect(text).toBe(
    `with nebula_changed as (insert into "public"."clients" as r0 ("id", "name") select b."id", b."name" ` +
      `from pg_catalog.json_to_record($1::json) as b("id" integer, "name" text) returning 1 as nebula_one) ` +
      `${answer("null")}select * from nebula_changed) as t) as x`,
  );
  expect(params).toEqual([{ kind: "body" }]);
});

test("a delete of what the filters name", () => {
  expect(statement("DELETE", "/clients", "or=(id.eq.1,name.not.is.null)").text).toContain(
    `delete from "public"."clients" as r0 where ((r0."id" = $1) or not (r0."name" is null)) returning 1 as nebula_one`,
  );
});

test("two requests that differ in values only are one shape, others are not", () => {
  const shape = (query: string) =>
    readRequest({ method: "GET", path: "/clients", query, headers: {}, body: Buffer.alloc(0) }, settings).shape;
  expect(shape("id=eq.1&limit=2")).toBe(shape("id=eq.7&limit=9"));
  expect(shape("id=in.(1,2)")).toBe(shape("id=in.(1,2,3)"));
  expect(
    new Set(
      [
        "id=eq.1",
        "id=not.eq.1",
        "id=gt.1",
        "id=is.null",
        "id=is.true",
        "name=eq.1",
        "id=eq(any).{1}",
        "id=eq.1&limit=1",
      ].map(shape),
    ).size,
  ).toBe(8);
});

test("what a declaration or a name keeps from being planned says what would let it, or where the names are", () => {
  const refusal = (query: string, body = "") => {
    try {
      statement(body === "" ? "GET" : "POST", "/clients", query, body);
      return undefined;
    } catch (thrown) {
      return thrown as { code: string; hint: string | null };
    }
  };
  expect(refusal("select=id.sum()")).toMatchObject({
    ...{ code: "PGRST123", hint: expect.stringContaining("api: { aggregates: true }") },
  });
  expect(refusal("select=nam")).toMatchObject({ code: "42703", hint: expect.stringContaining('"clients.name"') });
  expect(refusal("select=zzzzzzzz")).toMatchObject({ code: "42703", hint: expect.stringContaining("/docs") });
  expect(refusal("", '{"nam": 1}')).toMatchObject({ code: "PGRST204", hint: expect.stringContaining("'name'") });
  expect(refusal("", '{"zzzzzzzz": 1}')).toMatchObject({ code: "PGRST204", hint: expect.stringContaining("/docs") });
});
