import { SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type ChangesGround, hookSecret, makeChangesGround } from "./changes-ground.ts";
import { type Listener, listen } from "./listener.ts";
import { addKey } from "./web-ground.ts";

const shared = "0123456789abcdef0123456789abcdef";
const token = (sub: string) =>
  new SignJWT({ sub, role: "authenticated" })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("1h")
    .sign(Buffer.from(shared));

let ground: ChangesGround;
let url: string;
const open: Listener[] = [];
const claim = "current_setting('request.jwt.claims', true)::json->>'sub'";

beforeAll(async () => {
  ground = await makeChangesGround(
    [
      "create table notes (id bigint primary key, owner text not null, body text not null, secret text)",
      "alter table notes enable row level security",
      `create policy own on notes to authenticated using (owner = ${claim})`,
      "create table quiet (id int primary key)",
      "alter table quiet enable row level security",
    ],
    {
      api: {
        realtime: ["notes"],
        jwt: [{ secret: { kind: "secret", name: "api-jwt" } }],
      },
      wanted: {
        apiSecrets: new Map([
          ["api-jwt", new Secret(shared)],
          ["hook", hookSecret],
        ]),
      },
    },
  );
  await ground.sql(
    "grant select (id, owner, body) on notes to authenticated",
    "grant select on notes, quiet to service_role",
  );
  url = ground.url.replace("/rest/v1", "/realtime/v1");
}, 180_000);
afterAll(async () => {
  for (const one of open) one.close();
  await ground?.close();
});

async function listenAs(who: string, query = "", more: Readonly<Record<string, string>> = {}): Promise<Listener> {
  const headers: Record<string, string> =
    who === "service" ? { apikey: addKey(ground, "admin") } : { authorization: `Bearer ${await token(who)}` };
  const one = await listen(`${url}/notes?select=id,owner,body${query}`, { ...headers, ...more });
  open.push(one);
  if (one.status === 200) await eventually("it is ready", () => one.events.length > 0, { timeoutMs: 60_000 });
  return one;
}
const until = (what: string, holds: () => boolean) => eventually(what, holds, { timeoutMs: 60_000 });
const shownTo = ({ events }: Listener) =>
  events.slice(1).map(({ event, data }) => `${event} ${String((data.key as { id: number }).id)}`);

test("who listens is shown the rows that it may select, as it may select them, and no others", async () => {
  const [alice, bob] = [await listenAs("alice"), await listenAs("bob")];
  await ground.sql(
    "insert into notes values (1, 'alice', 'a', 'hidden'), (2, 'bob', 'b', 'hidden')",
    "update notes set body = 'a2' where id = 1",
    "insert into notes values (9007199254740993, 'alice', 'end', 'hidden'), (3, 'bob', 'end', 'hidden')",
  );
  await until("alice was told", () => alice.events.some(({ raw }) => raw.includes("9007199254740993")));
  await until("bob was told", () => shownTo(bob).includes("insert 3"));
  expect(shownTo(bob)).toEqual(["insert 2", "insert 3"]);
  expect(new Set(shownTo(alice).slice(0, -1))).toEqual(new Set(["insert 1", "update 1"]));
  expect([alice, bob].some(({ events }) => events.some(({ raw }) => raw.includes("hidden")))).toBe(false);
  expect(alice.events.at(-1)?.raw).toContain('"id":9007199254740993');
}, 180_000);

test("a row that is gone, or not theirs any more, is told by its key to who was shown it, and to nobody else", async () => {
  const [alice, bob, service] = [await listenAs("alice"), await listenAs("bob"), await listenAs("service")];
  await ground.sql(
    "insert into notes values (10, 'alice', 'x', null), (11, 'alice', 'y', null), (12, 'bob', 'z', null)",
  );
  const all = [alice, bob, service];
  await until("everybody has their own", () => all.map((one) => shownTo(one).length).join() === "2,1,3");
  await ground.sql("update notes set owner = 'bob' where id = 10", "delete from notes where id = 11");
  await until("alice was told", () => shownTo(alice).filter((one) => one.startsWith("delete")).length === 2);
  await until("all was told", () => shownTo(service).includes("delete 11") && shownTo(bob).length > 1);
  expect(shownTo(alice).slice(2)).toEqual(["delete 10", "delete 11"]);
  expect(shownTo(bob)).toEqual(["insert 12", "update 10"]);
  expect(shownTo(service).slice(3)).toEqual(["update 10", "delete 11"]);
}, 180_000);

test("who comes back with Last-Event-ID misses nothing, and filters hold", async () => {
  const before = await listenAs("service");
  await ground.sql("insert into notes values (20, 'carol', 'x', null)");
  await until("it was told", () => shownTo(before).includes("insert 20"));
  const last = before.events.at(-1)?.id ?? "";
  before.close();
  await ground.sql("insert into notes values (21, 'carol', 'y', null), (22, 'dave', 'z', null)");
  const after = await listenAs("service", "&owner=eq.carol&events=insert", { "last-event-id": last });
  await ground.sql("update notes set body = 'w' where id = 21", "insert into notes values (23, 'carol', 'v', null)");
  await until("all was told", () => shownTo(after).includes("insert 23"));
  expect(shownTo(after)).toEqual(["insert 21", "insert 23"]);
}, 180_000);

test("nobody listens who may not read, or to what is not declared", async () => {
  const statusOf = async (path: string, headers: Readonly<Record<string, string>>) => {
    const one = await listen(`${url}/${path}`, headers);
    open.push(one);
    return one.status;
  };
  const bearer = { authorization: `Bearer ${await token("alice")}` };
  expect(await statusOf("notes", {})).toBe(401);
  expect(await statusOf("notes", { authorization: "Bearer nonsense" })).toBe(401);
  expect(await statusOf("quiet", bearer)).toBe(404);
  expect(await statusOf("none", bearer)).toBe(404);
  expect(await statusOf("notes?select=secret", bearer)).toBe(403);
  expect(await statusOf("notes?events=truncate", bearer)).toBe(400);
  expect(await statusOf("notes?nothing=eq.1", bearer)).toBe(400);
}, 120_000);
