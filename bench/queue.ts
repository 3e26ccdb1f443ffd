/**
 * The queue under a history: 100,000 finished operations with their lines on 1,000 stacks, 500 operations waiting, three workers that
 * claim and finish at the same time. A claim is timed as the worker sees it, contention included.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPostgres, quiet, resolvePostgres } from "../launcher/index.ts";
import { makePostgresServer } from "../platform/compute/index.ts";
import { openScope, Secret } from "../platform/core/index.ts";
import { makePool, type Pool } from "../platform/sql/index.ts";
import { claimOperation, enqueueOperation, finishOperation, heartbeat, migrate } from "../platform/store/index.ts";
import { percentile, progress, report, round } from "./ground/report.ts";
import { freePort } from "./ground/sides.ts";

const claims = Number(process.env.NEBULA_BENCH_RUNS ?? 3000);
const finished = 100_000;
const stacks = 1_000;
const waiting = 500;
const workers = 3;
/** The first ones fill the caches. */
const warmUp = 100;

const times = { claim: [] as number[], enqueue: [] as number[], heartbeat: [] as number[], finish: [] as number[] };
const scope = openScope();
let perSecond = 0;
try {
  const sql = await openLedger();
  progress(`${finished} finished operations`);
  await fill(sql);
  for (let i = 0; i < waiting; i++) await enqueue(sql, i);
  progress(`${claims} claims by ${workers} workers`);
  const began = performance.now();
  let next = waiting;
  const work = async (holder: string) => {
    while (next < claims + waiting + warmUp) {
      const measured = next - waiting >= warmUp;
      const timed = async <T>(name: keyof typeof times, body: () => Promise<T>): Promise<T> => {
        const from = performance.now();
        const value = await body();
        if (measured) times[name].push(performance.now() - from);
        return value;
      };
      const i = next++;
      await timed("enqueue", () => enqueue(sql, i));
      const claim = await timed("claim", () => claimOperation(sql, { holder, types: ["DEPLOY"] }));
      if (claim === undefined) continue;
      await timed("heartbeat", () => heartbeat(sql, claim));
      await timed("finish", () => finishOperation(sql, claim, { kind: "completed", outcome: "applied" }));
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, i) => work(`bench/${i}/1`)));
  perSecond = times.claim.length / ((performance.now() - began) / 1000);
} finally {
  await scope.close();
}

const p = (values: readonly number[], percent: number) => round(percentile(values, percent), 2);
report({
  bench: "queue",
  runs: times.claim.length,
  figures: {
    claimP50Ms: p(times.claim, 50),
    claimP99Ms: p(times.claim, 99),
    enqueueP99Ms: p(times.enqueue, 99),
    heartbeatP99Ms: p(times.heartbeat, 99),
    finishP99Ms: p(times.finish, 99),
    operationsPerSecond: round(perSecond, 0),
  },
  goals: { claimP99Ms: "<= 10" },
  notes: [
    `${finished} finished operations on ${stacks} stacks, ${waiting} waiting, ${workers} workers at once; commits are durable (fsync)`,
    "tests/store/queue.test.ts asserts that each of these statements reads by an index",
  ],
});

async function openLedger(): Promise<Pool> {
  const home = scope.add(mkdtempSync(join(tmpdir(), "nebula-bench-queue-")), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  chmodSync(home, 0o711); // where root runs it, Postgres is another user
  const { binDir: pgBin } = (await findPostgres(process.env)) ?? (await resolvePostgres(process.env, quiet));
  const server = scope.add(
    await makePostgresServer({
      ...{ pgBin, port: await freePort(), password: new Secret("bench"), databases: ["nebula"] },
      ...{ dataDir: join(home, "ledger"), socketDir: join(home, "run") },
    }),
    (it) => it.stop("immediate"),
  );
  await server.start();
  const sql = scope.add(makePool({ url: server.url("nebula"), applicationName: "bench" }), (pool) => pool.close());
  await migrate(sql);
  return sql;
}

async function fill(sql: Pool): Promise<void> {
  await sql.query(
    `insert into stacks (stack) select 'acme.s' || i from generate_series(0, ${stacks - 1}) i;
     insert into operations (id, stack, type, state, outcome, requested_by, started_at, finished_at, attempt, fence)
       select 'op_' || lpad(i::text, 26, '0'), 'acme.s' || (i % ${stacks}), 'DEPLOY', 'COMPLETED', 'applied', 'bench',
         now(), now(), 1, 1 from generate_series(1, ${finished}) i;
     insert into operation_events (operation, level, phase, message)
       select 'op_' || lpad(i::text, 26, '0'), 'info', phase, 'x'
       from generate_series(1, ${finished}) i, unnest(array['queued', 'claimed', 'ended']) phase`,
  );
  await sql.query("vacuum analyze operations");
  await sql.query("vacuum analyze stacks");
}

function enqueue(sql: Pool, i: number) {
  // 7 and 1,000 have no common divisor: neighbours in time are far apart among the stacks
  return enqueueOperation(sql, { stack: `acme.s${(i * 7) % stacks}`, type: "DEPLOY", requestedBy: "bench" });
}
