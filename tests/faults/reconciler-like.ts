/**
 * What a reconciler does with leases, and nothing else, to be killed and frozen: it looks after one thing that runs once, and runs
 * operations on stacks. Each thing that it does leaves a line in the test's own table, `witness`, with the fence it was done under.
 *
 * Without the guard a line is written by whoever believes to have the lease.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ourHolder, Secret } from "../../platform/core/index.ts";
import { makePool, type Sql } from "../../platform/sql/index.ts";
import {
  claimOperation,
  enqueueOperation,
  finishOperation,
  heartbeat,
  holdFence,
  type LeaseTimes,
  letGo,
  whileHolding,
} from "../../platform/store/index.ts";

export type ReconcilerLike = {
  readonly url: string;
  /** Of the thing that runs once; stacks are named after it. */
  readonly name: string;
  readonly times: LeaseTimes;
  readonly guarded: boolean;
};

const { url, name, times, guarded } = JSON.parse(process.argv[2] ?? "{}") as ReconcilerLike;
const sql = makePool({ url: new Secret(url), max: 3, applicationName: name });
const holder = ourHolder();
const stacks = [1, 2].map((i) => `acme.${name}-${i}`);
process.on("disconnect", () => process.exit());

const witness = (to: Sql, what: string, fence: number) =>
  to.query("insert into witness (name, fence, holder) values ($1, $2, $3)", [what, fence, holder]);
const ignore = () => undefined;
const observe = ignore;

const once = whileHolding({ sql, observe, holder, times }, name, async ({ signal, fence, hold }) => {
  while (!signal.aborted) {
    if (!guarded) await witness(sql, name, fence).catch(ignore);
    else
      await sql
        .tx(async (tx) => {
          await hold(tx);
          await witness(tx, name, fence);
        })
        .catch(ignore);
    await sleep(5 + Math.random() * 15);
  }
});

async function runOne(): Promise<void> {
  const { leaseSeconds } = times;
  const claim = await claimOperation(sql, { holder, leaseSeconds, types: ["PAUSE"] });
  if (claim === undefined) return void (await sleep(50));
  const { stack, fence } = claim;
  for (let i = 0; i < 3; i++) {
    await sql
      .tx(async (tx) => {
        if (guarded) await holdFence(tx, stack, fence);
        if (guarded) await tx.query(`select ${letGo(leaseSeconds)}`);
        await witness(tx, stack, fence);
      })
      .catch(ignore);
    await sleep(Math.random() * 20);
  }
  await heartbeat(sql, claim, leaseSeconds);
  await finishOperation(sql, claim, { kind: "completed", outcome: "applied" });
}

/** Never without something to do. */
async function refill(): Promise<void> {
  for (const stack of stacks) {
    const waiting = await sql.query("select 1 from operations where stack = $1 and state = 'QUEUED' limit 1", [stack]);
    if (waiting.length === 0)
      await enqueueOperation(sql, { stack, type: "PAUSE", requestedBy: "t", maxAttempts: 1000 });
  }
}

await sql.query("select 1");
process.send?.("ready");
once.start();
for (;;) {
  await refill().catch(ignore);
  await runOne().catch(ignore);
}
