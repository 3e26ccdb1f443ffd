/** The sampler is killed at random, over a simulated month of databases that wake and sleep. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monthSpan } from "../../platform/pricing/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { listRecords, listUsage, rolledUsage, sumUsage } from "../../platform/store/index.ts";
import { makeUsageWorker, type UsageWorker } from "../../reconciler/usage/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { billAll } from "./one-figure.ts";
import { type Month, recordedAs, simulateMonth } from "./simulated-month.ts";

const isLarge = process.env.NEBULA_SCALE === "large";
const minute = 60_000;
const hour = 60 * minute;
/** Small: a slot is half an hour instead of a minute, which is a thirtieth of the rows; the hours, wakes and kills are all there. */
const slotMs = isLarge ? minute : 30 * minute;
const databases = 50;
const startMs = Date.UTC(2026, 4, 31, 22);
const wholeMonth = Date.UTC(2026, 6, 1, 1);
const june = monthSpan("2026-06");
/** The control need not live for long. */
const threeDays = startMs + 3 * 24 * hour;

catalogueRow({
  suite: "faults",
  name: "sampler killed at random for a simulated month of 50 databases",
  promise:
    "no hour is doubled or missing: records, months, feed and chain, invoice, export and Stripe say what was lived, to the last unit",
  n: { small: 200, large: 3_000 },
  run,
  control: { without: "what the ledger knows of slots", n: 3 },
  timeoutMs: 180_000,
});

