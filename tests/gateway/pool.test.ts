import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { limitsFor } from "../../platform/compute/index.ts";
import { Secret } from "../../platform/core/index.ts";
import { wish } from "../compute/ground.ts";
import { eventually } from "../harness/eventually.ts";
import { makePoolGround, type PoolGround, refusalOf } from "./pool-ground.ts";

let it: PoolGround;
beforeAll(async () => {
  it = await makePoolGround();
});
afterAll(() => it?.clear());

describe("transaction pooling", () => {
  test("named prepared statements work across transactions and clients", async () => {
    const wanted = await it.add();
    const clients = await Promise.all([it.connect(wanted), it.connect(wanted), it.connect(wanted)]);
    const ask = (i: number, value: number) =>
      clients[i]?.query({ name: "double", text: "select $1::int * 2 as doubled", values: [value] });
    for (let round = 0; round < 20; round++) {
      const answers = await Promise.all([0, 1, 2].map((i) => ask(i, round + i)));
      expect(answers.map((answer) => answer?.rows[0].doubled)).toEqual([0, 1, 2].map((i) => 2 * (round + i)));
    }
  });

  test("more clients than server connections take turns", async () => {
    const wanted = await it.add();
    const clients = await Promise.all(Array.from({ length: 60 }, () => it.connect(wanted)));
    const pids = await Promise.all(
      clients.map(async (client) => (await client.query("select pg_backend_pid() as pid, pg_sleep(0.01)")).rows[0].pid),
    );
    expect(new Set(pids).size).toBeLessThanOrEqual(8);
  });

  test("what a client sets of the reported settings is its own", async () => {
    const wanted = await it.add();
    const [one, other] = [await it.connect(wanted), await it.connect(wanted)];
    await one.query("set search_path = pg_catalog");
    await one.query("set timezone = 'Asia/Tokyo'");
    const shown = async (client: typeof one) =>
      (await client.query("select current_setting('search_path') as path, current_setting('timezone') as zone"))
        .rows[0];
    expect(await shown(other)).toEqual({ path: '"$user", public', zone: "UTC" });
    expect(await shown(one)).toEqual({ path: "pg_catalog", zone: "Asia/Tokyo" });
  });

  test("an option that could not be kept is refused, not forgotten", async () => {
    const wanted = await it.add();
    expect(await refusalOf(it.connect(wanted, { options: "-c statement_timeout=5" }))).toContain("statement_timeout");
    expect(await refusalOf(it.connect(wanted, { options: "-c extra_float_digits=2" }))).toBe("let in");
  });

  test("declared times hold: for a statement, and for a transaction that waits for its client", async () => {
    const limits = { ...limitsFor(0.25), idleInTransactionSeconds: 1, statementSeconds: 2 };
    const wanted = await it.add({ limits });
    const client = await it.connect(wanted);
    await expect(client.query("select pg_sleep(60)")).rejects.toMatchObject({ code: "57014" });
    await client.query("begin");
    await eventually(
      "it was ended",
      () =>
        client.query("select 1").then(
          () => false,
          () => true,
        ),
      { everyMs: 1_500 },
    );
  });
});

describe("who is let in", () => {
  test("equal names in two databases are two roles", async () => {
    const [one, other] = [
      await it.add({ ownerPassword: new Secret("first password") }),
      await it.add({ ownerPassword: new Secret("second password") }),
    ];
    expect(one.ownerRole).toBe(other.ownerRole);
    const databases = await Promise.all(
      [one, other].map(async (wanted) => (await it.connect(wanted)).query("select 1")),
    );
    expect(databases).toHaveLength(2);
    const crossed = { password: other.ownerPassword.reveal() };
    expect(await refusalOf(it.connect(one, crossed))).toContain("SASL authentication failed");
    await (await it.connect(one)).query("select 1");
  });

  test("nobody is woken by a wrong password, an unknown role or an unknown database", async () => {
    const wanted = await it.add();
    expect(await it.keeper.suspend(wanted.id)).toBe(true);
    const before = it.keeper.entered.length;
    const attempts = [{ password: "wrong" }, { user: "nobody_knows" }, { database: "acme.shop.unknown" }];
    for (const attempt of attempts)
      expect(await refusalOf(it.connect(wanted, attempt))).toMatch(/SASL authentication failed/);
    expect(it.keeper.entered.length).toBe(before);
    expect((await it.ground.driver.observe(wanted.id))?.running).toBe(false);
  });

  test("neither the console nor the responder's database is reached from outside", async () => {
    const wanted = await it.add();
    for (const database of ["pgbouncer", "nebula.gate"])
      for (const user of [wanted.ownerRole, "nebula-console", "nebula-auth"])
        expect(await refusalOf(it.connect(wanted, { database, user }))).not.toBe("let in");
  });

  test("a new password counts as soon as the gate says so", async () => {
    const wanted = await it.add();
    const password = new Secret(randomUUID());
    await it.ground.driver.ensure({ ...wanted, ownerPassword: password });
    const client = await it.connect({ ...wanted, ownerPassword: password });
    expect((await client.query("select current_user as name")).rows[0].name).toBe(wanted.ownerRole);
  });

  test("a database that is made, and one that is taken away, is noticed without being told", async () => {
    const made = await wish();
    await it.ground.driver.ensure(made);
    await eventually("it is known", async () => (await refusalOf(it.connect(made))) === "let in", { everyMs: 200 });
    await it.ground.driver.retire(made.id);
    await it.ground.driver.remove(made.id);
    await eventually("it is forgotten", async () => (await refusalOf(it.connect(made))) !== "let in");
    await it.ground.driver.ensure(made);
    await eventually("it is known again", async () => (await refusalOf(it.connect(made))) === "let in", {
      everyMs: 200,
    });
  });

  test("a name that is longer than PgBouncer can hold is reached by the endpoint's name", async () => {
    const { pooledName } = await import("../../gateway/pool/index.ts");
    const long = `a${"b".repeat(30)}.c${"d".repeat(30)}.e${"f".repeat(20)}` as const;
    const wanted = await it.add({ id: long });
    expect(pooledName(wanted.id).length).toBeLessThan(64);
    const client = await it.connect(wanted, { database: pooledName(wanted.id) });
    expect((await client.query("select current_database() as name")).rows[0].name).toBe(wanted.databaseName);
  });
});
