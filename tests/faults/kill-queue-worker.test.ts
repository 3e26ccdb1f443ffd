import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { enqueueOperation } from "../../platform/store/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import type { QueueWorker } from "./queue-worker.ts";

/** A tenth of the real lease, and what an operation and a busy machine may take on top of it. */
const leaseSeconds = 1.5;
const marginMs = 5_000;
const processes = 2;
/** Workers in a process: one SIGKILL ends them all, each at a point of its own. */
const workers = 10;
const stacks = 24;
const backlog = 60;

catalogueRow({
  suite: "faults",
  name: "kill -9 a queue worker at random points",
  promise: "no acknowledged operation is lost, no effect doubled, all end within the lease and one operation",
  n: { small: 200, large: 3_000 },
  run: killWorkers,
  control: { without: "the lease and its fence", n: 30 },
});

async function killWorkers({ n, random, guarded }: RowInput): Promise<Trials> {
  const db = await testDatabase();
  const folder = mkdtempSync(join(tmpdir(), "nebula-effects-"));
  const settings: QueueWorker = { url: db.url.reveal(), folder, leaseSeconds, workers, guarded };
  const alive = new Set<ChildProcess>();
  const lost: Lost[] = [];
  /** What a client was told "yes" for. */
  const acknowledged: string[] = [];
  let kills = 0;
  const start = async (): Promise<void> => {
    const child = fork(join(import.meta.dirname, "queue-worker.ts"), [JSON.stringify(settings)], {
      execArgv: ["--disable-warning=ExperimentalWarning"],
      env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "nebula-compile-cache") },
    });
    await once(child, "message");
    alive.add(child);
  };
  const ask = async (): Promise<void> => {
    const stack = `acme.s${random.int(1, stacks)}`;
    const { id } = await enqueueOperation(db.sql, { stack, type: "PAUSE", requestedBy: "client", maxAttempts: 100 });
    acknowledged.push(id);
  };
  const open = () => db.sql.query<{ id: string }>("select id from operations where state in ('QUEUED', 'IN_PROGRESS')");
  try {
    await Promise.all(Array.from({ length: processes }, start));
    while (kills < n) {
      for (let missing = backlog - (await open()).length; missing > 0; missing--) await ask();
      await sleep(random.int(20, 150));
      const victim = random.pick([...alive]);
      alive.delete(victim);
      victim.kill("SIGKILL");
      kills += workers;
      lost.push(...(await heldBy(db, victim)));
      await start(); // the other processes work on meanwhile
    }
    const violations = await eventually("the queue is empty", async () => (await open()).length === 0, {
      timeoutMs: 30_000,
    }).then(
      () => [] as string[],
      () => ["operations are left that nobody ends"],
    );
    violations.push(...(await judge(db, folder, acknowledged)), ...(await judgeTimes(db, lost)));
    return { trials: kills, violations, figures: { operations: acknowledged.length, killedInTheMiddle: lost.length } };
  } finally {
    for (const child of alive) child.kill("SIGKILL");
    await db.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Lost = { readonly operation: string; readonly fence: number; readonly atMs: number };

/** What the victim was in the middle of: nobody else ends it under that fence. */
async function heldBy(db: TestDatabase, { pid }: ChildProcess): Promise<readonly Lost[]> {
  const rows = await db.sql.query<{ operation: string; fence: number }>(
    "select operation, fence from stacks where operation is not null and split_part(holder, '/', 2) = $1",
    [String(pid)],
  );
  return rows.map((row) => ({ ...row, atMs: Date.now() }));
}

async function judge(db: TestDatabase, folder: string, acknowledged: readonly string[]): Promise<string[]> {
  const rows = await db.sql.query<{ id: string; state: string }>("select id, state from operations");
  const states = new Map(rows.map(({ id, state }) => [id, state]));
  return acknowledged.flatMap((id) => {
    const state = states.get(id);
    if (state !== "COMPLETED") return [`${id} was acknowledged and is ${state ?? "gone"}`];
    const effects = linesOf(join(folder, id));
    return effects === 1 ? [] : [`${id} is COMPLETED and its effect happened ${effects} times`];
  });
}

function linesOf(file: string): number {
  try {
    return readFileSync(file, "utf8").split("\n").length - 1;
  } catch {
    return 0;
  }
}

/**
 * From the kill to the next holder's claim; that one ends it, or is itself among the killed. What the victim had sent before it died
 * may still have been done: then it was no loss.
 */
async function judgeTimes(db: TestDatabase, lost: readonly Lost[]): Promise<string[]> {
  const limitMs = leaseSeconds * 1000 + marginMs;
  const rows = await Promise.all(
    lost.map(async ({ operation, fence, atMs }) => {
      const { at, ended } = await db.sql.one<{ at: Date | null; ended: boolean }>(
        `select (select min(at) from operation_events
                 where operation = $1 and phase = 'claimed' and (data ->> 'fence')::bigint > $2) as at,
           exists (select from operations where id = $1 and fence = $2 and state = 'COMPLETED') as ended`,
        [operation, fence],
      );
      return { operation, tookMs: ended ? 0 : (at?.getTime() ?? Number.POSITIVE_INFINITY) - atMs };
    }),
  );
  return rows
    .filter(({ tookMs }) => tookMs > limitMs)
    .map(({ operation, tookMs }) => `${operation} went on ${tookMs} ms after the kill; the limit is ${limitMs} ms`);
}
