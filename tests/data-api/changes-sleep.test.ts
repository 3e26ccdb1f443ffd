import { expect, test } from "vitest";
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
