/**
 * Queue workers to be killed: each claims, does one effect, ends the operation, again. The effect is a line in a file, because a machine is
 * not part of the ledger's transactions: it looks whether the line is there, waits a moment, and writes it.
 *
 * Without the guard it is a worker of a simple queue: a row is taken by whoever sees it unfinished, and no write carries a fence.
 */
import { appendFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ourHolder, Secret } from "../../platform/core/index.ts";
import { makePool, type Pool } from "../../platform/sql/index.ts";
import { appendEvent, claimOperation, finishOperation, heartbeat, holdFence } from "../../platform/store/index.ts";

export type QueueWorker = {
  readonly url: string;
  readonly folder: string;
  readonly leaseSeconds: number;
  /** How many work in this process. */
  readonly workers: number;
  readonly guarded: boolean;
};

const { url, folder, leaseSeconds, workers, guarded } = JSON.parse(process.argv[2] ?? "{}") as QueueWorker;
const sql = makePool({ url: new Secret(url), max: workers, applicationName: "queue worker" });
process.on("disconnect", () => process.exit());
const holder = ourHolder();

async function effect(id: string, fence: number): Promise<void> {
  const file = join(folder, id);
  // one that was killed between making the file and writing its line has had no effect
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0) return;
  await sleep(Math.random() * 8);
  appendFileSync(file, `${fence}\n`);
}

async function guardedRound(): Promise<boolean> {
  const claim = await claimOperation(sql, { holder, leaseSeconds, types: ["PAUSE"] });
  if (claim === undefined) return false;
  const { operation, stack, fence } = claim;
  await sql.tx(async (tx) => {
    await holdFence(tx, stack, fence);
    await effect(operation.id, fence);
  });
  await heartbeat(sql, claim, leaseSeconds);
  await appendEvent(sql, operation.id, { phase: "done", message: "done", fence });
  await finishOperation(sql, claim, { kind: "completed", outcome: "applied" });
  return true;
}

async function simpleRound(plain: Pool): Promise<boolean> {
  const row = await plain.maybe<{ id: string }>(
    `update operations set state = 'IN_PROGRESS'
     where id = (select id from operations where state in ('QUEUED', 'IN_PROGRESS') order by seq limit 1 for update skip locked)
     returning id`,
  );
  if (row === undefined) return false;
  await effect(row.id, 0);
  await plain.query("update operations set state = 'COMPLETED', finished_at = clock_timestamp() where id = $1", [
    row.id,
  ]);
  return true;
}

async function work(): Promise<never> {
  for (;;) {
    const worked = await (guarded ? guardedRound() : simpleRound(sql)).catch(() => false);
    if (!worked) await sleep(10);
  }
}

await sql.query("select 1");
process.send?.("ready");
for (let i = 0; i < workers; i++) void work();
