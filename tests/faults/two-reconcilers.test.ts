import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LeaseTimes } from "../../platform/store/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import type { ReconcilerLike } from "./reconciler-like.ts";

const isLarge = process.env.NEBULA_SCALE === "large";
/** Real times in a soak, a tenth of them here; a busy machine may add to a tenth. */
const times: LeaseTimes = isLarge ? { leaseSeconds: 15, heartbeatMs: 5_000 } : { leaseSeconds: 1.5, heartbeatMs: 500 };
const limitMs = isLarge ? 20_000 : 8_000;
/** So many pairs at the same time, each with a lease of its own: a take-over is mostly waiting. */
const pairs = 6;

catalogueRow({
  suite: "faults",
  name: "kill or SIGSTOP one of two reconcilers",
  promise: "never two holders of a fence, no write with an old fence, taken over in time",
  n: { small: 100, large: 500 },
  run: strike,
  control: { without: "the fence in the writes", n: 24 },
});

async function strike({ n, random, guarded }: RowInput): Promise<Trials> {
  const db = await testDatabase();
  await db.sql.query(
    "create table witness (id bigserial primary key, name text not null, fence bigint not null, holder text not null, at timestamptz not null default clock_timestamp())",
  );
  try {
    const each = Math.ceil(n / pairs);
    const all = await Promise.all(
      Array.from({ length: pairs }, (_, i) => strikePair(db, `pair${i}`, { each, random, guarded })),
    );
    const tookMs = all.flat().sort((a, b) => a - b);
    const late = tookMs
      .filter((ms) => ms > limitMs)
      .map((ms) => `a take-over took ${ms} ms; the limit is ${limitMs} ms`);
    const p99 = tookMs[Math.ceil(tookMs.length * 0.99) - 1] ?? 0;
    const { lines } = await db.sql.one<{ lines: number }>("select count(*)::int as lines from witness");
    return {
      trials: tookMs.length,
      violations: [...(await judge(db)), ...(guarded ? late : [])],
      figures: { takeOverP99Ms: Math.round(p99), leaseMs: times.leaseSeconds * 1000, writes: lines },
    };
  } finally {
    await db.close();
  }
}

type Pair = { readonly each: number; readonly random: Random; readonly guarded: boolean };

/** Strikes whoever holds the lease, again and again; how long each take-over took. */
async function strikePair(db: TestDatabase, name: string, { each, random, guarded }: Pair): Promise<number[]> {
  const settings: ReconcilerLike = { url: db.url.reveal(), name, times, guarded };
  const alive = new Map<number, ChildProcess>();
  const start = async () => {
    const child = fork(join(import.meta.dirname, "reconciler-like.ts"), [JSON.stringify(settings)], {
      execArgv: ["--disable-warning=ExperimentalWarning"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "nebula-compile-cache") },
    });
    started.add(child);
    await once(child, "message");
    alive.set(child.pid ?? 0, child);
  };
  const started = new Set<ChildProcess>();
  const endAll = () => {
    for (const child of started) child.kill("SIGKILL");
  };
  process.once("exit", endAll); // one that is frozen does not notice that we are gone
  const tookMs: number[] = [];
  try {
    await Promise.all([start(), start()]);
    while (tookMs.length < each) {
      const { pid, fence } = await holderOf(db, name, alive);
      await sleep(random.int(0, 60));
      const victim = alive.get(pid);
      if (victim === undefined) continue;
      const began = performance.now();
      const isKill = guarded && random.chance(0.35); // the dead write nothing: the control only freezes
      victim.kill(isKill ? "SIGKILL" : "SIGSTOP");
      if (isKill) alive.delete(pid);
      const restarted = isKill ? start() : undefined;
      await newerThan(db, name, fence);
      tookMs.push(performance.now() - began);
      if (!isKill) {
        victim.kill("SIGCONT");
        await sleep(random.int(0, 60)); // what it still wants to write it writes now
      }
      await restarted;
    }
    return tookMs;
  } finally {
    endAll();
    process.off("exit", endAll);
  }
}

/** Who wrote last under the lease; both are there, and one of them has it. */
async function holderOf(db: TestDatabase, name: string, alive: ReadonlyMap<number, unknown>) {
  for (;;) {
    const row = await db.sql.maybe<{ holder: string; fence: number }>(
      "select holder, fence from witness where name = $1 order by id desc limit 1",
      [name],
    );
    const pid = Number(row?.holder.split("/")[1]);
    if (row !== undefined && alive.has(pid)) return { pid, fence: row.fence };
    await sleep(10);
  }
}

async function newerThan(db: TestDatabase, name: string, fence: number): Promise<void> {
  for (const deadline = performance.now() + 60_000; performance.now() < deadline; await sleep(15)) {
    const newer = await db.sql.query("select 1 from witness where name = $1 and fence > $2 limit 1", [name, fence]);
    if (newer.length > 0) return;
  }
  throw new Error(`nobody took ${name} over within a minute`);
}

/** The witness's own account: a fence has one holder, and once a newer one has written no older one does. */
async function judge(db: TestDatabase): Promise<string[]> {
  const shared = await db.sql.query<{ name: string; fence: number }>(
    "select name, fence from witness group by name, fence having count(distinct holder) > 1",
  );
  const old = await db.sql.query<{ name: string; fence: number; newest: number }>(
    `select name, fence, newest from (
       select name, fence, max(fence) over (partition by name order by id rows unbounded preceding) as newest from witness) all_lines
     where fence < newest`,
  );
  return [
    ...shared.map(({ name, fence }) => `${name}: fence ${fence} had two holders`),
    ...old.map(({ name, fence, newest }) => `${name}: fence ${fence} wrote after fence ${newest}`),
  ];
}
