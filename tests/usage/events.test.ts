/** Usage from outside: taken once, in any order, by any number of senders. */
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { takeEvents, typeOf } from "../../platform/metering/index.ts";
import { makePool, type Pool } from "../../platform/sql/index.ts";
import {
  listGaps,
  listRecords,
  listUsage,
  pruneEvents,
  pruneSamples,
  rolledUsage,
  rollUp,
  sumUsage,
} from "../../platform/store/index.ts";
import { allOf } from "../harness/all-of.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

const minute = 60_000;
const hour = 60 * minute;
const start = Date.UTC(2026, 4, 31, 22);
const nowMs = start + 6 * hour;
const always = { fromMs: Date.UTC(2026, 0), toMs: Date.UTC(2030, 0) };

let db: TestDatabase;
let app: Pool;
beforeAll(async () => {
  db = await testDatabase();
  app = makePool({ url: db.appUrl, applicationName: "test", max: 6 });
  for (const [id, placement] of [
    ["acme.shop.orders", "local"],
    ["acme.shop.far", "aws"],
    ["acme.shop.farther", "aws"],
  ])
    await db.sql.query(
      `insert into instances (id, stack, database, engine, placement, version, phase, spec, fence, commit)
       values ($1, 'acme.shop', split_part($1, '.', 3), 'postgres', $2, '18', 'Ready', '{}', 1, 'c0ffee')`,
      [id, placement],
    );
});
afterAll(async () => {
  await app?.close();
  await db?.close();
});
const empty = () =>
  db.sql.query(`truncate usage_events, usage_readings, usage_records, usage_pending, usage_days, usage_months, usage_gaps;
    update usage_folded set seq = 0`);
beforeEach(empty);

type Data = { meter?: string; quantity?: string; from?: string; epoch?: string; reason?: string };
const event = (
  id: string,
  kind: "delta" | "level" | "counter" | "correction",
  atMs: number,
  data: Data = {},
  database = "orders",
) => ({
  ...{ specversion: "1.0", id, source: "test", type: typeOf(kind), subject: `acme/shop/${database}` },
  time: new Date(atMs).toISOString(),
  data: { meter: "egress_bytes", quantity: "1000", ...data },
});
const from = (source: string, one: ReturnType<typeof event>) => ({ ...one, source });
const take = (batch: readonly unknown[], at = nowMs) => takeEvents(app, batch, at);
const total = async (meter = "egress_bytes") => {
  const rows = await sumUsage(db.sql, { ...always, meter });
  return rows.reduce((all, { quantity }) => all + Number(quantity), 0);
};

describe("a batch", () => {
  test("is taken once, however often it comes, whole or in parts, also at the same time", async () => {
    const batch = Array.from({ length: 40 }, (_, i) => event(`e${i}`, "delta", start + i * minute));
    const answers = await Promise.all([
      take(batch),
      take(batch),
      take(batch.slice(10, 30)),
      take([...batch].reverse()),
    ]);
    expect(answers.reduce((all, { accepted }) => all + accepted, 0)).toBe(40);
    expect(answers.reduce((all, { duplicates }) => all + duplicates, 0)).toBe(40 + 20 + 40);
    expect(answers.flatMap(({ refused }) => refused)).toEqual([]);
    expect(await total()).toBe(40_000);
    expect(await take(batch)).toEqual({ accepted: 0, duplicates: 40, refused: [] });
    expect(await total()).toBe(40_000);
  });

  test("with what cannot be taken is taken otherwise, and each refusal says what and why", async () => {
    const batch = [
      event("good", "delta", start),
      { ...event("v", "delta", start), specversion: "9" },
      event("stranger", "delta", start, {}, "nowhere"),
      event("level", "level", start, { meter: "storage_byte_hours" }),
      event("old", "delta", nowMs - 49 * hour),
      event("new", "delta", nowMs + 5 * minute),
      event("good", "delta", start),
      event("good", "delta", start, { quantity: "7" }),
    ];
    const { accepted, duplicates, refused } = await take(batch);
    expect([accepted, duplicates]).toEqual([1, 1]);
    expect(refused.map(({ index, id, code }) => [index, id, code])).toEqual([
      [1, "v", "NEB503"],
      [2, "stranger", "NEB504"],
      [3, "level", "NEB505"],
      [4, "old", "NEB506"],
      [5, "new", "NEB507"],
      [7, "good", "NEB508"],
    ]);
    expect(await total()).toBe(1000);
    expect((await take([event("good", "delta", start + 1)])).refused).toMatchObject([{ code: "NEB508" }]);
    expect(await take([event("good", "delta", start)], nowMs + 72 * hour)).toMatchObject({
      duplicates: 1,
      refused: [],
    });
  });

  test("that comes late becomes a correction of its hours, and an early one waits for its hour", async () => {
    await take([event("a", "delta", start + minute)]);
    await rollUp(app, start + hour);
    await take([event("b", "delta", start + 2 * minute, { quantity: "5" })]);
    await rollUp(app, start + hour);
    expect((await listRecords(app, {})).map(({ revision, quantity, source }) => [revision, quantity, source])).toEqual([
      [1, "1000", "reported"],
      [2, "5", "reported"],
    ]);
    await take([event("c", "delta", start + 3 * hour)]);
    expect(await rollUp(app, start + 3 * hour)).toBe(0);
    expect(await rollUp(app, start + 4 * hour)).toBe(1);
  });
});

