import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll } from "vitest";
import { connectOnce } from "../../platform/sql/index.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { deployShop } from "../portal/deployed.ts";
import { type Caller, startPortal, type TestPortal } from "../portal/harness.ts";

let first: TestPortal;
let portals: readonly TestPortal[];
let callers: readonly Caller[];
beforeAll(async () => {
  const rules = "key=1000000,user=1000000,writes=1000000";
  // nothing is done here, so nothing ever ends
  const limits = { openOperations: 1_000_000 };
  first = await startPortal({ rules, limits });
  portals = [first, await startPortal({ rules, limits, beside: first })];
  await deployShop(first.sql, ["orders"]);
  const token = await first.tokenFor("project-admin", "shop", "store");
  callers = portals.map((portal) => portal.as(token));
});
afterAll(async () => {
  for (const portal of portals.toReversed()) await portal.close();
});

/** Keys at a time; each of them several times at once. */
const atOnce = 16;

catalogueRow({
  suite: "attacks",
  name: "idempotency key reuse",
  promise: "one key sent several times at once, to two portals whose sessions are killed meanwhile, has one effect",
  n: { small: 500, large: 500 },
  run: async ({ n, random, guarded }: RowInput): Promise<Trials> => {
    const violations: string[] = [];
    /** The ledger of the test: what each key was answered. */
    const told = new Map<string, Set<string>>();
    const before = await operations();
    const one = async (i: number): Promise<void> => {
      const key = `key-${guarded}-${random.int(0, 2 ** 30)}-${i}`;
      const senders = Array.from({ length: random.int(2, 3) }, () => random.pick(callers));
      const answers = await Promise.all(senders.map((caller) => sendUntilTold(caller, guarded ? key : undefined)));
      told.set(key, new Set(answers));
    };
    const stop = killNowAndThen(random);
    try {
      for (let from = 0; from < n; from += atOnce)
        await Promise.all(Array.from({ length: Math.min(atOnce, n - from) }, (_, i) => one(from + i)));
    } finally {
      await stop();
    }
    for (const [key, ids] of told)
      if (ids.size !== 1) violations.push(`${key} was answered with ${ids.size} operations`);
    const made = (await operations()) - before;
    if (guarded && made !== n) violations.push(`${n} keys made ${made} operations`);
    if (guarded) violations.push(...(await refusesAnother(random)));
    return { trials: n, violations };
  },
  control: { without: "the key", n: 10 },
});

const path = "/api/v1/domain/shop/project/store/databases/orders/pause";

/** On a connection of its own: those of the pool are among the killed. */
const operations = (): Promise<number> =>
  connectOnce(
    first.ledger.url,
    async (sql) => (await sql.one<{ count: number }>("select count(*)::int as count from operations")).count,
  );

/** As a client must: the same request with the same key, until somebody says what became of it. */
async function sendUntilTold(caller: Caller, key: string | undefined): Promise<string> {
  for (;;) {
    const answer = await caller.send("POST", path, undefined, key === undefined ? {} : { "idempotency-key": key });
    if (answer.status === 202) return answer.body.operation.id;
    // 409: the first one is being worked on; 503: its portal lost the ledger.
    if (answer.status !== 409 && answer.status !== 503)
      throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
    await sleep(20);
  }
}

/** Ends the portals' sessions in the ledger in the middle of whatever they do. */
function killNowAndThen(random: Random): () => Promise<void> {
  let going = true;
  const done = (async () => {
    while (going) {
      await sleep(random.int(300, 900));
      await connectOnce(first.ledger.url, (sql) =>
        sql.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
        ),
      );
    }
  })();
  return async () => {
    going = false;
    await done;
  };
}

/** A key belongs to its request: another one with it is refused and does nothing. */
async function refusesAnother(random: Random): Promise<string[]> {
  const key = `other-${random.int(0, 2 ** 30)}`;
  const [caller] = callers;
  if (caller === undefined) return [];
  await sendUntilTold(caller, key);
  const before = await operations();
  const answer = await caller.send("POST", path.replace("pause", "rotate"), undefined, { "idempotency-key": key });
  const after = await operations();
  if (answer.status === 422 && after === before) return [];
  return [`a key of another request was answered ${answer.status} and made ${after - before} operations`];
}
