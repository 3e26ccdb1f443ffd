import fc from "fast-check";
import { expect, test } from "vitest";
import type { BackupLine } from "../../platform/store/index.ts";
import { dueBackup, hasChanged, parseBackupTimes, usualTimes } from "./due.ts";

const hour = 3_600_000;
const day = 24 * hour;
const start = Date.parse("2026-03-01T00:00:00Z");

type Row = Parameters<typeof dueBackup>[0];
const row = (change: Partial<Row> = {}): Row =>
  ({
    ...{ id: "acme.shop.orders", phase: "Ready", identity: "i", computeState: "awake" },
    ...{ createdAt: new Date(start), updatedAt: new Date(start) },
    spec: { backups: { retentionSeconds: 7 * 86_400, pitr: true } },
    ...change,
  }) as Row;

const segment = (n: number) => `00000001${"0".repeat(8)}${n.toString(16).toUpperCase().padStart(8, "0")}`;
const line = (change: Partial<BackupLine> = {}): BackupLine => ({
  ...{ instance: "acme.shop.orders", identity: "i", recoverableFrom: null, coveredTo: null, storedBytes: 0 },
  ...{ lastSegment: segment(40), baseSegment: segment(5), baseLabel: "b", problem: null },
  ...{ baseAt: new Date(start), fullAt: new Date(start), tendedAt: null, verifiedAt: null, copiedAt: null },
  ...change,
});
const at = (nowMs: number) => ({ nowMs, times: usualTimes });

test("the first one comes some minutes after the database, and never without backups declared", () => {
  expect(dueBackup(row(), undefined, at(start + 60_000))).toBeUndefined();
  expect(dueBackup(row(), undefined, at(start + 121_000))).toBe("full");
  const none = row({ spec: { backups: { retentionSeconds: 0, pitr: false } } as Row["spec"] });
  expect(dueBackup(none, undefined, at(start + day))).toBeUndefined();
  expect(dueBackup(row({ phase: "Paused" }), undefined, at(start + day))).toBeUndefined();
});

test("what did not change is not backed up again, however long", () => {
  const unchanged = line({ lastSegment: segment(7) }); // a backup's own end, a checkpoint, a sleep
  expect(hasChanged(unchanged)).toBe(false);
  for (const days of [1, 2, 100]) expect(dueBackup(row(), unchanged, at(start + days * day))).toBeUndefined();
});

test("a sleeper is woken for its daily backup, and for no hourly one", () => {
  const asleep = row({ computeState: "asleep" });
  const rarely = { nowMs: start + 2 * hour, times: { ...usualTimes, fullEveryMs: 1000 * day } };
  expect(dueBackup(row(), line(), rarely)).toBe("incremental");
  expect(dueBackup(asleep, line(), rarely)).toBeUndefined();
  expect(dueBackup(asleep, line(), at(start + 2 * day))).toBe("full");
});

test("each day of a database has one full backup, at an hour of its own", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z]{1,8}$/), (name) => {
      const one = row({ id: `acme.shop.${name}` });
      let known = line();
      let fulls = 0;
      for (let now = start + hour; now <= start + 4 * day; now += hour) {
        const due = dueBackup(one, known, at(now));
        if (due === "full") {
          fulls += 1;
          known = line({ fullAt: new Date(now), baseAt: new Date(now) });
        } else if (due === "incremental") known = { ...known, baseAt: new Date(now) };
      }
      expect(fulls).toBeGreaterThanOrEqual(3);
      expect(fulls).toBeLessThanOrEqual(5);
    }),
    { numRuns: 50 },
  );
});

test("times are given by their names, and nothing else", () => {
  expect(parseBackupTimes('{"firstAfterMs":5}')).toEqual({ firstAfterMs: 5 });
  for (const wrong of ['{"first":5}', "x", '{"firstAfterMs":-1}'])
    expect(() => parseBackupTimes(wrong)).toThrow(expect.objectContaining({ code: "NEB901" }));
});
