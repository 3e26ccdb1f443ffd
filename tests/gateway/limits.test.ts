/** How much the direct endpoint takes from whom, and what it says to whoever is too many, too slow or in the wrong place. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { instanceNotRunnable } from "../../platform/compute/index.ts";
import { systemClock } from "../../platform/core/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type GatewayChanges, type GatewayGround, makeGateway, startingKeeper } from "./ground.ts";
import { makeLogin, withClient } from "./node-client.ts";
import { errorFields, rawClient, scramSignIn, startup } from "./raw-client.ts";

const password = "owner's pass/word ü";
let gateway: GatewayGround;
afterEach(() => gateway?.close());

async function open(changes: GatewayChanges = {}) {
  gateway = await makeGateway(changes);
  return makeLogin(gateway, password);
}
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "no error",
    (thrown: { code?: string }) => thrown.code ?? "none",
  );
const some = {
  connections: 100,
  connectionsPerSecond: 0,
  idleSeconds: 0,
  idleInTransactionSeconds: 0,
  statementSeconds: 0,
};

describe("the declaration's limits", () => {
  it("end at so many sessions at a time, and a session that ends makes room", async () => {
    const login = await open({ wanted: { limits: { ...some, connections: 2 } } });
    const one = () => codeOf(withClient(login(), (client) => client.query("select 1")));
    await withClient(login(), async () => {
      expect(await one()).toBe("no error");
      await eventually("it has left", async () => (await one()) === "no error");
      await withClient(login(), async () => expect(await one()).toBe("53300"));
    });
    await eventually("there is room", async () => (await one()) === "no error");
  });

  it("end at so many new sessions a second", async () => {
    const login = await open({ wanted: { limits: { ...some, connectionsPerSecond: 3 } } });
    const codes = await Promise.all(
      Array.from({ length: 12 }, () => codeOf(withClient(login(), (client) => client.query("select 1")))),
    );
    expect(codes.filter((code) => code === "no error").length).toBeGreaterThanOrEqual(3);
    expect(codes).toContain("53300");
  });

  it("are the server's own settings where time is concerned", async () => {
    const limits = { ...some, idleSeconds: 77, idleInTransactionSeconds: 1, statementSeconds: 88 };
    const login = await open({ wanted: { limits } });
    await withClient(login(), async (client) => {
      const show = async (name: string) => Object.values((await client.query(`show ${name}`)).rows[0])[0];
      expect(await show("idle_session_timeout")).toBe("77s");
      expect(await show("statement_timeout")).toBe("88s");
      const lost = new Promise<{ code?: string }>((resolve) => client.once("error", resolve));
      await client.query("begin");
      expect((await lost).code).toBe("25P03");
    });
    const own = login({ options: "-c statement_timeout=5s" });
    await withClient(own, async (client) =>
      expect((await client.query("show statement_timeout")).rows[0].statement_timeout).toBe("5s"),
    );
  });
});

describe("the gateway's own limits", () => {
  it("give a handshake its time and no more", async () => {
    await open({ limits: { handshakeMs: 300 } });
    const silent = await rawClient(gateway.port);
    const slow = await rawClient(gateway.port);
    slow.send(startup({ user: "orders", database: gateway.wanted.id }));
    for (const client of [silent, slow]) {
      const told = (await client.until("E")).at(-1);
      expect(told && errorFields(told)).toMatchObject({ C: "57014" });
      expect(await client.rest()).toHaveLength(0);
    }
    await eventually("nothing is left", () => gateway.endpoint.sessions().connections === 0);
  });

  it("stop whoever guesses passwords, at that database only", async () => {
    const login = await open({ limits: { failuresPerMinute: 3 } });
    const attempt = (changes: object) => codeOf(withClient(login(changes), (client) => client.query("select 1")));
    for (let i = 0; i < 3; i++) expect(await attempt({ password: "wrong" })).toBe("28P01");
    expect(await attempt({ password: "wrong" })).toBe("28000");
    expect(await attempt({})).toBe("28000");
    expect(await attempt({ database: "acme.shop.other" })).toBe("28P01");
  });

  it("hold for an address and for all of them", async () => {
    const login = await open({ limits: { perAddress: 2, connections: 3 } });
    await withClient(login(), async () =>
      withClient(login(), async () => {
        expect(await codeOf(withClient(login(), async () => undefined))).toBe("53300");
        await eventually("that one is gone", () => gateway.endpoint.sessions().connections === 2);
        const third = await rawClient(gateway.port);
        await eventually("the third is there", () => gateway.endpoint.sessions().connections === 3);
        const beyond = await rawClient(gateway.port);
        expect(await beyond.rest()).toHaveLength(0);
        third.close();
      }),
    );
  });
});

describe("a database that cannot serve", () => {
  it("is said to be so, with what to do", async () => {
    const login = await open({
      keeper: () => ({
        enter: () => Promise.reject(instanceNotRunnable("acme.shop.orders is paused in /var/lib/nebuladb")),
      }),
    });
    const told = await withClient(login(), (client) => client.query("select 1")).catch((thrown) => thrown);
    expect(told).toMatchObject({ code: "57P03", hint: expect.stringMatching(/\w/) });
    expect(told.message).not.toContain("/var");
  });

  it("is entered again when a suspend won, as often as that happens", async () => {
    let left = 3;
    const seen: string[] = [];
    const login = await open({
      keeper: (ground) => ({
        async enter(id, why) {
          const entered = await startingKeeper(ground).enter(id, why);
          seen.push("enter");
          return { ...entered, confirm: () => left-- <= 0, leave: () => void seen.push("leave") };
        },
      }),
    });
    await withClient(login(), async (client) => {
      expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
      expect(seen).toEqual(["enter", "leave", "enter", "leave", "enter", "leave", "enter"]);
    });
    await eventually("the session has left", () => seen.at(-1) === "leave");
  });

  it("does not hold a client that goes away while it waits", async () => {
    let entered = 0;
    await open({
      keeper: () => ({
        async enter() {
          entered += 1;
          await systemClock.sleep(50);
          const nothing = {
            wake: null,
            touch: () => undefined,
            answered: () => undefined,
            leave: () => undefined,
            confirm: () => true,
          };
          return { socketPath: "/nowhere/.s.PGSQL.5432", ...nothing };
        },
      }),
    });
    const client = await rawClient(gateway.port);
    client.send(startup({ user: "orders", database: gateway.wanted.id }));
    const signing = scramSignIn(client, password);
    await eventually("it is waiting", () => entered > 2);
    client.close();
    await signing;
    await eventually("its connection is gone", () => gateway.endpoint.sessions().connections === 0);
    await sleep(200);
    const before = entered;
    await sleep(300);
    expect(entered).toBe(before);
  });
});
