/**
 * One figure from the meter to Stripe: a month's bill as the test's own ledger has it, held against the draft, the invoice, the export and
 * what Stripe is to collect. The arithmetic here is the test's own; of the platform it only knows what the prices are.
 */
import { closeMonth, draftMonth, exportRows, pumpEvents } from "../../platform/billing/index.ts";
import { type MonthSpan, toFocusCsv } from "../../platform/pricing/index.ts";
import type { Pool } from "../../platform/sql/index.ts";
import { makeStripe } from "../../platform/stripe/index.ts";
import { stripeConsumer } from "../../reconciler/payments/index.ts";
import { startStripe } from "../harness/stripe/server.ts";
import { dayMs, declare, prices } from "./ground.ts";
import { onlyRemote, stripeSettings } from "./payments-ground.ts";
import { testClock } from "./watch-ground.ts";

const { computeUnitHourMicros, storageGibMonthMicros, egressGibMicros, apiMillionRequestsMicros } = prices.prices;
const gib = 2n ** 30n;
/** Micro-units for how much of a meter's unit. */
const costs: Readonly<Record<string, readonly [micros: number, per: bigint]>> = {
  compute_unit_seconds: [computeUnitHourMicros, 3_600n],
  storage_byte_hours: [storageGibMonthMicros, gib * 730n],
  branch_storage_byte_hours: [storageGibMonthMicros, gib * 730n],
  egress_bytes: [egressGibMicros, gib],
  api_requests: [apiMillionRequestsMicros, 1_000_000n],
};

/**
 * Bills a month to every tenant, and says where any of the figures is another than what was lived.
 * @param lived `tenant.project.database meter` to whole millionths of the meter's unit.
 */
export async function billAll(sql: Pool, span: MonthSpan, lived: ReadonlyMap<string, bigint>): Promise<string[]> {
  const wanted = new Map<string, bigint>();
  for (const [key, millionths] of lived) {
    const [id = "", meter = ""] = key.split(" ");
    const tenant = id.split(".")[0] ?? "";
    const [micros, per] = costs[meter] ?? [0, 1n];
    wanted.set(tenant, (wanted.get(tenant) ?? 0n) + toEven(millionths * BigInt(micros), 1_000_000n * per));
  }
  const tenants = [...wanted.keys()].sort();
  await declare(sql, { tenants: tenants.map((tenant) => ({ tenant, plan: "standard" })) });
  const clock = testClock(span.toMs + 4 * dayMs);
  const fake = await startStripe(clock.now);
  try {
    const stripe = makeStripe(stripeSettings(fake), { clock });
    const violations: string[] = [];
    for (const tenant of tenants) {
      const cents = toEven(wanted.get(tenant) ?? 0n, 10_000n);
      const figures = await figuresOf(sql, { tenant, month: span.month, nowMs: clock.now() });
      await pumpEvents(sql, stripeConsumer({ sql, stripe, clock, observe: () => undefined }), clock.now);
      const all = { ...figures, Stripe: BigInt(onlyRemote(fake, `${tenant}/${span.month}/1`).total) * 10_000n };
      for (const [what, micros] of Object.entries(all))
        if (micros !== cents * 10_000n) violations.push(`${tenant}: ${what} says ${micros}, ${cents} cents were lived`);
    }
    return violations;
  } finally {
    await fake.close();
  }
}

async function figuresOf(sql: Pool, of: { readonly tenant: string; readonly month: string; readonly nowMs: number }) {
  const draft = (await draftMonth(sql, of)).invoice;
  const closed = await closeMonth(sql, of);
  if (closed.kind !== "issued") throw new Error(`${of.month} of ${of.tenant} is ${closed.kind}`);
  const [header = "", ...rows] = toFocusCsv(exportRows([closed.invoice]))
    .trimEnd()
    .split("\r\n");
  // BilledCost is the first column, and a number: nothing before it is quoted.
  if (!header.startsWith("BilledCost,")) throw new Error("BilledCost is not the first column");
  const exported = rows.reduce((sum, row) => sum + micros(row.slice(0, row.indexOf(","))), 0n);
  return {
    "the draft": BigInt(draft.totalMicros),
    "the invoice": BigInt(closed.invoice.totalMicros),
    "the export": exported,
  };
}

/** A quotient of whole numbers that are not negative, half to even. */
function toEven(numerator: bigint, denominator: bigint): bigint {
  const [whole, rest] = [numerator / denominator, (numerator % denominator) * 2n];
  return rest > denominator || (rest === denominator && whole % 2n === 1n) ? whole + 1n : whole;
}

/** Decimal text as whole millionths. */
function micros(text: string): bigint {
  const [whole = "0", places = ""] = text.replace("-", "").split(".");
  const size = BigInt(whole + places.padEnd(6, "0"));
  return text.startsWith("-") ? -size : size;
}
