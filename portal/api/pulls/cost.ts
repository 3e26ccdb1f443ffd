import { pullCosts } from "../../../platform/billing/index.ts";
import { monthOf, monthSpan } from "../../../platform/pricing/index.ts";
import { listPullCosts } from "../../../platform/store/index.ts";
import { pullCostToWire } from "../invoice-wire.ts";
import type { Portal } from "../portal.ts";
import { splitStack } from "../wire.ts";

/** Months that are looked at beside those that were kept: the open one, and two whose hours may not be final yet. */
const mostOpenMonths = 3;

type Pull = { readonly repository: string; readonly number: number; readonly mergedAt: Date | null };

/** What was kept when months were closed, and what the others come to so far. */
export async function costsOf({ sql, clock }: Portal, pull: Pull, tenants: readonly string[]) {
  const kept = await listPullCosts(sql, pull.repository, pull.number);
  const closed = new Set(kept.map(({ stack, month }) => `${splitStack(stack).tenant}/${month}`));
  const months = pull.mergedAt === null ? [] : monthsSince(pull.mergedAt, clock.now());
  const asked = months
    .slice(-mostOpenMonths)
    .flatMap((month) => tenants.map((tenant) => ({ tenant, month })))
    .filter(({ tenant, month }) => !closed.has(`${tenant}/${month}`));
  const growing = [];
  for (const one of asked) growing.push(...(await pullCosts(sql, one, pull)));
  return [...kept.map((cost) => pullCostToWire(cost, true)), ...growing.map((cost) => pullCostToWire(cost, false))];
}

function monthsSince(from: Date, nowMs: number): string[] {
  const months: string[] = [];
  for (let month = monthOf(from.getTime()); monthSpan(month).fromMs <= nowMs; month = monthOf(monthSpan(month).toMs))
    months.push(month);
  return months;
}
