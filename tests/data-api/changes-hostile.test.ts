/** What a database's owner may try against what is taken down of changed rows, and what bounds it. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { changesLogin, readServiceKey } from "../../platform/compute/index.ts";
import { asTenant } from "../compute/ground.ts";
import { codeOf } from "../harness/code-of.ts";
import { eventually } from "../harness/eventually.ts";
import {
  type ChangesGround,
  hooked,
  hookSecret,
  makeChangesGround,
  makeReceiver,
  type Receiver,
} from "./changes-ground.ts";

let ground: ChangesGround;
let receiver: Receiver;
const patient = 180_000;

/** Addresses inside the network, as a declaration may name them. */
const inward = [
  "http://127.0.0.1:9/hook",
  "https://127.0.0.1/hook",
  "https://[::1]/hook",
  "https://0.0.0.0/hook",
  "https://10.0.0.1/hook",
  "https://172.16.0.1/hook",
  "https://192.168.1.1/hook",
  "https://169.254.169.254/latest/meta-data",
  "https://[fd00::1]/hook",
  "https://[fe80::1]/hook",
  "https://[::ffff:10.0.0.1]/hook",
];

beforeAll(async () => {
  receiver = await makeReceiver();
  const webhooks = [
    ...hooked(receiver.url, "orders", "mine", "late.orders").webhooks,
    ...inward.flatMap((url) => hooked(url, "inward").webhooks),
  ];
  ground = await makeChangesGround([], { api: { webhooks }, receiver, told: { keep: { most: 20, tidyEvery: 10 } } });
  await ground.sql(
    "create schema evil",
    "create table orders (id int primary key, note text, weight float8, at timestamptz)",
    "create table mine (id int primary key)",
  );
}, patient);
afterAll(async () => {
  await ground?.close();
  await receiver?.close();
});
beforeEach(() => {
  receiver.answer = () => 204;
});

const of = (id: number, table = "orders") =>
  receiver.messages.filter(({ data }) => data.table === `public.${table}` && data.key?.id === id);
const until = (what: string, holds: () => boolean) => eventually(what, holds, { timeoutMs: 120_000 });

async function asChanges(text: string): Promise<void> {
  const password = await readServiceKey(ground.ground.dataDir, ground.wanted.id, changesLogin);
  if (password === undefined) throw new Error("there is no login for changes");
  const login = { user: changesLogin, password };
  await asTenant(ground.ground.driver, ground.wanted, (sql) => sql.query(text), login);
}

test(
  "no setting, name or temporary table of a session changes what is taken down",
  async () => {
    await ground.sql(
      "create function evil.to_jsonb(anyelement) returns jsonb language sql as $$ select '{}'::jsonb $$",
      "create function evil.nextval(regclass) returns bigint language sql as $$ select -1::bigint $$",
      "create function evil.lower(text) returns text language sql as $$ select 'forged' $$",
      "create table evil.pg_trigger (tgname name); create table evil.outbox (id int)",
      "set search_path = evil, public, pg_catalog",
      "create temp table pg_class (oid oid); create temp table progress (drained bigint)",
      "set standard_conforming_strings = off; set extra_float_digits = -15; set timezone = 'Asia/Tokyo'; set row_security = off",
      "alter table public.orders add column more int",
      "insert into public.orders values (1, 'x', 0.1234567890123456, '2026-01-01 00:00:00+00')",
    );
    await until("it was told", () => of(1).length > 0);
    expect(of(1)[0]?.data).toMatchObject({
      event: "insert",
      record: { note: "x", weight: 0.1234567890123456, at: "2026-01-01T00:00:00+00:00" },
    });
  },
  patient,
);

test(
  "a trigger that is renamed, replaced, disabled or dropped is there again, once",
  async () => {
    const ways = [
      'alter trigger "!nebula_changes" on orders rename to renamed',
      'create or replace trigger "!nebula_changes" after insert on orders for each row execute function evil.nothing()',
      "alter table orders disable trigger all",
      'alter table orders enable replica trigger "!nebula_changes"',
      'drop trigger "!nebula_changes" on orders',
      "alter table orders rename to elsewhere; alter table elsewhere rename to orders",
    ];
    await ground.sql("create function evil.nothing() returns trigger language plpgsql as $$ begin return null; end $$");
    for (const [index, way] of ways.entries()) await ground.sql(way, `insert into orders (id) values (${10 + index})`);
    await ground.sql("insert into orders (id) values (19)");
    await until("the last was told", () => of(19).length > 0);
    expect(ways.map((way, index) => [way, of(10 + index).length])).toEqual(ways.map((way) => [way, 1]));
  },
  patient,
);

test(
  "a table that comes with its schema is taken down from its first row",
  async () => {
    await ground.sql(
      "create schema late create table orders (id int primary key)",
      "insert into late.orders values (1)",
    );
    await until("it was told", () => receiver.messages.some(({ type }) => type === "late.orders.insert"));
  },
  patient,
);