test("a delta over a month's edge is cut there, to the byte", async () => {
  const june = Date.UTC(2026, 5);
  await take([
    event("a", "delta", june + minute, { quantity: "100", from: new Date(june - 2 * minute).toISOString() }),
  ]);
  const [may] = await sumUsage(db.sql, { ...always, toMs: june });
  const [rest] = await sumUsage(db.sql, { ...always, fromMs: june });
  expect(Number(may?.quantity) + Number(rest?.quantity)).toBe(100);
  expect(Number(may?.quantity)).toBeCloseTo(66.666667, 5);
});

test("readings of far databases come in any order, late or twice, and what they are worth is the same", async () => {
  const readings = fc.uniqueArray(
    fc.record({
      at: fc.nat(60),
      value: fc.nat(64),
      kind: fc.constantFrom("level" as const, "counter" as const),
      far: fc.boolean(),
      by: fc.constantFrom("eu-1", "eu-2"),
    }),
    {
      selector: ({ at, kind, far, by }) => `${at} ${kind} ${far} ${kind === "counter" ? by : ""}`,
      minLength: 2,
      maxLength: 30,
    },
  );
  await fc.assert(
    fc.asyncProperty(
      readings,
      fc.array(fc.nat(), { minLength: 30, maxLength: 30 }),
      fc.integer({ min: 1, max: 8 }),
      async (list, keys, size) => {
        await empty();
        const shuffled = list.map((one, i) => ({ one, key: keys[i] ?? 0 })).toSorted((a, b) => a.key - b.key);
        const sent = shuffled.map(({ one: { at, value, kind, far, by } }) =>
          from(
            by,
            event(
              `${kind} ${at} ${far}`,
              kind,
              start + at * 4 * minute,
              { meter: kind === "level" ? "provisioned_unit_seconds" : "egress_bytes", quantity: String(value / 4) },
              far ? "far" : "farther",
            ),
          ),
        );
        for (let i = 0; i < sent.length; i += size) {
          await Promise.all([take(sent.slice(i, i + size)), take(sent.slice(Math.max(0, i - 2), i + 1))]);
          if (i % 3 === 0) await rollUp(app, start + hour);
        }
        for (const kind of ["level", "counter"] as const) {
          let wanted = 0;
          // counters of two are two; a level is the database's, whoever says it
          const whose = kind === "level" ? [["eu-1", "eu-2"]] : [["eu-1"], ["eu-2"]];
          for (const [far, by] of [true, false].flatMap((far) => whose.map((by) => [far, by] as const))) {
            const own = list
              .filter((one) => one.kind === kind && one.far === far && by.includes(one.by))
              .toSorted((a, b) => a.at - b.at);
            for (const [i, next] of own.entries()) {
              const last = own[i - 1];
              if (last === undefined) continue;
              const apart = (next.at - last.at) * 4 * minute;
              if (kind === "counter") wanted += (next.value < last.value ? next.value : next.value - last.value) / 4;
              else if (apart <= 15 * minute) wanted += ((last.value / 4) * apart) / 1000;
            }
          }
          const meter = kind === "level" ? "provisioned_unit_seconds" : "egress_bytes";
          expect(await total(meter)).toBeCloseTo(wanted, 4);
        }
        for (const { quantity } of await listUsage(db.sql, always)) expect(Number(quantity)).toBeGreaterThanOrEqual(0);
      },
    ),
    { numRuns: 25 },
  );
});

