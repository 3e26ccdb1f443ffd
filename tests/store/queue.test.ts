/** The queue's order under races, and that no query of it reads more than it needs. */
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { Sql } from "../../platform/sql/index.ts";
import {
  appendEvent,
  type Claim,
  cancelOperation,
  claimOperation,
  enqueueOperation,
  finishOperation,
  getOperation,
  heartbeat,
  holdFence,
  type OperationType,
  showFence,
} from "../../platform/store/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { randomFrom } from "../harness/random.ts";

vi.setConfig({ testTimeout: 270_000 });

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());
beforeEach(() => db.sql.query("truncate operations, stacks, operation_events cascade"));

const types: readonly OperationType[] = ["DEPLOY", "PAUSE", "RESUME"];
const claim = async (holder = "a/1/1") => claimOperation(db.sql, { holder, types });
const must = (claimed: Claim | undefined): Claim => {
  if (claimed === undefined) throw new Error("nothing claimed");
  return claimed;
};
const queue = (type: OperationType, stack = "acme.shop", priority = 0) =>
  enqueueOperation(db.sql, { stack, type, requestedBy: "t", priority });
const done = (claimed: Claim) => finishOperation(db.sql, claimed, { kind: "completed", outcome: "applied" });
const problem = { type: "x", title: "x", status: 500, detail: "broken", code: "NEB900", hint: "" };

test("inside a stack the order is the one of queueing, whatever the priority and also while one waits for its next try", async () => {
  const pause = await queue("PAUSE");
  await queue("RESUME", "acme.shop", 100);
  const first = must(await claim());
  expect(first.operation.id).toBe(pause.id);
  await finishOperation(db.sql, first, { kind: "retry", error: problem });
  expect(await claim()).toBeUndefined();
  await db.sql.query("update operations set run_after = now()");
  await done(must(await claim()));
  expect(must(await claim()).operation.type).toBe("RESUME");
});

test("across stacks a higher priority is first, and a low one that has waited long enough is not passed any more", async () => {
  const low = await queue("PAUSE", "acme.low", -5);
  const high = await queue("PAUSE", "acme.high", 5);
  expect(must(await claim()).operation.id).toBe(high.id);
  await db.sql.query("update operations set turn = turn - interval '11 minutes' where id = $1", [low.id]);
  await queue("PAUSE", "acme.next", 5);
  expect(must(await claim()).operation.id).toBe(low.id);
});

test("deployments that were queued at the same moment end as one", async () => {
  const both = await Promise.all(Array.from({ length: 5 }, () => queue("DEPLOY")));
  const claimed = must(await claim());
  await done(claimed);
  expect(await claim()).toBeUndefined();
  const rows = await Promise.all(both.map(({ id }) => getOperation(db.sql, id)));
  expect(rows.filter((row) => row?.state === "COMPLETED")).toHaveLength(1);
  expect(rows.filter((row) => row?.outcome === "superseded")).toHaveLength(4);
});

test("claims, cancellations, retries and newer revisions at random never run two on a stack, nor one twice, nor out of order", async () => {
  const random = randomFrom(4242);
  const running = new Map<string, string>();
  const began: string[] = [];
  const order = new Map<string, number>();
  const queued: string[] = [];
  const work = async (name: string, rounds: number) => {
    for (let i = 0; i < rounds; i++) {
      const dice = random.next();
      if (dice < 0.45) {
        const operation = await queue(random.pick(types), `acme.s${random.int(1, 3)}`, random.int(-2, 2));
        queued.push(operation.id);
      } else if (dice < 0.55 && queued.length > 0) await cancelOperation(db.sql, random.pick(queued), "t");
      else {
        const claimed = await claim(name);
        if (claimed === undefined) continue;
        const { id } = claimed.operation;
        expect(running.get(claimed.stack), `two on ${claimed.stack}`).toBeUndefined();
        running.set(claimed.stack, id);
        const { seq } = await db.sql.one<{ seq: number }>("select seq from operations where id = $1", [id]);
        expect(seq).toBeGreaterThanOrEqual(order.get(claimed.stack) ?? 0);
        order.set(claimed.stack, seq);
        await heartbeat(db.sql, claimed);
        running.delete(claimed.stack);
        if (random.chance(0.2) && claimed.operation.attempt < 3) {
          await finishOperation(db.sql, claimed, { kind: "retry", error: problem });
          await db.sql.query("update operations set run_after = now() where state = 'QUEUED'");
        } else {
          began.push(id);
          await done(claimed);
        }
      }
    }
  };
  await Promise.all(["a/1/1", "b/1/1", "c/1/1", "d/1/1"].map((name) => work(name, 40)));
  for (let last = await claim(); last !== undefined; last = await claim()) {
    began.push(last.operation.id);
    await done(last);
  }
  expect(new Set(began).size).toBe(began.length);
  const open = await db.sql.query("select id from operations where state in ('QUEUED', 'IN_PROGRESS')");
  expect(open).toEqual([]);
});