test(
  "what a trigger of the tenant's changes in the same row comes after what it reacted to",
  async () => {
    await ground.sql(
      `create function evil.again() returns trigger language plpgsql as
       $$ begin update mine set id = id where id = new.id and pg_trigger_depth() < 2; return null; end $$`,
      "create trigger a_first after insert on mine for each row execute function evil.again()",
      "insert into mine values (1)",
    );
    await until("both were told", () => of(1, "mine").length >= 2);
    expect(of(1, "mine").map(({ data }) => data.event)).toEqual(["insert", "update"]);
  },
  patient,
);

test(
  "a row that is too long is told by its key, in its order",
  async () => {
    await ground.sql(
      "insert into orders (id, note) values (30, repeat('x', 70000))",
      "update orders set note = 'short' where id = 30",
      "insert into orders (id, note) values (31, repeat('x', 70000))",
      "delete from orders where id = 31",
    );
    await until("both were told", () => of(30).length >= 2 && of(31).length >= 2);
    expect(of(30).map(({ data: { event, key, record, old } }) => ({ event, key, record, old }))).toEqual([
      { event: "insert", key: { id: 30 }, record: null, old: null },
      { event: "update", key: { id: 30 }, record: null, old: null },
    ]);
  },
  patient,
);

test(
  "nothing of the outbox can be written, locked or counted up by the owner",
  async () => {
    for (const text of [
      "select * from nebula_changes.progress for update",
      "lock table nebula_changes.outbox in exclusive mode",
      "select nextval('nebula_changes.lost')",
      "select setval('nebula_changes.outbox_id', 1)",
      "alter function nebula_changes.attach() set search_path = evil",
      "create or replace function nebula_changes.capture() returns trigger language plpgsql as $$ begin return null; end $$",
      "grant nebula_changes to orders",
      "alter role nebula_json login",
      "set session_replication_role = replica",
      "set event_triggers = off",
      "alter event trigger nebula_changes_ddl disable",
      "delete from nebula_changes.wanted",
    ])
      expect([text, await codeOf(ground.sql(text))]).not.toEqual([text, "no error"]);
  },
  patient,
);

test(
  "beyond what may wait changes are counted, and their receivers are told how many are missing",
  async () => {
    await asChanges("update nebula_changes.progress set drained = -1000000");
    await ground.sql("insert into orders (id) values (40), (41), (42)", "insert into orders (id) values (43)");
    await until(
      "the last was told, or counted",
      () => receiver.messages.some(({ type }) => type === "gap") && (of(43).length > 0 || lost() === 4),
    );
    expect(lost() + [40, 41, 42, 43].filter((id) => of(id).length > 0).length).toBe(4);
    expect(lost()).toBeGreaterThanOrEqual(3);
  },
  patient,
);
const gaps = () => receiver.messages.filter(({ type }) => type === "gap");
const lost = () => {
  const byNumber = new Map(gaps().map(({ data }) => [data.number, Number((data.record as { lost: number }).lost)]));
  return [...byNumber.values()].reduce((sum, one) => sum + one, 0);
};

test(
  "messages that wait are bounded: the oldest make room, and their receiver is told how many are missing",
  async () => {
    const before = gaps().length;
    receiver.answer = ({ type }) => (type === "gap" ? 204 : 503);
    for (let row = 100; row < 160; row++) await ground.sql(`insert into orders (id) values (${row})`);
    await until("a gap was told", () => gaps().length > before);
    const [{ kept } = { kept: -1 }] = await asTenant(ground.ground.driver, ground.wanted, (owner) =>
      owner.query<{ kept: number }>("select count(*)::int as kept from nebula_changes.changes"),
    );
    expect(kept).toBeLessThan(60);
    receiver.answer = () => 204;
    await until("the newest came", () => of(159).length > 0);
  },
  patient,
);

test(
  "no receiver inside the network is asked, whatever its address looks like",
  async () => {
    await ground.sql("create table inward (id int primary key)", "insert into inward values (1)");
    const errors = async () => {
      const filter = { webhook: null, state: "waiting", before: null, limit: 200 } as const;
      const found = await ground.changes.deliveries(ground.wanted.id, filter);
      return found.flatMap(({ event, error, status }) =>
        event === "public.inward.insert" && error !== null
          ? [[error.replace(/.* is refused.*/, "refused"), status]]
          : [],
      );
    };
    await eventually("all were tried", async () => (await errors()).length === inward.length, { timeoutMs: 120_000 });
    expect(await errors()).toEqual(inward.map(() => ["refused", null]));
    await ground.sql("drop table inward");
  },
  patient,
);

test("all of that was done without a fault", () => {
  expect(ground.observations.filter(({ kind }) => kind === "fault")).toEqual([]);
});

test(
  "the secret is in no log line and in no list",
  async () => {
    const filter = { webhook: null, state: null, before: null, limit: 200 } as const;
    const seen = JSON.stringify([
      ground.observations,
      await ground.changes.deliveries(ground.wanted.id, filter),
      await ground.changes.webhooks(ground.wanted.id),
    ]);
    expect(seen).toContain("webhook.tried");
    expect(seen).not.toContain(hookSecret.reveal().slice("whsec_".length));
  },
  patient,
);