test("between two levels that are too far apart is a gap, until a late one closes it", async () => {
  const level = (id: string, atMs: number) =>
    event(id, "level", atMs, { meter: "storage_byte_hours", quantity: "3600000" }, "far");
  await take([level("a", start), level("b", start + 20 * minute)]);
  expect(await total("storage_byte_hours")).toBe(0);
  const gaps = () => listGaps(db.sql, { ...always, nowMs: start });
  expect(await gaps()).toMatchObject([
    { meter: "storage_byte_hours", reason: "unreported", from: new Date(start), to: new Date(start + 20 * minute) },
  ]);
  await take([level("c", start + 10 * minute)]);
  expect(await total("storage_byte_hours")).toBe(1_200_000);
  expect(await gaps()).toEqual([]);
});

test("of two readings of one moment the smaller counts, whichever came first", async () => {
  const at = (id: string, minutes: number, quantity: string) =>
    event(id, "level", start + minutes * minute, { meter: "provisioned_unit_seconds", quantity }, "far");
  const [four, two, end] = [at("four", 0, "4"), at("two", 0, "2"), at("end", 10, "1")];
  for (const order of [
    [four, two, end],
    [two, four, end],
    [end, four, two],
    [end, two, four],
  ]) {
    await empty();
    for (const one of order) expect(await take([one])).toMatchObject({ accepted: 1 });
    expect(await total("provisioned_unit_seconds")).toBe(1200);
    await rollUp(app, start + hour);
    expect(await total("provisioned_unit_seconds")).toBe(1200);
  }
  await empty();
  await take([four, end, two]);
  expect(await total("provisioned_unit_seconds")).toBe(1200);
});

test("a series that is not reported any more is in a gap that goes on, also when its readings are long past", async () => {
  const at = (id: string, atMs: number) =>
    event(id, "level", atMs, { meter: "storage_byte_hours", quantity: "3600000" }, "far");
  const gaps = (now: number) => listGaps(db.sql, { ...always, tenant: "acme", nowMs: now });
  const counter = (source: string, atMs: number) => from(source, event(`${atMs}`, "counter", atMs, {}, "far"));
  await take([at("a", start), at("b", start + 10 * minute), counter("eu-1", start), counter("eu-2", start + hour)]);
  expect(await gaps(start + 20 * minute)).toEqual([]);
  expect(await gaps(start + 24 * hour)).toMatchObject([
    { meter: "storage_byte_hours", reason: "unreported", from: new Date(start + 10 * minute), to: null },
  ]);
  expect((await gaps(start + 24 * hour + 1)).map(({ meter }) => meter)).toEqual(["storage_byte_hours", "egress_bytes"]);
  expect(await listGaps(db.sql, { ...always, tenant: "globex", nowMs: start + 30 * hour })).toEqual([]);

  const later = start + 30 * 24 * hour;
  await pruneSamples(app, later - 24 * hour);
  expect((await gaps(later)).map(({ meter, from: since }) => [meter, since.getTime()])).toEqual([
    ["egress_bytes", start + hour],
    ["storage_byte_hours", start + 10 * minute],
    ["egress_bytes", start],
  ]);
  await take([at("c", later)], later);
  expect(await gaps(later)).toContainEqual(
    expect.objectContaining({ from: new Date(start + 10 * minute), to: new Date(later), meter: "storage_byte_hours" }),
  );
  expect(await total("storage_byte_hours")).toBe(600_000);
});

test("an event is not forgotten before it would be refused, whatever a reconciler's clock says", async () => {
  const one = event("once", "delta", start);
  await take([one]);
  await pruneEvents(app, Date.now() + 365 * 24 * hour);
  expect(await take([one])).toMatchObject({ accepted: 0, duplicates: 1 });
  expect(await total()).toBe(1000);
});

