/** What people get wrong in a request: each is told the code, the place and, where there is one, the way out. Migrations: -review, -apply. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiGround, type Asked, makeApiGround } from "./ground.ts";

let ground: ApiGround;
beforeAll(async () => {
  ground = await makeApiGround();
});
afterAll(() => ground.close());

const post = (body: string | Buffer): Asked => ({
  ...{ method: "POST", body, headers: { "content-type": "application/json" } },
});

/** Status, code, the place in message or details, the way out in hint or details. */
type Row = readonly [
  name: string,
  path: string,
  asked: Asked,
  status: number,
  code: string,
  place: RegExp,
  out: RegExp,
];

const rows: readonly Row[] = [
  ["an unknown column in a filter", "/people?nam=eq.1", {}, 400, "42703", /people\.nam/, /people\.name/],
  ["an unknown column in select", "/people?select=nam", {}, 400, "42703", /people\.nam/, /people\.name/],
  ["an unknown column in order", "/people?order=nam", {}, 400, "42703", /people\.nam/, /people\.name/],
  ["an unknown column in a body", "/clients", post('{"nam": 1}'), 400, "PGRST204", /'nam'/, /'name'/],
  ["a column like no other", "/people?select=zzzzzzzz", {}, 400, "42703", /people\.zzzzzzzz/, /lists the columns/],
  ["such a one in a body", "/clients", post('{"zzzzzzzz": 1}'), 400, "PGRST204", /'zzzzzzzz'/, /lists the columns/],
  ["an unknown operator", "/people?id=equals.1", {}, 400, "PGRST100", /line 1, column 7/, /expected an operator/],
  [
    ...(["an unknown operator in a tree", "/people?or=(id.equals.1)", {}, 400, "PGRST100"] as const),
    ...([/line 1, column 11/, /expected an operator/] as const),
  ],
  ["an unknown relation", "/peple", {}, 404, "PGRST205", /public\.peple/, /public\.people/],
  ["an unknown cast", "/people?select=id::intt", {}, 400, "42704", /"intt"/, /pg_catalog/],
  [
    ...(["an ambiguous embed", "/orders?select=id,addresses(street)", {}, 300, "PGRST201"] as const),
    ...([/'orders' and 'addresses'/, /addresses!orders_billing_id_fkey/] as const),
  ],
  ["malformed JSON", "/clients", post('{"id": 1, "name": '), 400, "PGRST102", /invalid json/, /JSON/],
  ["a body that is no UTF-8", "/clients", post(Buffer.from([0x7b, 0xff, 0x7d])), 400, "PGRST102", /body/, /UTF-8/],
  ["an address that is no UTF-8", "/people?name=eq.%ff", {}, 400, "PGRST100", /eq\.%ff/, /UTF-8/],
  ["a NUL", "/people?name=eq.%00", {}, 400, "PGRST100", /eq\.%00/, /NUL/],
  ["a number out of range", "/people?id=eq.99999999999999", {}, 400, "22003", /99999999999999/, /integer/],
  ["a number in a body", "/clients", post('{"id": 99999999999999}'), 400, "22003", /99999999999999/, /integer/],
  ["a limit out of range", "/people?limit=99999999999999999999", {}, 400, "PGRST100", /limit/, /whole number/],
  ["an offset below zero", "/people?offset=-1", {}, 416, "PGRST103", /[Oo]ffset/, /greater than or equal to zero/],
];

test.each(rows)("%s", async (_name, path, asked, status, code, place, out) => {
  const answer = await ground.ask(path, asked);
  expect([answer.status, answer.json.code]).toEqual([status, code]);
  const { message, details, hint } = answer.json;
  expect(`${message} ${JSON.stringify(details)}`).toMatch(place);
  expect(`${message} ${JSON.stringify(details)} ${hint}`).toMatch(out);
});
