/** The price book as a Platform Admin writes it: text, through the sandbox, to what bills. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeEvaluator } from "../../platform/evaluate/index.ts";
import { termsFor } from "../../platform/pricing/index.ts";
import { insertCredit } from "../../platform/store/index.ts";
import { priceNotes } from "../../reconciler/review/index.ts";
import { exampleTenants } from "../evaluate/repository.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { dayMs, may, prices } from "./ground.ts";

const evaluator = makeEvaluator();
let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(async () => {
  evaluator.close();
  await db?.close();
});

const flat = `computeUnitHour: "0.08", storageGibMonth: "0.12", backupGibMonth: "0.05",
  egressGib: "0.09", apiMillionRequests: "0.40"`;
const written = (book: string) =>
  evaluator.fleet(
    exampleTenants().set(
      "tenants/fleet/prices.ts",
      `import { prices } from "@nebuladb/platform";\n\nexport default prices({\n${book}\n});\n`,
    ),
  );

test("a book with versions, steps and plans is what its tenants are billed by", async () => {
  const evaluated = await written(`  currency: "USD",
  versions: [
    { id: "list-1", ${flat} },
    { id: "list-2", from: "2026-07", ${flat.replace('"0.08"', '[{ upTo: "10", price: "0.08" }, { price: "0.06" }]')},
      plans: { standard: { fee: "20", included: { computeUnitHour: "5" } }, large: {} },
      tenants: { acme: { tax: { name: "VAT", percent: "19" } } } },
  ],`);
  if (evaluated.kind !== "ok") throw new Error(JSON.stringify(evaluated));
  const terms = (month: string) => termsFor(evaluated.spec.priceBook, { tenant: "acme", plan: "standard", month });
  expect(terms("2026-06")).toMatchObject({ rates: { id: "list-1" }, tax: null });
  expect(terms("2026-07")).toMatchObject({
    rates: {
      id: "list-2",
      included: { computeUnitHour: "5" },
      tiers: { computeUnitHour: [{ upTo: "10" }, { upTo: null }] },
    },
    tax: { name: "VAT", rateMicros: 190_000 },
  });
});

test("what is wrong with it is said with its place in the file", async () => {
  const evaluated = await written(`  id: "list-1", currency: "USD", ${flat},
  plans: {
    standard: { fee: "-1" },
  },`);
  expect(evaluated).toMatchObject({
    problems: [{ file: "tenants/fleet/prices.ts", code: "NEB530", line: 7 }],
  });
  const unpriced = await written(`  id: "list-1", currency: "USD", ${flat},
  plans: { standard: {} },`);
  expect(unpriced).toMatchObject({ problems: [{ file: "tenants/fleet/prices.ts", code: "NEB533" }] });
});

test("a change of the prices says which months it changes that have begun, as long as they are not closed", async () => {
  const changed = { ...prices, prices: { ...prices.prices, egressGibMicros: 1 } };
  const said = async (nowMs: number) =>
    (await priceNotes(db.sql, prices, changed, nowMs)).map(
      ({ severity, code, message }) => `${severity} ${code} ${message.slice(0, 7)}`,
    );
  expect(await said(may.fromMs + 20 * dayMs)).toEqual(["warn NEB538 2024-05"]);
  expect(await said(may.toMs + 2 * dayMs)).toEqual(["warn NEB538 2024-05", "warn NEB538 2024-06"]);
  expect(await said(may.toMs + 4 * dayMs)).toEqual(["warn NEB538 2024-06"]);
  const until = { ...prices, until: "2024-06" };
  const versions = [until, { ...changed, id: "list-2", from: "2024-06" }];
  expect(await priceNotes(db.sql, prices, { ...until, versions }, may.toMs - 1)).toEqual([]);
  expect(await priceNotes(db.sql, undefined, prices, may.toMs)).toEqual([]);
});

test("a change of the currency is refused when something was billed or granted in the old one, and not before", async () => {
  const codes = async () =>
    (await priceNotes(db.sql, prices, { ...prices, currency: "EUR" }, may.toMs - 1)).map(
      ({ severity, code }) => `${severity} ${code}`,
    );
  expect(await codes()).toEqual(["warn NEB538"]);
  const granted = { tenant: "shop", currency: "USD", amountMicros: 1, reason: "x", grantedBy: "ada", expiresAt: null };
  await insertCredit(db.sql, { ...granted, at: new Date(may.fromMs) });
  expect(await codes()).toEqual(["error NEB534", "warn NEB538"]);
});
