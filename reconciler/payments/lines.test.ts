import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { foldLines, toRemoteLines } from "./lines.ts";

type Line = Parameters<typeof foldLines>[0][number];
const line = (position: number, micros: number, more: Partial<Line> = {}): Line => ({
  ...{ position, micros, kind: "usage", project: "store", database: "orders", description: `line ${position}` },
  ...more,
});
const sum = (lines: readonly { readonly amount: number }[]) => lines.reduce((all, { amount }) => all + amount, 0);

describe("lines as the payment service gets them", () => {
  test("are whole smallest units that add up to the total, each off by less than one", () => {
    const amounts = fc.array(fc.integer({ min: -5_000_000, max: 50_000_000 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(amounts, (micros) => {
        const total = micros.reduce((all, each) => all + each, 0);
        // As on an invoice: a last line rounds to what can be paid.
        const rounding = Math.round(total / 10_000) * 10_000 - total;
        const lines = [...micros, rounding].map((each, index) => line(index + 1, each));
        const sent = toRemoteLines(lines, "USD");
        expect(sum(sent)).toBe((total + rounding) / 10_000);
        for (const { position, amount } of sent) {
          expect(Number.isInteger(amount) && amount !== 0).toBe(true);
          expect(Math.abs(amount - (lines[position - 1]?.micros ?? 0) / 10_000)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test("of nothing are left out", () => {
    expect(toRemoteLines([line(1, 10_000), line(2, 0), line(3, 100), line(4, -100)], "USD")).toEqual([
      { position: 1, description: "line 1", amount: 1 },
    ]);
  });

  test("of a total that cannot be paid are refused", () => {
    expect(() => toRemoteLines([line(1, 15_000)], "USD")).toThrow(expect.objectContaining({ code: "NEB567" }));
  });
});

describe("too many lines", () => {
  const many = (count: number, of: (index: number) => Partial<Line>) =>
    Array.from({ length: count }, (_, index) => line(index + 1, 10_000, of(index)));

  test("become one a database, then one a project, then one; what is no use stays as it is", () => {
    const plan = line(900, 20_000, { kind: "plan", project: null, database: null, description: "Plan large" });
    const byDatabase = foldLines([...many(150, (index) => ({ database: `d${index % 50}` })), plan]);
    expect(byDatabase).toHaveLength(51);
    expect(byDatabase[0]).toMatchObject({ position: 1, micros: 30_000, description: "Use of store/d0 (3 lines)" });
    expect(byDatabase.at(-1)).toEqual(plan);
    const byProject = foldLines(many(400, (index) => ({ project: `p${index % 20}`, database: `d${index}` })));
    expect(byProject).toHaveLength(20);
    const one = foldLines(many(300, (index) => ({ project: `p${index}`, database: `d${index}` })));
    expect(one).toMatchObject([{ micros: 3_000_000, description: "Use (300 lines)" }]);
  });

  test("are never so few that nothing is folded", () => {
    const few = many(100, (index) => ({ database: `d${index}` }));
    expect(foldLines(few)).toEqual(few);
  });
});