test("a writer whose fence is old changes neither an operation nor its lines nor an instance", async () => {
  await queue("PAUSE");
  const old = must(await claim("old/1/1"));
  await db.sql.query("update stacks set lease_until = now() - interval '1 second'");
  const now = must(await claim("new/1/1"));
  const under = (fence: number, body: (tx: Sql) => Promise<unknown>) =>
    db.sql.tx(async (tx) => {
      await showFence(tx, fence);
      await body(tx);
    });
  const end = (tx: Sql) => tx.query("update operations set state = 'COMPLETED' where id = $1", [now.operation.id]);
  const make = (fence: number) => (tx: Sql) =>
    tx.query(
      `insert into instances (id, stack, database, engine, placement, version, phase, spec, fence)
       values ('acme.shop.one', 'acme.shop', 'one', 'postgres', 'local', '18', 'Ready', '{}', $1)
       on conflict (id) do update set fence = excluded.fence`,
      [fence],
    );
  const line = (fence: number) => appendEvent(db.sql, now.operation.id, { phase: "x", message: "x", fence });
  await expect(line(old.fence)).rejects.toThrow(/NEB300/);
  await expect(under(old.fence, end)).rejects.toThrow(/NEB300/);
  await expect(end(db.sql)).rejects.toThrow(/NEB300/);
  await expect(under(old.fence, make(old.fence))).rejects.toThrow(/NEB300/);
  await under(now.fence, make(now.fence));
  await expect(make(old.fence)(db.sql)).rejects.toThrow(/NEB300/);
  await line(now.fence);
  await under(now.fence, end);
});

test("with 100,000 finished operations every query of the queue still uses an index", async () => {
  await db.sql.query(
    `insert into stacks (stack) select 'acme.s' || i from generate_series(1, 1000) i;
     insert into operations (id, stack, type, state, requested_by, finished_at, attempt, fence)
       select 'op_' || lpad(i::text, 26, '0'), 'acme.s' || (i % 1000 + 1), 'DEPLOY', 'COMPLETED', 't', now(), 1, 1
       from generate_series(1, 100000) i;
     insert into operation_events (operation, level, phase, message)
       select 'op_' || lpad(i::text, 26, '0'), 'info', 'ended', 'x' from generate_series(1, 100000) i;
     analyze`,
  );
  for (let i = 1; i <= 20; i++) await queue("DEPLOY", `acme.s${i}`);
  const statements = await statementsOf(async (sql) => {
    const claimed = must(await claimOperation(sql, { holder: "a/1/1", types }));
    await heartbeat(sql, claimed);
    await sql.tx((tx) => holdFence(tx, claimed.stack, claimed.fence));
    await appendEvent(sql, claimed.operation.id, { phase: "x", message: "x", fence: claimed.fence });
    await finishOperation(sql, claimed, { kind: "retry", error: problem });
    await enqueueOperation(sql, { stack: "acme.s7", type: "DEPLOY", requestedBy: "t" });
  });
  expect(statements.length).toBeGreaterThan(10);
  for (const { text, params } of statements) {
    const plan = await planOf(text, params);
    expect(plan, `${text}\n${plan}`).not.toMatch(/Seq Scan on (operations|operation_events|stacks)/);
  }
});

test("what a tenant has waiting is counted by the index of what is open, however much is finished", async () => {
  await db.sql.query(
    `insert into stacks (stack) select 't' || i % 5 || '.s' || i from generate_series(1, 1000) i;
     insert into operations (id, stack, type, state, requested_by, finished_at, attempt, fence)
       select 'op_' || lpad(i::text, 26, '0'), 't' || i % 5 || '.s' || (i % 1000 + 1), 'DEPLOY', 'COMPLETED', 't', now(), 1, 1
       from generate_series(1, 50000) i;
     insert into operations (id, stack, type, state, requested_by)
       select 'op_q' || lpad(i::text, 25, '0'), 't' || i % 5 || '.s' || i, 'DEPLOY', 'QUEUED', 't' from generate_series(1, 1000) i;
     analyze operations`,
  );
  const statements = await statementsOf(async (sql) => {
    await enqueueOperation(sql, { stack: "t2.s7", type: "DEPLOY", requestedBy: "t" });
  });
  const counting = statements.find(({ text }) => text.includes("as waiting"));
  expect(await planOf(counting?.text ?? "", counting?.params ?? [])).toMatch(
    /Index (Only )?Scan (using|on) operations_open/,
  );
});

type Statement = { readonly text: string; readonly params: readonly unknown[] };

/** What `body` sends; it is rolled back at the end. */
async function statementsOf(body: (sql: Sql) => Promise<void>): Promise<readonly Statement[]> {
  const seen: Statement[] = [];
  const tap = (sql: Sql): Sql => {
    const note =
      <A extends readonly [string, (readonly unknown[])?], R>(run: (...args: A) => R) =>
      (...args: A): R => {
        seen.push({ text: args[0], params: args[1] ?? [] });
        return run(...args);
      };
    return {
      query: note(sql.query) as Sql["query"],
      maybe: note(sql.maybe) as Sql["maybe"],
      one: note(sql.one) as Sql["one"],
      tx: (inner) => sql.tx((tx) => inner(tap(tx))),
    };
  };
  await body(tap(db.sql));
  return seen.filter(({ text }) => /operations|operation_events|stacks/.test(text));
}

const planOf = (text: string, params: readonly unknown[]): Promise<string> =>
  db.sql
    .tx(async (tx) => {
      const rows = await tx.query<{ "QUERY PLAN": string }>(`explain ${text}`, params);
      throw new Planned(rows.map((row) => row["QUERY PLAN"]).join("\n"));
    })
    .then(
      () => "",
      (thrown) => {
        if (thrown instanceof Planned) return thrown.message;
        throw thrown;
      },
    );
class Planned extends Error {}
