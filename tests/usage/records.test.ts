/** Records: what was filed becomes one, what comes later becomes another, and none is ever changed. */
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { meters } from "../../platform/pricing/index.ts";
import { makePool, type Pool } from "../../platform/sql/index.ts";
import {
  foldRecords,
  grains,
  listRecords,
  listTotals,
  listUsage,
  putSamples,
  putTraffic,
  recordId,
  rolledUsage,
  rollUp,
  sumUsage,
  type UsageSample,
} from "../../platform/store/index.ts";
import { allOf } from "../harness/all-of.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const start = Date.UTC(2026, 4, 30, 22);
const always = { fromMs: Date.UTC(2026, 0), toMs: Date.UTC(2030, 0) };

let db: TestDatabase;
let app: Pool;
beforeAll(async () => {
  db = await testDatabase();
  app = makePool({ url: db.appUrl, applicationName: "test", max: 4 });
});
afterAll(async () => {
  await app?.close();
  await db?.close();
});
const empty = () =>
  db.sql.query(`truncate usage_samples, usage_traffic, usage_records, usage_pending, usage_days, usage_months;
    update usage_folded set seq = 0`);
beforeEach(empty);

const sample = (slotMs: number, change: Partial<UsageSample> = {}): UsageSample => ({
  ...{ instance: "acme.shop.orders", slotMs, slotSeconds: 60, untilMs: slotMs + minute, awakeMs: minute },
  ...{ computeUnitMs: minute, frozenUnitMs: 0, storageByteMs: 0n, branchByteMs: 0n, backupByteMs: 0n, connectionMs: 0 },
  ...{ computeUnits: 1, storageBytes: 0, connections: 0, serverStartedAtMs: start, commit: "c0ffee" },
  ...change,
});
const line = (n: number, atMs: number, bytesOut: number) => ({
  line: `0b0c7d0e-0000-4000-8000-${String(n).padStart(12, "0")}`,
  ...{ instance: "acme.shop.orders", atMs, bytesOut, bytesIn: 0, connections: 1, requests: 0 },
});

test("what is summed exactly is the same in the meters and in the ledger", () => {
  for (const [meter, grain] of Object.entries(grains))
    expect(meters[meter as keyof typeof grains].grain).toBe(BigInt(grain));
});

test("is exact to the last place of a record, also of what is very large", async () => {
  const whole = 40n * 1024n ** 4n * 3_600_000n; // 40 TiB for an hour
  for (const [i, bytes] of [whole, 1n, 7_199_999n, whole].entries())
    await putSamples(app, [sample(start + i * minute, { computeUnitMs: 0, storageByteMs: bytes })]);
  const exact = ((whole * 2n + 7_200_000n) * 1_000_000n) / 3_600_000n;
  const inMicros = async () => {
    const [sum] = await sumUsage(app, always);
    const [before = "", after = ""] = (sum?.quantity ?? "").split(".");
    return BigInt(before + after.padEnd(6, "0"));
  };
  expect(await inMicros()).toBe(exact);
  await putSamples(app, [sample(start + 5 * minute, { computeUnitMs: 0, storageByteMs: 1_000_003n })]);
  await rollUp(app, start + hour);
  const odd = (whole * 2n + 7_200_000n + 1_000_003n) * 1_000_000n;
  const rounded = (odd * 2n + 3_600_000n) / 7_200_000n;
  expect(await inMicros()).toBe(rounded);
  const span = { from: new Date(start), to: new Date(start + hour) };
  expect((await allOf(rolledUsage(app, span))).map(({ quantity }) => quantity)).toEqual([rounded]);
});

