import { finalAfterMs } from "../../platform/billing/index.ts";
import { monthOf, monthSpan, repricedMonths } from "../../platform/pricing/index.ts";
import { currencyChanged, type PriceBook } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { billedCurrencies } from "../../platform/store/index.ts";
import { monthRepriced } from "./errors.ts";
import type { Note } from "./types.ts";

const paths = ["tenants/fleet/prices.ts"];

/**
 * What a change of the prices does to what is not billed yet. A month is billed by one version of them: who changes that version when the month
 * has begun changes what was used already, and should know. In another currency than what was billed nothing can be billed.
 */
export async function priceNotes(
  sql: Sql,
  before: PriceBook | undefined,
  after: PriceBook | undefined,
  nowMs: number,
): Promise<readonly Note[]> {
  if (before === undefined || after === undefined) return [];
  const other =
    before.currency === after.currency ? [] : (await billedCurrencies(sql)).filter((one) => one !== after.currency);
  return [
    ...other.slice(0, 1).map((billed): Note => {
      const { code, hint } = currencyChanged.definition;
      const message = `the prices are in ${after.currency}, and bills or credits are in ${billed}`;
      return { check: "policy", severity: "error", code, message, hint, paths };
    }),
    ...repricedMonths(before, after, notBilled(nowMs)).map((month): Note => {
      const { code, hint } = monthRepriced.definition;
      const message = `${month} has begun, and is billed by the changed prices as a whole`;
      return { check: "policy", severity: "warn", code, message, hint, paths };
    }),
  ];
}

/** Months that have begun and are not closed: this one, and the one before while its hours are not final. */
function notBilled(nowMs: number): string[] {
  const { month, fromMs } = monthSpan(monthOf(nowMs));
  return nowMs < fromMs + finalAfterMs ? [monthOf(fromMs - 1), month] : [month];
}
