import { setTimeout as sleep } from "node:timers/promises";
import type { Secret } from "../../platform/core/index.ts";
import { makePool, type Pool } from "../../platform/sql/index.ts";
import { recordInstance, reserveInstance } from "../../platform/store/index.ts";
import { makeStatusPass } from "../../reconciler/observe/index.ts";
import { addressOf, asTenant, makeGround, wish } from "../compute/ground.ts";
import { database } from "../deploy/stand.ts";
import { eventually } from "../harness/eventually.ts";
import { testDatabase } from "../harness/postgres.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { childrenOf, kill } from "./processes.ts";

const writers = 4;

async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  const [db, ground] = await Promise.all([testDatabase(), makeGround({ spares: 0 })]);
  const { driver } = ground;
  const wanted = await wish();
  await driver.ensure(wanted);
  await asTenant(driver, wanted, (sql) => sql.query("create table entries (id int primary key, payload text)"));
  if (!guarded) await asTenant(driver, wanted, (sql) => sql.query("alter role orders set synchronous_commit = off"));
  await db.sql.tx(async (tx) => {
    const at = {
      id: wanted.id,
      stack: "acme.shop",
      placement: "local",
      fence: 1,
      commit: null,
    } as const;
    await reserveInstance(tx, { ...at, spec: database("orders") });
    await recordInstance(tx, { id: wanted.id, fence: 1, phase: "Ready" });
  });
  const pass = makeStatusPass({ sql: db.sql, driver, observe: () => undefined, intervalMs: 50 });
  const load = startLoad(await addressOf(driver, wanted));
  const backMs: number[] = [];
  try {
    pass.start();
    for (let i = 0; i < n; i++) {
      await sleep(random.int(20, 150));
      const { pid } = (await driver.observe(wanted.id)) ?? {};
      if (pid === undefined || pid === null) throw new Error("it does not run before it is killed");
      const before = load.acknowledged.length;
      const began = performance.now();
      for (const one of [pid, ...childrenOf(pid).map((child) => child.pid)]) kill(one);
      await eventually("commits are acknowledged again", () => load.acknowledged.length > before + writers, {
        timeoutMs: 30_000,
        everyMs: 5,
      });
      backMs.push(performance.now() - began);
    }
    await load.stop();
    const kept = new Set(
      (await asTenant(driver, wanted, (sql) => sql.query<{ id: number }>("select id from entries"))).map(
        ({ id }) => id,
      ),
    );
    const lost = load.acknowledged.filter((id) => !kept.has(id));
    const violations = lost.map((id) => `row ${id} was acknowledged and is lost`);
    const figures = { acknowledgedRows: load.acknowledged.length, backP99Ms: Math.round(p99(backMs)) };
    return { trials: n, violations, figures };
  } finally {
    await load.stop();
    await pass.close();
    await ground.clear();
    await db.close();
  }
}

/** As pgbench would: short transactions from several sessions, each noted when the server has said "committed", never before. */
function startLoad(url: Secret) {
  const acknowledged: number[] = [];
  let next = 0;
  let stopping = false;
  const write = async (pool: Pool) => {
    while (!stopping) {
      const id = ++next;
      await pool.query("insert into entries (id, payload) values ($1, $2)", [id, "x".repeat(200)]).then(
        () => acknowledged.push(id),
        () => sleep(5),
      );
    }
    await pool.close();
  };
  const running = Array.from({ length: writers }, () => write(makePool({ url, max: 1, applicationName: "load" })));
  return {
    acknowledged,
    stop: async () => {
      stopping = true;
      await Promise.all(running);
    },
  };
}

const p99 = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.max(0, Math.ceil(values.length * 0.99) - 1)] ?? 0;

catalogueRow({
  suite: "faults",
  name: "tenant Postgres killed under pgbench",
  promise: "no committed row is lost, and the status pass brings the server back under the load",
  n: { small: 50, large: 300 },
  run,
  control: { without: "commits that wait for the disk", n: 12 },
  timeoutMs: 120_000,
});
