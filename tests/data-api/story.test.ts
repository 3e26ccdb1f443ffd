/**
 * The whole way once, as users go it: a declaration and its migrations by pull request, the reconciler, HTTP through the gateway, and
 * from the gateway's count to a line of the invoice. With PostgREST's own client.
 */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { PostgrestClient } from "@supabase/postgrest-js";
import { SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { type Platform, startPlatform } from "../system/platform.ts";

let platform: Platform;
let login: KeyObject;
let url: string;
beforeAll(async () => {
  platform = await startPlatform();
}, 360_000);
afterAll(() => platform?.close(), 60_000);

const base = "/api/v1/domain/acme/project/shop/databases";

async function portal<T>(method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`${platform.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  expect(response.status, text).toBeLessThan(300);
  return JSON.parse(text) as T;
}

/** Asks for what merges by itself, and waits until it is in force. */
async function merged(path: string, body: object): Promise<void> {
  const { operation } = await portal<{ operation: { id: string } }>("POST", path, { ...body, autoMerge: true });
  const ended = await eventually(
    `${path} is in force`,
    async () => {
      const one = await portal<{ state: string; error: unknown }>("GET", `/api/v1/operations/${operation.id}`);
      return ["COMPLETED", "FAILED", "CANCELLED"].includes(one.state) && one;
    },
    { timeoutMs: 90_000, everyMs: 300 },
  );
  expect(ended).toMatchObject({ state: "COMPLETED" });
}

const applied = (file: string) =>
  eventually(
    `${file} ran`,
    async () => {
      const { items } = await portal<{ items: { file: string; state: string }[] }>("GET", `${base}/notes/migrations`);
      return items.find((one) => one.file === file)?.state === "applied";
    },
    { timeoutMs: 60_000, everyMs: 300 },
  );

// biome-ignore lint/suspicious/noExplicitAny: the schema of a test is not typed
type Data = PostgrestClient<any, any, any>;

async function as(sub: string, role = "authenticated"): Promise<Data> {
  const token = await new SignJWT({ sub, role })
    .setProtectedHeader({ alg: "ES256" })
    .setExpirationTime("30m")
    .sign(login);
  return new PostgrestClient(url, { headers: { authorization: `Bearer ${token}` } });
}

test("a database is declared with a data API, and its schema merged in two migrations", async () => {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  login = pair.privateKey;
  const publicKey = pair.publicKey.export({ type: "spki", format: "pem" }).toString();
  const options = { version: "18", storage: "1Gi", compute: { min: 0.25, max: 0.25 }, tags: { owner: "test" } };
  await merged(base, { name: "notes", ...options, api: { jwt: [{ publicKey }] } });
  const owner = "(current_setting('request.jwt.claims')::json ->> 'sub')";
  await merged(`${base}/notes/migrations`, {
    name: "notes",
    sql: `create table notes (id bigint generated always as identity primary key, owner text not null default ${owner}, text text not null);
alter table notes enable row level security;
create policy own on notes using (owner = (select ${owner}));
grant select, insert, update, delete on notes to authenticated;`,
  });
  await applied("0001_notes");
  await merged(`${base}/notes/migrations`, {
    name: "done",
    sql: "alter table notes add column done boolean not null default false;",
  });
  await applied("0002_done");
  const { api } = await portal<{ api: { url: string } | null }>("GET", `${base}/notes`);
  url = api?.url ?? "";
  expect(url).toMatch(/\/acme\/shop\/notes\/rest\/v1$/);
}, 900_000);

test("two users read and write through the client, each their own rows", async () => {
  const [ada, ben] = [await as("ada"), await as("ben")];
  const made = await ada
    .from("notes")
    .insert([{ text: "one" }, { text: "two" }])
    .select("text");
  expect(made).toMatchObject({ status: 201, data: [{ text: "one" }, { text: "two" }] });
  expect(await ben.from("notes").insert({ text: "three" })).toMatchObject({ status: 201, error: null });
  expect((await ada.from("notes").select("owner,text,done").order("text")).data).toEqual([
    { owner: "ada", text: "one", done: false },
    { owner: "ada", text: "two", done: false },
  ]);
  expect((await ben.from("notes").select("text")).data).toEqual([{ text: "three" }]);
  expect((await ben.from("notes").update({ done: true }).eq("text", "one").select()).data).toEqual([]);
  expect((await ben.from("notes").insert({ text: "x", owner: "ada" })).error).toMatchObject({ code: "42501" });
  expect(await new PostgrestClient(url).from("notes").select()).toMatchObject({ status: 401 });
  expect((await (await as("eve", "nebula_api")).from("notes").select()).status).toBe(403);
}, 120_000);

/** What the test above asked of the data API and was let in with: the refused credentials are nobody's to pay. */
const asked = 6;

test("what was asked is counted by the gateway, taken over, and a line of the invoice", async () => {
  const quantity = await eventually(
    "the requests are on the meter",
    async () => {
      const path = "/api/v1/usage?domain=acme&database=notes&meter=api_requests";
      const { items } = await portal<{ items: { quantity: string }[] }>("GET", path);
      const sum = items.reduce((all, one) => all + Number(one.quantity), 0);
      return sum >= asked && sum; // a minute's end may fall among them
    },
    { timeoutMs: 150_000, everyMs: 1_000 },
  );
  expect(quantity).toBe(asked);
  type Line = { database: string; meter: string; quantity: string; micros: number };
  const { lines } = await portal<{ lines: Line[] }>("GET", "/api/v1/usage/invoice?domain=acme");
  const line = lines.find(({ database, meter }) => database === "notes" && meter === "api_requests");
  expect(line).toMatchObject({ quantity: String(asked), pricedUnit: "million requests" });
}, 600_000);