describe("a record", () => {
  test("is changed and deleted by nobody who serves", async () => {
    await putSamples(app, [sample(start)]);
    expect(await rollUp(app, start + hour)).toBe(1);
    for (const text of ["update usage_records set quantity = 0", "delete from usage_records", "truncate usage_records"])
      await expect(app.query(text)).rejects.toThrow(/42501/);
    for (const text of ["update usage_events set quantity = 0", "truncate usage_events"])
      await expect(app.query(text)).rejects.toThrow(/42501/);
  });

  test("of an hour that was rolled up is followed by what came late, and by what it takes to be rounded once", async () => {
    const third = sample(start, { computeUnitMs: 0, storageByteMs: 1n });
    const later = sample(start + minute, { computeUnitMs: 0, storageByteMs: 1n });
    await putSamples(app, [third]);
    await rollUp(app, start + hour);
    await putSamples(app, [later]);
    await rollUp(app, start + hour);
    const records = await listRecords(app, {});
    expect(records.map(({ revision, quantity }) => [revision, quantity])).toEqual([
      [1, "0"],
      [2, "0.000001"],
    ]);
    expect(new Set(records.map(({ id }) => id)).size).toBe(2);
    expect(records.map(recordId)).toEqual(records.map(({ id }) => id));
    expect(await listUsage(app, always)).toMatchObject([{ quantity: "0.000001", revision: 2 }]);
  });

  test("is of one commit; an hour with two has two, and both are its first", async () => {
    await putSamples(app, [sample(start), sample(start + minute, { commit: "facade" })]);
    await rollUp(app, start + hour);
    const rolled = await allOf(rolledUsage(app, { from: new Date(start), to: new Date(start + hour) }));
    expect(rolled.map(({ commit, quantity, corrections }) => [commit, quantity, corrections])).toEqual([
      ["c0ffee", 60_000_000n, 0],
      ["facade", 60_000_000n, 0],
    ]);
    expect(await listUsage(app, always)).toMatchObject([
      { quantity: "120", revision: 1, commits: ["c0ffee", "facade"] },
    ]);
  });

  test("leads to the operation that had put its commit in force", async () => {
    const operation = (id: string, commit: string, finishedAt: number) =>
      db.sql.query(
        `insert into operations (id, stack, type, state, outcome, requested_by, commit, started_at, finished_at, attempt)
         values ($1, 'acme.shop', 'DEPLOY', 'COMPLETED', 'applied', 'ada', $2, $3, $3, 1)`,
        [id, commit, new Date(finishedAt)],
      );
    await operation("op_1", "c0ffee", start - day);
    await operation("op_2", "c0ffee", start - hour);
    await operation("op_3", "c0ffee", start + 2 * hour);
    await operation("op_4", "facade", start - minute);
    await putSamples(app, [sample(start)]);
    await rollUp(app, start + hour);
    const [row] = await allOf(rolledUsage(app, { from: new Date(start), to: new Date(start + hour) }));
    expect(row).toMatchObject({ operationId: "op_2", commit: "c0ffee", records: [expect.any(Number)] });
  });
});

test("the feed goes on where it was left, and tells a copy everything that the ledger holds", async () => {
  const copy: string[] = [];
  let after = 0;
  for (let i = 0; i < 5; i++) {
    await putSamples(app, [sample(start + i * hour), sample(start + minute * (i + 1))]);
    await rollUp(app, start + (i + 1) * hour);
    for (let page = await listRecords(app, {}, { afterSeq: after, limit: 1 }); page.length > 0; ) {
      copy.push(...page.map(({ quantity }) => quantity));
      after = page.at(-1)?.seq ?? after;
      page = await listRecords(app, {}, { afterSeq: after, limit: 1 });
    }
  }
  const [sum] = await sumUsage(app, always);
  expect(copy.reduce((all, quantity) => all + Number(quantity), 0)).toBe(Number(sum?.quantity));
  expect(copy).toHaveLength((await listRecords(app, {})).length);
});

