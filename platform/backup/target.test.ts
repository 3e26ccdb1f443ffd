import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Base, emptyIndex, type Index } from "./catalog.ts";
import { expiryOf } from "./expire.ts";
import { gapsIn, lsnNumber, numberOf, segmentAt, segmentNamed } from "./log-names.ts";
import { chooseBase, shortcutTo, type Target, windowOf } from "./target.ts";

const hour = 3_600_000;
const start = Date.parse("2026-03-01T00:00:00Z");
const piece = { key: "", plainBytes: 0, storedBytes: 0 };

const baseAt = (hours: number, kind: Base["kind"], parent: Base | undefined): Base => ({
  ...{ label: `b${hours}`, kind, parent: kind === "full" ? null : (parent?.label ?? null), timeline: 1, version: "18" },
  startedAt: new Date(start + hours * hour - 1000).toISOString(),
  endedAt: new Date(start + hours * hour).toISOString(),
  ...{ startLsn: `0/${(hours * 0x1000000).toString(16)}`, stopLsn: `0/${(hours * 0x1000000 + 500).toString(16)}` },
  ...{ databaseName: "d", ownerRole: "o", managed: { roles: [], extensions: [] }, tar: piece, manifest: piece },
});

/** Backups each hour; which of them are full. */
function history(fulls: readonly boolean[]): readonly Base[] {
  const made: Base[] = [];
  for (const [i, full] of fulls.entries())
    made.push(baseAt(i + 1, full || i === 0 ? "full" : "incremental", made.at(-1)));
  return made;
}
const indexOf = (bases: readonly Base[], covered: number): Index => ({
  ...emptyIndex,
  bases: [...bases],
  coveredTo: new Date(start + covered * hour).toISOString(),
  last: segmentNamed(1, 1000),
});
const time = (hours: number): Target => ({ kind: "time", at: new Date(start + hours * hour) });

test("names of a log count up across its files, and a place is in the part that holds it", () => {
  expect(segmentAt(1, "0/0")).toBe("000000010000000000000000");
  expect(segmentAt(1, "16/B374D848")).toBe("0000000100000016000000B3");
  fc.assert(fc.property(fc.nat(2 ** 31), (n) => numberOf(segmentNamed(3, n)) === n));
  expect(gapsIn([segmentNamed(1, 3), segmentNamed(1, 5)], 3, 6)).toEqual([4, 6]);
  expect(lsnNumber("1/0")).toBe(4294967296n);
  expect(() => lsnNumber("nonsense")).toThrow(RangeError);
});

describe("a target", () => {
  const index = indexOf(history([true, false, false, true, false]), 8);

  test("begins with the newest backup before it", () => {
    for (const [hours, label] of [
      [1, "b1"],
      [1.5, "b1"],
      [3, "b3"],
      [4.9, "b4"],
      [8, "b5"],
    ] as const)
      expect(chooseBase("x", index, time(hours)).label).toBe(label);
    expect(chooseBase("x", index, { kind: "latest" }).label).toBe("b5");
    expect(chooseBase("x", index, { kind: "backup", label: "b2" }).label).toBe("b2");
    expect(chooseBase("x", index, { kind: "lsn", lsn: "0/2000500" }).label).toBe("b2");
  });

  test("is reached by the log where that weighs less than the incremental backups before it", () => {
    const weighing = (bytes: number) => ({
      ...index,
      bases: index.bases.map((base) => ({ ...base, tar: { ...piece, plainBytes: bytes } })),
    });
    const [light, heavy] = [weighing(0x700000), weighing(0x900000)]; // an hour writes 0x1000000 of log
    const from = (of: Index, label: string, target: Target = time(8)) =>
      shortcutTo(chooseBase("x", of, { kind: "backup", label }), of, target).label;
    expect(from(light, "b3")).toBe("b3");
    expect(from(heavy, "b3")).toBe("b1");
    expect(from(heavy, "b5")).toBe("b4");
    expect(from(heavy, "b4")).toBe("b4");
    expect(from(heavy, "b3", { kind: "backup", label: "b3" })).toBe("b3");
    expect(from({ ...heavy, pitr: false }, "b3")).toBe("b3");
    const promoted = { ...heavy, bases: heavy.bases.map((base, i) => ({ ...base, timeline: i < 1 ? 1 : 2 })) };
    expect(from(promoted, "b3")).toBe("b2");
  });

  test("outside of what is kept is refused, with what is", () => {
    for (const wrong of [time(0.5), time(8.01), { kind: "backup", label: "no" }, { kind: "lsn", lsn: "0/10" }] as const)
      expect(() => chooseBase("x", index, wrong)).toThrow(/2026-03-01T01:00.*2026-03-01T08:00/);
    expect(() => chooseBase("x", index, { kind: "lsn", lsn: "FF/0" })).toThrow(
      expect.objectContaining({ code: "NEB414" }),
    );
    expect(() => chooseBase("x", emptyIndex, time(1))).toThrow(/no backup yet/);
  });

  test("without point-in-time restore ends with the last backup", () => {
    expect(windowOf({ ...index, pitr: false })?.to).toEqual(new Date(start + 5 * hour));
  });
});

test("what may go leaves every moment of the retention restorable, and every chain whole", () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { minLength: 1, maxLength: 200 }),
      fc.integer({ min: 1, max: 120 }),
      fc.integer({ min: 0, max: 300 }),
      (fulls, retentionHours, idle) => {
        const bases = history(fulls);
        const now = fulls.length + idle;
        const index = indexOf(bases, now);
        const expiry = expiryOf(
          { bases: [...bases], first: segmentNamed(1, 0) },
          retentionHours * 3600,
          start + now * hour,
        );
        const kept = { ...index, bases: [...expiry.keep] };
        for (const base of expiry.keep)
          if (base.parent !== null) expect(expiry.keep.map(({ label }) => label)).toContain(base.parent);
        const first = Math.max(1, now - retentionHours);
        for (const hours of [first, first + 0.5, now].filter((one) => one <= now)) {
          const base = chooseBase("x", kept, time(hours));
          expect(Date.parse(base.endedAt)).toBeLessThanOrEqual(start + hours * hour);
          expect(numberOf(expiry.firstSegment ?? "")).toBeLessThanOrEqual(numberOf(segmentAt(1, base.startLsn)));
        }
      },
    ),
  );
});
