import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { asTenant } from "../compute/ground.ts";
import { codeOf } from "../harness/code-of.ts";
import { eventually } from "../harness/eventually.ts";
import { apiOf, type ChangesGround, hooked, makeChangesGround, makeReceiver, type Receiver } from "./changes-ground.ts";

let ground: ChangesGround;
let receiver: Receiver;

beforeAll(async () => {
  receiver = await makeReceiver();
  ground = await makeChangesGround(
    ["create table orders (id int primary key, total numeric not null default 0, note text)"],
    {
      api: {
        webhooks: [
          ...hooked(receiver.url, "orders", "later").webhooks,
          ...hooked("http://127.0.0.1:9/hook", "inward").webhooks,
        ],
      },
      receiver,
    },
  );
  // what stood before it was declared is found by the next look
  await ground.ground.driver.ensure(ground.wanted);
}, 180_000);
afterAll(async () => {
  await ground?.close();
  await receiver?.close();
});
beforeEach(() => {
  receiver.answer = () => 204;
});

const told = (table: string) => receiver.messages.filter(({ data }) => data.table === `public.${table}`);
const until = (what: string, holds: () => boolean) => eventually(what, holds, { timeoutMs: 60_000 });

describe("webhooks", () => {
  test("tell of every committed change, signed, and of nothing that was rolled back", async () => {
    await ground.sql(
      "insert into orders values (1, 12345678901234567890.10, 'ü')",
      "update orders set note = 'paid' where id = 1",
      "begin",
      "insert into orders values (2)",
      "rollback",
      "delete from orders where id = 1",
    );
    await until("three messages came", () => told("orders").length >= 3);
    expect(told("orders").map(({ type }) => type)).toEqual([
      ...["public.orders.insert", "public.orders.update", "public.orders.delete"],
    ]);
    expect(told("orders").every(({ signed }) => signed)).toBe(true);
    const [inserted, updated, deleted] = told("orders").map(({ data }) => data);
    expect(inserted).toMatchObject({ key: { id: 1 }, record: { note: "ü" }, old: null });
    expect(updated).toMatchObject({ record: { note: "paid" }, old: { note: "ü" } });
    expect(deleted).toMatchObject({ key: { id: 1 }, record: null, old: { note: "paid" } });
  }, 120_000);

  test("are taken down from the first row of a table that is made after it was declared", async () => {
    await ground.sql("create table later (id int primary key); insert into later values (7)");
    await until("the row was told of", () => told("later").length > 0);
    await ground.sql('drop trigger "!nebula_changes" on later', "insert into later values (8)");
    await until("its trigger came back", () => told("later").some(({ data }) => data.key?.id === 8));
    await ground.sql("alter table later disable trigger all", "insert into later values (9)");
    await until("and was enabled", () => told("later").some(({ data }) => data.key?.id === 9));
  }, 120_000);

  test("keep the order of a row while its receiver fails, and hold no other row up", async () => {
    const failing = new Set<string>();
    receiver.answer = ({ id, data }) => {
      if (data.key?.id !== 20 || failing.size > 2) return 204;
      failing.add(`${id} ${failing.size}`);
      return failing.size % 2 === 1 ? 503 : 0;
    };
    const before = receiver.messages.length;
    await ground.sql(
      "insert into orders values (20)",
      "update orders set note = 'a' where id = 20",
      "insert into orders values (21)",
    );
    const of = (id: number) => receiver.messages.slice(before).filter(({ data }) => data.key?.id === id);
    await until("all was told", () => of(20).length >= 5 && of(21).length >= 1);
    const events = of(20).map(({ data }) => data.event);
    expect(events).toEqual(["insert", "insert", "insert", "insert", "update"]);
    expect(new Set(of(20).map(({ id }) => id)).size).toBe(2);
  }, 120_000);

  test("are listed with what became of them, and sent again when somebody asks, under the same id", async () => {
    receiver.answer = ({ data }) => (data.key?.id === 30 ? 410 : 204);
    const { changes } = ground;
    await ground.sql("insert into orders values (30), (31)");
    const list = () => changes.deliveries(ground.wanted.id, { webhook: null, state: null, before: null, limit: 20 });
    await until("both were tried", () => receiver.messages.some(({ data }) => data.key?.id === 31));
    await eventually("one waits or is dead", async () =>
      (await list()).some(({ key, attempts }) => key?.id === 30 && attempts > 0),
    );
    const found = (await list()).find(({ key }) => key?.id === 30);
    expect(found).toMatchObject({ status: 410, error: "answered 410" });
    receiver.answer = () => 204;
    const [webhook] = await changes.webhooks(ground.wanted.id);
    if (webhook === undefined || found === undefined) throw new Error("no webhook");
    await eventually(
      "it is delivered",
      async () => (await list()).find(({ key }) => key?.id === 30)?.state === "delivered",
    );
    const times = () => receiver.messages.filter(({ id }) => id === found.messageId).length;
    const before = times();
    expect(await changes.replay(ground.wanted.id, found.webhook, [found.seq])).toBe(1);
    await until("it came again", () => times() > before);
    expect(await codeOf(changes.replay(ground.wanted.id, "wh_none", null))).toBe("NEB734");
  }, 120_000);

  test("tell of a row whose type has a cast to JSON that does as it likes, and let it do nothing", async () => {
    await ground.sql(
      "create type mood as enum ('good', 'bad')",
      `create function evil(mood) returns json language plpgsql as $$ begin
         insert into nebula_changes.outbox (id, relid, relation, op) values (-1, 0, 'public.orders', 'insert');
         return '"forged"'; end $$`,
      "create cast (mood as json) with function evil(mood)",
      "alter table orders add column mood mood",
      "insert into orders (id, mood) values (40, 'good')",
    );
    await until("it was told", () =>
      told("orders").some(({ data }) => data.event === "insert" && data.number > 0 && data.key === null),
    );
    const rows = receiver.messages.filter(({ data }) => data.key === null);
    expect(rows.map(({ data }) => data.record)).toEqual([null]);
    await ground.sql("alter table orders drop column mood");
  }, 120_000);

  test("cannot be written, forged or ended by the owner of the database", async () => {
    const refused = (text: string) =>
      codeOf(asTenant(ground.ground.driver, ground.wanted, (owner) => owner.query(text))).then(
        (code) => code !== "no error",
      );
    for (const text of [
      "insert into nebula_changes.outbox (id, relid, relation, op) values (1, 1, 'public.orders', 'insert')",
      "update nebula_changes.deliveries set state = 'delivered'",
      "delete from nebula_changes.changes",
      "truncate nebula_changes.outbox",
      "create trigger mine after insert on orders for each row execute function nebula_changes.capture('public', 'other')",
      "select nebula_changes.row_json(orders) from orders",
      "select nebula_changes.attach()",
      "alter function nebula_changes.capture() owner to orders",
      "create table nebula_changes.mine (id int)",
      "drop schema nebula_changes cascade",
      "set role nebula_changes",
      "drop event trigger nebula_changes_ddl",
    ])
      expect([text, await refused(text)]).toEqual([text, true]);
  }, 60_000);

  test("are never sent to an address inside the network that the operator has not named", async () => {
    await ground.sql("create table inward (id int primary key)", "insert into inward values (1)");
    await eventually("it was refused", async () => {
      const filter = { webhook: null, state: "waiting", before: null, limit: 20 } as const;
      const found = await ground.changes.deliveries(ground.wanted.id, filter);
      return found.some(({ event, status, error }) => {
        return event === "public.inward.insert" && status === null && /is refused/.test(error ?? "");
      });
    });
    await ground.sql("drop table inward");
  }, 60_000);

  test("go out to nobody any more once they are not declared", async () => {
    await ground.ground.driver.ensure({ ...ground.wanted, api: apiOf({}) });
    const before = receiver.messages.length;
    await ground.sql("insert into orders values (50)");
    const [{ there } = { there: -1 }] = await asTenant(ground.ground.driver, ground.wanted, (owner) =>
      owner.query<{ there: number }>("select count(*)::int as there from pg_trigger where tgname = '!nebula_changes'"),
    );
    expect(there).toBe(0);
    await ground.ground.driver.ensure(ground.wanted);
    await ground.sql("insert into orders values (51)");
    await until("the next one came", () => receiver.messages.some(({ data }) => data.key?.id === 51));
    expect(receiver.messages.slice(before).map(({ data }) => data.key?.id)).toEqual([51]);
  }, 120_000);
});