test("sums of any span are those of its hours, whatever was rolled up, added to days, or still waits", async () => {
  const step = fc.oneof(
    fc.record({
      sample: fc.nat(60 * 24 * 40),
      units: fc.integer({ min: 0, max: 8 }),
      commit: fc.constantFrom("a", "b"),
    }),
    fc.record({ line: fc.nat(30), at: fc.nat(60 * 24 * 40), bytes: fc.nat(10 ** 9) }),
    fc.record({ rollUp: fc.nat(24 * 40) }),
    fc.record({ fold: fc.integer({ min: 1, max: 9 }) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 25 }),
      fc.array(fc.tuple(fc.nat(24 * 45), fc.nat(24 * 45)), { minLength: 3, maxLength: 3 }),
      async (steps, spans) => {
        await empty();
        const truth = new Map<string, { atMs: number; amount: number }>();
        const lines = new Set<number>();
        for (const one of steps) {
          if ("sample" in one) {
            const slot = start + one.sample * minute;
            const key = `compute ${slot}`;
            const amount = Math.max(truth.get(key)?.amount ?? 0, (one.units * minute) / 4_000);
            truth.set(key, { atMs: slot, amount });
            await putSamples(app, [sample(slot, { computeUnitMs: (one.units * minute) / 4, commit: one.commit })]);
          } else if ("line" in one) {
            const atMs = start + one.at * minute;
            await putTraffic(app, [line(one.line, atMs, one.bytes)]);
            if (!lines.has(one.line)) truth.set(`egress ${one.line}`, { atMs, amount: one.bytes });
            lines.add(one.line);
          } else if ("rollUp" in one) await rollUp(app, start + one.rollUp * hour);
          else await foldRecords(app, one.fold);
        }
        for (const [from, length] of [...spans, [0, 24 * 60] as const]) {
          const [fromMs, toMs] = [start + (from - 24) * hour, start + (from - 24 + length) * hour];
          for (const [meter, kind] of [
            ["compute_unit_seconds", "compute"],
            ["egress_bytes", "egress"],
          ] as const) {
            const wanted = [...truth]
              .filter(([key, { atMs }]) => key.startsWith(kind) && atMs >= fromMs && atMs < toMs)
              .reduce((all, [, { amount }]) => all + amount, 0);
            const [sum] = await sumUsage(app, { fromMs, toMs, meter });
            const rows = await listUsage(app, { fromMs, toMs, meter });
            expect(Number(sum?.quantity ?? 0)).toBeCloseTo(wanted, 5);
            expect(rows.reduce((all, { quantity }) => all + Number(quantity), 0)).toBeCloseTo(wanted, 5);
            if (length === 24 * 60 && from === 0)
              for (const unit of ["day", "month"] as const) {
                const whole = { fromMs: Date.UTC(2026, 2), toMs: Date.UTC(2026, 9), meter };
                const totals = await listTotals(app, whole, unit);
                const all = [...truth]
                  .filter(([key]) => key.startsWith(kind))
                  .reduce((sum, [, one]) => sum + one.amount, 0);
                expect(totals.reduce((sum, { quantity }) => sum + Number(quantity), 0)).toBeCloseTo(all, 5);
                const [first] = totals;
                const paged = first === undefined ? [] : await listTotals(app, whole, unit, { after: first, limit: 2 });
                expect(paged).toEqual(totals.slice(1, 3));
                for (const { windowStart } of totals)
                  expect(windowStart.toISOString()).toMatch(unit === "day" ? /T00:00:00/ : /-01T00:00:00/);
              }
          }
        }
      },
    ),
    { numRuns: 40 },
  );
});

test("whoever files while hours are rolled up loses nothing and doubles nothing", async () => {
  const writers = 4;
  const each = 60;
  const ids = ["acme.shop.orders", "acme.shop.carts", "globex.app.main"];
  let writing = true;
  const roll = async () => {
    while (writing) {
      await rollUp(app, start + hour);
      await foldRecords(app);
    }
  };
  const write = async (writer: number) => {
    for (let i = 0; i < each; i++)
      await putSamples(
        app,
        ids.map((instance) =>
          sample(start + ((i * 7 + writer) % 60) * minute, { instance, computeUnitMs: 1000 * (i + 1) }),
        ),
      );
  };
  const rolling = [roll(), roll()];
  await Promise.all(Array.from({ length: writers }, (_, i) => write(i)));
  writing = false;
  await Promise.all(rolling);
  const held = await db.sql.one<{ seconds: string }>(
    "select (sum(compute_unit_ms) / 1000)::text as seconds from usage_samples",
  );
  const before = await sumUsage(app, always);
  await rollUp(app, start + hour);
  await foldRecords(app);
  for (const rows of [before, await sumUsage(app, always)])
    expect(rows.reduce((all, { quantity }) => all + Number(quantity), 0)).toBeCloseTo(Number(held.seconds), 6);
  const months = await db.sql.one<{ sum: string }>("select sum(quantity)::text as sum from usage_months");
  expect(Number(months.sum)).toBeCloseTo(Number(held.seconds), 6);
});
