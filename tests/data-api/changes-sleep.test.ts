import { expect, test } from "vitest";
import { systemClock } from "../../platform/core/index.ts";
import { eventually } from "../harness/eventually.ts";
import { hooked, makeChangesGround, makeReceiver } from "./changes-ground.ts";
import { listen } from "./listener.ts";
import { addKey } from "./web-ground.ts";

test("neither a message that waits nor an open stream keeps a database awake; a message that is due wakes it", async () => {
  const receiver = await makeReceiver();
  const ground = await makeChangesGround([], {
    api: { ...hooked(receiver.url, "orders"), realtime: ["orders"] },
    wanted: { suspendAfterSeconds: 0.2 },
    keeper: { suspension: { sweepMs: 20, stopAfterFrozenMs: 0 } },
    told: { backoff: () => ({ kind: "later", afterMs: 10_000 }) },
    receiver,
  });
  const { id } = ground.wanted;
  const asleep = () => eventually("it sleeps", () => ground.keeper.state(id) === "asleep", { timeoutMs: 60_000 });
  try {
    await ground.sql(
      "create table orders (id int primary key)",
      "alter table orders enable row level security",
      "grant select on orders to service_role",
    );
    const url = `${ground.url.replace("/rest/v1", "/realtime/v1")}/orders`;
    const stream = await listen(url, { apikey: addKey(ground, "admin") });
    await eventually("it listens", () => stream.events.length > 0, { timeoutMs: 60_000 });
    await asleep();

    // whoever writes wakes it, as clients do: by the keeper
    const entered = await ground.keeper.enter(id, "direct");
    receiver.answer = () => 500;
    await ground.sql("insert into orders values (1)");
    entered.confirm();
    entered.leave();
    await eventually("it was told", () => receiver.messages.length > 0, { timeoutMs: 60_000 });
    await eventually("and heard", () => stream.events.some(({ event }) => event === "insert"), { timeoutMs: 60_000 });
    await asleep();
    receiver.answer = () => 204;
    const tries = receiver.messages.length;
    await eventually("it was told again", () => receiver.messages.length > tries, { timeoutMs: 60_000 });
    await asleep();
    expect(new Set(receiver.messages.map((message) => message.id)).size).toBe(1);
    stream.close();
  } finally {
    await ground.close();
    await receiver.close();
  }
}, 300_000);

test("one that takes its time to stop sleeps, though its listener has lost its connection long before it is down", async () => {
  const ground = await makeChangesGround([], {
    api: { realtime: ["orders"] },
    wanted: { suspendAfterSeconds: 0.2 },
    keeper: { suspension: { sweepMs: 20, stopAfterFrozenMs: 0 } },
    // a machine that is busy: the listener is looked after several times between the end of its connection and the end of the stop
    runner: (own) => ({
      ...own,
      async sleep(id, unless) {
        const seen = await own.sleep(id, unless);
        await systemClock.sleep(500);
        return seen;
      },
    }),
  });
  const { id } = ground.wanted;
  const suspends = () => ground.observations.filter(({ kind }) => kind === "instance.suspended").length;
  try {
    (await ground.keeper.enter(id, "direct")).leave();
    await eventually("it was stopped", () => suspends() > 0, { timeoutMs: 60_000 });
    await eventually("it sleeps on", () => ground.keeper.state(id) === "asleep", { timeoutMs: 20_000, everyMs: 200 });
    const before = suspends();
    await systemClock.sleep(2_000);
    expect([ground.keeper.state(id), suspends()]).toEqual(["asleep", before]);
  } finally {
    await ground.close();
  }
}, 300_000);
