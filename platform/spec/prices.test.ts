import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { resolveFleet, resolveFleetPart } from "./index.ts";

const list = {
  id: "list-1",
  computeUnitHour: "0.08",
  storageGibMonth: "0.12",
  backupGibMonth: "0.05",
  egressGib: "0.09",
  apiMillionRequests: "0.40",
};
const flat = { ...list, currency: "USD" };
const codes = (options: unknown) => {
  const resolved = resolveFleetPart("prices", options);
  return resolved.kind === "ok" ? [] : resolved.problems.map(({ code, path }) => `${code} ${path.join(".")}`);
};
const book = (options: unknown) => {
  const resolved = resolveFleetPart("prices", options);
  if (resolved.kind === "invalid") throw new Error(JSON.stringify(resolved.problems));
  return resolved.spec;
};

describe("a price book", () => {
  test("of one version is what it was before there were several: nothing is there that was not declared", () => {
    expect(book(flat)).toEqual({
      id: "list-1",
      currency: "USD",
      prices: {
        computeUnitHourMicros: 80_000,
        storageGibMonthMicros: 120_000,
        backupGibMonthMicros: 50_000,
        egressGibMicros: 90_000,
        apiMillionRequestsMicros: 400_000,
      },
    });
  });

  test("has steps, plans and what is particular to a tenant", () => {
    const full = book({
      ...flat,
      computeUnitHour: [
        { upTo: "100", price: "0.08" },
        { from: 100, price: "0.06" },
      ],
      plans: { standard: { fee: "25", minimum: "10", included: { computeUnitHour: "50" } } },
      tenants: {
        acme: {
          prices: { egressGib: "0.01" },
          tax: { name: "VAT", percent: "7.7" },
          billTo: { name: "Acme Inc.", address: ["1 Road"], email: "bills@acme.example" },
        },
      },
      dueDays: 30,
    });
    expect(full).toMatchObject({
      prices: { computeUnitHourMicros: 80_000 },
      tiers: {
        computeUnitHour: [
          { upTo: "100", micros: 80_000 },
          { upTo: null, micros: 60_000 },
        ],
      },
      plans: { standard: { feeMicros: 25_000_000, minimumMicros: 10_000_000, included: { computeUnitHour: "50" } } },
      tenants: { acme: { prices: { egressGib: [{ upTo: null, micros: 10_000 }] }, tax: { rateMicros: 77_000 } } },
      dueDays: 30,
    });
  });

  test("of several versions names the months of each", () => {
    const versions = [
      { ...list, until: "2026-07" },
      { ...list, id: "list-2", from: "2026-07", egressGib: "0.07" },
    ];
    expect(book({ currency: "USD", versions })).toMatchObject({
      id: "list-1",
      until: "2026-07",
      versions: [{ id: "list-1" }, { id: "list-2", from: "2026-07", prices: { egressGibMicros: 70_000 } }],
    });
    const open = [list, { ...list, id: "list-2", from: "2026-07" }];
    expect(book({ currency: "USD", versions: open })).toMatchObject({ until: "2026-07" });
  });

  test("whose versions overlap, leave a month out, share a name or change the currency is refused", () => {
    const two = (first: object, second: object) =>
      codes({
        currency: "USD",
        versions: [
          { ...list, ...first },
          { ...list, id: "list-2", ...second },
        ],
      });
    expect(two({ until: "2026-07" }, { from: "2026-08" })).toEqual(["NEB532 versions.1.from"]);
    expect(two({ until: "2026-09" }, { from: "2026-08" })).toEqual(["NEB532 versions.1.from"]);
    expect(two({ from: "2026-08" }, { from: "2026-08" })).toEqual(["NEB532 versions.1.from"]);
    expect(two({}, {})).toEqual(["NEB532 versions.1.from"]);
    expect(two({ from: "2026-08", until: "2026-07" }, { from: "2026-09" })).toContain("NEB532 versions.0.until");
    expect(two({}, { from: "2026-08", id: "list-1" })).toEqual(["NEB532 versions.1.id"]);
    expect(two({}, { from: "2026-08", currency: "EUR" })).toEqual(["NEB534 versions.1.currency"]);
    expect(codes({ ...flat, versions: [list] })).toContain("NEB127 id");
    for (const from of ["July", "2026-07-15", "2026-13", "2026-7", 202607, null])
      expect(codes({ ...flat, from }), String(from)).toEqual(["NEB532 from"]);
  });

  test("whose steps overlap, leave a gap or end is refused", () => {
    const steps = (...computeUnitHour: object[]) => codes({ ...flat, computeUnitHour });
    const at = (index: number, key: string) => [`NEB531 computeUnitHour.${index}.${key}`];
    expect(steps({ upTo: "10", price: "1" }, { from: "9", price: "1" })).toEqual(at(1, "from"));
    expect(steps({ upTo: "10", price: "1" }, { from: "11", price: "1" })).toEqual(at(1, "from"));
    expect(steps({ from: "1", price: "1" })).toEqual(at(0, "from"));
    expect(steps({ upTo: "10", price: "1" })).toEqual(at(0, "upTo"));
    expect(steps({ price: "1" }, { price: "1" })).toEqual(at(0, "upTo"));
    expect(steps({ upTo: "10", price: "1" }, { upTo: "10", price: "1" }, { price: "1" })).toEqual(at(1, "upTo"));
    expect(codes({ ...flat, computeUnitHour: [] })).toEqual(["NEB113 computeUnitHour"]);
  });

  test("with an amount that is negative, no number or too fine, wherever it stands, is refused", () => {
    const bad = [-1, "-1", Number.NaN, Number.POSITIVE_INFINITY, "NaN", "1e3", "0.1234567", "", null, {}, true];
    for (const amount of bad) {
      expect(codes({ ...flat, egressGib: amount })).toEqual(["NEB530 egressGib"]);
      expect(codes({ ...flat, egressGib: [{ price: amount }] })).toEqual(["NEB530 egressGib.0.price"]);
      expect(codes({ ...flat, plans: { standard: { fee: amount } } })).toEqual(["NEB530 plans.standard.fee"]);
      expect(codes({ ...flat, tenants: { acme: { minimum: amount } } })).toEqual(["NEB530 tenants.acme.minimum"]);
    }
    for (const percent of ["101", "100.0001", "7.12345", "-1", "19%"])
      expect(codes({ ...flat, tenants: { acme: { tax: { name: "VAT", percent } } } }), percent).toEqual([
        "NEB530 tenants.acme.tax.percent",
      ]);
    const finest = book({ ...flat, tenants: { acme: { tax: { name: "VAT", percent: "8.1234" } } } });
    expect(finest).toMatchObject({ tenants: { acme: { tax: { rateMicros: 81_234 } } } });
  });

  test("says nothing that cannot stand on one line of an invoice", () => {
    for (const name of ["Acme\r\nBcc: x@y.example", "\u001b[2J", "Acme\u0000", ""]) {
      expect(codes({ ...flat, issuer: { name } })).toHaveLength(1);
      expect(codes({ ...flat, tenants: { acme: { billTo: { name } } } })).toHaveLength(1);
      expect(codes({ ...flat, tenants: { acme: { billTo: { name: "Acme", address: [name] } } } })).toHaveLength(1);
    }
    for (const email of ["a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example", "Acme <a@b.example>"])
      expect(codes({ ...flat, tenants: { acme: { billTo: { name: "Acme", email } } } }), email).toHaveLength(1);
  });

  test("with a meter that there is not is refused, with the one that was meant", () => {
    const resolved = resolveFleetPart("prices", {
      ...flat,
      egresGib: "1",
      plans: { a: { included: { gpuHour: "1" } } },
    });
    expect(resolved).toMatchObject({
      problems: [
        {
          code: "NEB110",
          path: ["plans", "a", "included", "gpuHour"],
          hint: expect.stringContaining("computeUnitHour"),
        },
        { code: "NEB110", path: ["egresGib"], hint: 'Did you mean "egressGib"?' },
      ],
    });
  });

  test("prices every plan of the fleet or none, in its newest version", () => {
    const fleet = (plans: object) =>
      resolveFleet({
        quotas: { standard: { cpu: 1, memory: "2Gi", storage: "1Gi", databases: 1 } },
        prices: { ...flat, ...plans },
        policies: {},
        providers: [{ name: "here", placement: "local", region: "here", engines: ["postgres"] }],
      });
    expect(fleet({}).kind).toBe("ok");
    expect(fleet({ plans: { standard: {} } }).kind).toBe("ok");
    expect(fleet({ plans: {} })).toMatchObject({ problems: [{ code: "NEB533", path: ["plans"] }] });
    expect(fleet({ plans: { standard: {}, gone: {} } }).kind).toBe("ok");
  });

  test("never crashes, and never says nothing of what it refuses", () => {
    const keys = fc.constantFrom(...Object.keys(flat), "versions", "plans", "tenants", "from", "until", "dueDays");
    fc.assert(
      fc.property(fc.dictionary(keys, fc.oneof(fc.anything(), fc.constantFrom("0.5", "2026-07"))), (options) => {
        const resolved = resolveFleetPart("prices", options);
        if (resolved.kind === "invalid") expect(resolved.problems.length).toBeGreaterThan(0);
      }),
    );
  });
});