describe("a correction", () => {
  const reason = "the edge counted its own probes";
  test("is a record of its own that says why, also of what is final", async () => {
    await take([event("a", "delta", start)]);
    await rollUp(app, start + hour);
    const month = 31 * 24 * hour;
    const wanted = event("fix", "correction", start, { quantity: "-400", reason });
    expect(await take([wanted], nowMs + month)).toMatchObject({ accepted: 1, refused: [] });
    expect(await take([wanted, wanted], nowMs + month)).toMatchObject({ accepted: 0, duplicates: 2 });
    expect(
      (await listRecords(app, {})).map(({ quantity, revision, source, reason: why }) => [
        quantity,
        revision,
        source,
        why,
      ]),
    ).toEqual([
      ["1000", 1, "reported", null],
      ["-400", 2, "corrected", reason],
    ]);
    expect(await total()).toBe(600);
  });

  test("takes away no more than there is, and leaves nothing half-done", async () => {
    await take([event("a", "delta", start)]);
    await rollUp(app, start + hour);
    const tooMuch = event("fix", "correction", start, { quantity: "-1000.000001", reason });
    expect((await take([tooMuch])).refused).toMatchObject([{ index: 0, code: "NEB509" }]);
    expect(
      await db.sql.one("select count(*)::int as n from usage_events where id is not null and kind = 'correction'"),
    ).toEqual({ n: 0 });
    expect(await take([event("fix", "correction", start, { quantity: "-1000", reason })])).toMatchObject({
      accepted: 1,
    });
    expect(await total()).toBe(0);
  });

  test("waits until its hour is recorded", async () => {
    await take([event("a", "delta", start)]);
    const wanted = event("fix", "correction", start, { quantity: "-400", reason });
    expect((await take([wanted])).refused).toMatchObject([{ code: "NEB507" }]);
    await rollUp(app, start + hour);
    expect(await take([wanted])).toMatchObject({ accepted: 1 });
    expect(await total()).toBe(600);
  });

  test("is of the commits that used it, the largest first, and none has used less than nothing", async () => {
    const commits: [string, string][] = [
      ["c0ffee", "1000"],
      ["facade", "300"],
    ];
    const deploy = (commit: string) => db.sql.query("update instances set commit = $1", [commit]);
    for (const [commit, quantity] of commits) {
      await deploy(commit);
      await take([event(commit, "delta", start, { quantity })]);
    }
    await rollUp(app, start + hour);
    await deploy("beef");
    const correct = (id: string, quantity: string) => take([event(id, "correction", start, { quantity, reason })]);
    const held = async () => {
      const span = { from: new Date(start), to: new Date(start + hour) };
      const rows = await allOf(rolledUsage(app, span));
      return Object.fromEntries(rows.map(({ commit, quantity }) => [commit, Number(quantity) / 1e6]));
    };
    expect(await correct("more", "0.5")).toMatchObject({ accepted: 1 });
    expect(await held()).toEqual({ c0ffee: 1000.5, facade: 300 });
    expect(await correct("less", "-1100.25")).toMatchObject({ accepted: 1 });
    expect(await held()).toEqual({ c0ffee: 0, facade: 200.25 });
    expect((await correct("too-much", "-200.250001")).refused).toMatchObject([{ code: "NEB509" }]);
    await deploy("c0ffee");
    await take([event("late", "delta", start, { quantity: "7" })]);
    await rollUp(app, start + hour);
    expect(await held()).toEqual({ c0ffee: 7, facade: 200.25 });
    expect(await total()).toBe(207.25);
  });

  test("of an hour in which nothing was used is of the commit that runs", async () => {
    expect(await take([event("new", "correction", start, { quantity: "5", reason })])).toMatchObject({ accepted: 1 });
    expect(await listRecords(app, {})).toMatchObject([{ quantity: "5", revision: 2, commits: ["c0ffee"] }]);
    expect((await take([event("none", "correction", start, { quantity: "0", reason })])).refused).toMatchObject([
      { code: "NEB503" },
    ]);
  });
});
