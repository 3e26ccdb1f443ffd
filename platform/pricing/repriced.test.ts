import { expect, test } from "vitest";
import type { PriceBook } from "../spec/index.ts";
import { repricedMonths } from "./index.ts";

const one: PriceBook = {
  id: "list-1",
  currency: "USD",
  prices: {
    computeUnitHourMicros: 80_000,
    storageGibMonthMicros: 120_000,
    backupGibMonthMicros: 50_000,
    egressGibMicros: 90_000,
    apiMillionRequestsMicros: 400_000,
  },
  plans: { standard: { feeMicros: 1, minimumMicros: 0, included: {} } },
};
const dearer: PriceBook = { ...one, id: "list-2", prices: { ...one.prices, egressGibMicros: 1 } };
const repriced = (after: PriceBook, before = one) => repricedMonths(before, after, ["2026-06", "2026-07"]);

test("new prices in a version of their own change the months in which it is in force, and no other", () => {
  const versions = [
    { ...one, until: "2026-07" },
    { ...dearer, from: "2026-07" },
  ];
  expect(repriced({ ...(versions[0] as PriceBook), versions })).toEqual(["2026-07"]);
  expect(repriced(one, { ...(versions[0] as PriceBook), versions })).toEqual(["2026-07"]);
  expect(repriced({ ...one, until: "2026-07" })).toEqual(["2026-07"]);
  expect(repriced(one, { ...one, from: "2026-07" })).toEqual([]);
});

test("whatever somebody pays by is looked at, and what nobody pays by is not", () => {
  const plans = one.plans ?? {};
  const { plans: _, ...without } = one;
  const standard = { feeMicros: 2, minimumMicros: 0, included: {} };
  const steps = [{ upTo: null, micros: 1 }];
  for (const after of [
    ...[dearer, { ...one, currency: "EUR" }, { ...one, tiers: { egressGib: steps } }, { ...one, plans: {} }, without],
    { ...one, plans: { standard } },
    { ...one, tenants: { acme: { feeMicros: 3 } } },
    { ...one, tenants: { acme: { tax: { name: "VAT", rateMicros: 1 } } } },
  ])
    expect(repriced(after as PriceBook), JSON.stringify(after)).toEqual(["2026-06", "2026-07"]);
  for (const after of [
    ...[
      { ...one, id: "renamed" },
      { ...one, dueDays: 3 },
      { ...one, issuer: { name: "N", address: [] } },
    ],
    { ...one, plans: { ...plans, large: standard } },
    { ...one, tenants: { acme: { billTo: { name: "Acme", address: [] } } } },
  ])
    expect(repriced(after), JSON.stringify(after)).toEqual([]);
});