async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  const folder = mkdtempSync(join(tmpdir(), "ndb-month-"));
  const meter = join(folder, "meter");
  mkdirSync(meter);
  const db = await testDatabase();
  try {
    const month = simulateMonth({ startMs, databases, random, folder: meter });
    await addInstances(db, month);
    const endMs = guarded ? wholeMonth : threeDays;
    const kills = await live({ db, month, random, folder: meter, n, guarded, endMs });
    const { violations, inJune } = await compare(db.sql, month, endMs);
    if (guarded) violations.push(...(await billAll(db.sql, june, inJune)));
    return {
      trials: kills,
      violations,
      figures: { databases, hours: (endMs - startMs) / hour, windows: month.ledger.size },
    };
  } finally {
    await db.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Life = {
  readonly db: TestDatabase;
  readonly month: Month;
  readonly random: Random;
  readonly folder: string;
  readonly n: number;
  readonly guarded: boolean;
  readonly endMs: number;
};

/** The month, with a sampler that runs, is killed in the middle of a pass, is away, comes back, and at times is not alone. */
async function live({ db, month, random, folder, n, guarded, endMs }: Life): Promise<number> {
  const worker = (sql: Sql): UsageWorker =>
    makeUsageWorker({
      ...{ sql, clock: month.clock, machine: month.machine, slotMs, sampleEveryMs: minute, trafficFolder: folder },
      observe: async ({ id }) => month.observe(id),
    });
  const passMs = Math.floor((endMs - startMs) / (2.5 * n));
  const untilMs = endMs - startMs + 5 * minute;
  let running = worker(db.sql);
  let kills = 0;
  while (month.nowMs() < untilMs || kills < n) {
    const stillToCome = untilMs - month.nowMs();
    month.run(random.int(1, 2 * Math.min(passMs, hour)));
    const isDue = kills < n && (random.chance(0.45) || stillToCome < (n - kills) * passMs);
    if (!isDue) {
      const others = random.chance(0.05) ? [worker(db.sql)] : [];
      await Promise.all([running, ...others].map((each) => each.pass()));
      continue;
    }
    await worker(killable(db.sql, random)).pass().catch(expectKilled);
    kills += 1;
    if (!guarded) await db.sql.query("truncate usage_samples");
    if (random.chance(0.1)) month.run(random.int(minute, 20 * hour));
    running = worker(db.sql);
  }
  month.run(3 * hour);
  await running.pass();
  return kills;
}

class Killed extends Error {}
function expectKilled(thrown: unknown): void {
  if (!(thrown instanceof Killed)) throw thrown;
}

/** The process dies at one of its next statements: before it is sent, or when it has been done and nobody heard of it. */
function killable(sql: Sql, random: Random): Sql {
  const life = { left: random.int(0, 12), heard: random.chance(0.5) };
  const step = async <T>(body: () => Promise<T>): Promise<T> => {
    if (life.left < 0) throw new Killed();
    life.left -= 1;
    if (life.left >= 0) return body();
    if (life.heard) await body();
    throw new Killed();
  };
  const over = (inner: Sql): Sql => ({
    query: <T>(text: string, params?: readonly unknown[]) => step(() => inner.query<T>(text, params)),
    maybe: <T>(text: string, params?: readonly unknown[]) => step(() => inner.maybe<T>(text, params)),
    one: <T>(text: string, params?: readonly unknown[]) => step(() => inner.one<T>(text, params)),
    tx: <T>(body: (sql: Sql) => Promise<T>) => step(() => inner.tx((tx) => body(over(tx)))),
  });
  return over(sql);
}

async function addInstances({ sql }: TestDatabase, { databases: all }: Month): Promise<void> {
  for (const { id, isBranch } of all) {
    const [tenant, project, database] = id.split(".");
    const spec = {
      ...{ name: database, compute: { minUnits: 0.25, maxUnits: 2 }, instances: 1, replicas: 0 },
      ...(isBranch ? { branch: { of: "d1", at: null, ttlSeconds: null } } : {}),
    };
    await sql.query(
      `insert into instances (id, stack, database, engine, placement, version, phase, spec, fence, commit)
       values ($1, $2, $3, 'postgres', 'local', '18', 'Ready', $4, 1, $5)`,
      [id, `${tenant}.${project}`, database, JSON.stringify(spec), `c${id.length}`],
    );
  }
}

/** Every hour of every database and meter against the test's own ledger, and all ways of adding up against each other. */
async function compare(sql: Sql, { ledger }: Month, endMs: number) {
  const violations: string[] = [];
  const wanted = new Map(
    [...ledger].flatMap(([key, amount]) => {
      const [, meter = "", windowMs] = key.split(" ");
      return Number(windowMs) < endMs && amount > 0n ? [[key, recordedAs(meter, amount)] as const] : [];
    }),
  );
  const span = { from: new Date(startMs), to: new Date(endMs) };
  const rolled = new Map<string, bigint>();
  for await (const row of rolledUsage(sql, span)) {
    const key = `${row.tenant}.${row.project}.${row.database} ${row.meter} ${row.hour.getTime()}`;
    rolled.set(key, (rolled.get(key) ?? 0n) + row.quantity);
  }
  for (const key of new Set([...wanted.keys(), ...rolled.keys()]))
    if (wanted.get(key) !== rolled.get(key))
      violations.push(`${key}: ${rolled.get(key)} recorded, ${wanted.get(key)} lived`);

  const inJune = sumBy(
    [...wanted].filter(([key]) => Number(key.split(" ")[2]) >= june.fromMs && Number(key.split(" ")[2]) < june.toMs),
  );
  const summed = new Map((await sumUsage(sql, june)).map((row) => [placeOf(row), micros(row.quantity)]));
  const listed = sumBy((await listAll(sql, june)).map((row) => [placeOf(row), micros(row.quantity)]));
  const fed = sumBy(
    (await feed(sql))
      .filter(({ windowStart }) => windowStart.getTime() >= june.fromMs && windowStart.getTime() < june.toMs)
      .map((row) => [placeOf(row), micros(row.quantity)]),
  );
  for (const [name, sums] of Object.entries({ summed, listed, fed }))
    for (const key of new Set([...inJune.keys(), ...sums.keys()]))
      if ((inJune.get(key) ?? 0n) !== (sums.get(key) ?? 0n))
        violations.push(`June of ${key}: ${sums.get(key)} ${name}, ${inJune.get(key)} lived`);
  return { violations, inJune };
}

type Placed = { readonly tenant: string; readonly project: string; readonly database: string; readonly meter: string };
const placeOf = ({ tenant, project, database, meter }: Placed): string => `${tenant}.${project}.${database} ${meter}`;

function sumBy(pairs: readonly (readonly [string, bigint])[]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const [key, amount] of pairs) {
    const [id = "", meter = ""] = key.split(" ");
    sums.set(`${id} ${meter}`, (sums.get(`${id} ${meter}`) ?? 0n) + amount);
  }
  return sums;
}

/** Decimal text, perhaps with a minus, as whole millionths. */
function micros(text: string): bigint {
  const [whole = "0", places = ""] = text.replace("-", "").split(".");
  const size = BigInt(whole + places.padEnd(6, "0"));
  return text.startsWith("-") ? -size : size;
}

async function listAll(sql: Sql, span: { readonly fromMs: number; readonly toMs: number }) {
  const rows = [];
  for (let page = await listUsage(sql, span, { limit: 20_000 }); page.length > 0; ) {
    rows.push(...page);
    const after = page.at(-1);
    page = after === undefined ? [] : await listUsage(sql, span, { after, limit: 20_000 });
  }
  return rows;
}

async function feed(sql: Sql) {
  const rows = [];
  for (let page = await listRecords(sql, {}, { limit: 20_000 }); page.length > 0; ) {
    rows.push(...page);
    page = await listRecords(sql, {}, { afterSeq: page.at(-1)?.seq ?? 0, limit: 20_000 });
  }
  return rows;
}
