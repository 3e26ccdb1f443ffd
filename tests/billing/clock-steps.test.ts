/** The clock of the machine that meters steps, drifts and runs over a month's end, and the meter is restarted meanwhile. */
import { monthSpan } from "../../platform/pricing/index.ts";
import { listUsage, sumUsage } from "../../platform/store/index.ts";
import { makeUsageWorker } from "../../reconciler/usage/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

const minute = 60_000;
const hour = 60 * minute;
const start = Date.UTC(2026, 4, 31, 22);
const meter = "compute_unit_seconds";
/** A step back of up to this is followed at once (reconciler/usage/timeline.ts): so much may be lived in no second. */
const followedMs = 2_000;

catalogueRow({
  suite: "faults",
  name: "clock steps, month ends, skew",
  promise: "no hour is doubled or missing, and no duration is negative",
  n: { small: 200, large: 2_000 },
  run,
  control: { without: "the monotonic clock", n: 15 },
  timeoutMs: 90_000,
});

async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  const db = await testDatabase();
  const violations: string[] = [];
  try {
    for (let i = 0; i < n; i++)
      violations.push(...(await liveOn(db, random, guarded)).map((violation) => `trial ${i}: ${violation}`));
    return { trials: n, violations };
  } finally {
    await db.close();
  }
}

/** One database that is awake all the time, and what is true of it: how long it lived by a clock that nobody sets. */
async function liveOn({ sql }: TestDatabase, random: Random, guarded: boolean): Promise<string[]> {
  await sql.query(
    `truncate usage_samples, usage_records, usage_pending, usage_days, usage_months, usage_gaps, instances, settings;
     insert into instances (id, stack, database, engine, placement, version, phase, spec, fence)
     values ('acme.shop.orders', 'acme.shop', 'orders', 'postgres', 'local', '18', 'Ready',
       '{"compute": {"minUnits": 1, "maxUnits": 1}, "instances": 1, "replicas": 0}', 1)`,
  );
  let [trueMs, offsetMs, followed] = [0, 0, 0];
  const skew = 1 + random.int(-200, 200) / 1e6;
  const wall = () => Math.round(start + trueMs * skew + offsetMs);
  const uptimeMs = () => (guarded ? trueMs : wall());
  const clock = { now: wall, monotonicMs: uptimeMs, sleep: async () => {} };
  const startedAtMs = wall();
  const make = () =>
    makeUsageWorker({
      ...{ sql, clock, sampleEveryMs: minute, machine: () => ({ bootId: "this", uptimeMs: uptimeMs() }) },
      observe: async () => ({ startedAtMs, connections: 0, storageBytes: 1, stretches: [] }),
    });
  let worker = make();
  trueMs += 1_000; // from the first sample on: before it there is its journal to go by, which this one has not
  await worker.pass();
  for (let i = random.int(8, 25); i > 0; i--) {
    trueMs += random.int(1_000, 20 * minute);
    if (random.chance(0.4)) {
      const step = random.int(-2 * hour, 2 * hour);
      offsetMs += step;
      if (step < 0) followed += followedMs;
    }
    if (random.chance(0.2)) worker = make();
    await worker.pass();
  }
  // a clock that runs apart from the true time is followed as far as it is a clock's
  const apartMs = Math.ceil(Math.abs(skew - 1) * trueMs) + 30;
  return judge(sql, trueMs, followed + apartMs, apartMs);
}

async function judge(
  sql: TestDatabase["sql"],
  livedMs: number,
  missingMs: number,
  doubledMs: number,
): Promise<string[]> {
  const always = { fromMs: Date.UTC(2026, 0), toMs: Date.UTC(2030, 0), meter };
  const windows = await listUsage(sql, always);
  const metered = windows.reduce((sum, { quantity }) => sum + Math.round(Number(quantity) * 1000), 0);
  const months = await Promise.all(
    ["2026-05", "2026-06"].map((month) => sumUsage(sql, { ...monthSpan(month), meter })),
  );
  const inMonths = months.flat().reduce((sum, { quantity }) => sum + Math.round(Number(quantity) * 1000), 0);
  const [broken] = await sql.query<{ n: number }>(
    "select count(*)::int as n from usage_samples where awake_ms < 0 or compute_unit_ms < 0 or storage_byte_ms < 0 or measured_until <= slot",
  );
  return [
    ...(metered > livedMs + doubledMs ? [`${metered - livedMs} ms doubled`] : []),
    ...(metered < livedMs - missingMs ? [`${livedMs - metered} ms missing`] : []),
    ...(inMonths === metered ? [] : [`${inMonths} ms in months, ${metered} in hours`]),
    ...windows
      .filter(({ quantity }) => Number(quantity) > 3600 || Number(quantity) < 0)
      .map((one) => `an hour of ${one.quantity} s`),
    ...(broken?.n === 0 ? [] : [`${broken?.n} samples run backwards`]),
  ];
}
