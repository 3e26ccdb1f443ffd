import { fleetFor } from "../billing/index.ts";
import { estimateRates, isMeter, monthOf, rate, totalMicros, type UsageRecordInput } from "../pricing/index.ts";
import type { Sql } from "../sql/index.ts";
import { listTotals, onlyFleet, type UsageCursor, type UsageTotal } from "../store/index.ts";
import type { DayCost } from "./anomaly.ts";

export type ProjectDays = { readonly project: string; readonly currency: string; readonly days: readonly DayCost[] };

const dayMs = 86_400_000;

/**
 * What each project of a tenant cost a day, over whole days (UTC) up to one; days on which it used nothing cost nothing, from its first day
 * on. Each day by itself at the price of the first step: days are compared with each other, not billed.
 */
export async function dailyCosts(
  sql: Sql,
  { tenant, endMs, days }: { readonly tenant: string; readonly endMs: number; readonly days: number },
): Promise<ProjectDays[]> {
  const toMs = Math.floor(endMs / dayMs) * dayMs;
  const fromMs = toMs - days * dayMs;
  if ((await onlyFleet(sql)) === "none") return [];
  const { fleet } = await fleetFor(sql, tenant);
  const rates = estimateRates(fleet.priceBook, { tenant, month: monthOf(toMs - 1) });
  if (rates === null) return [];
  const totals = await everyTotal(sql, { tenant, fromMs, toMs });
  const projects = Map.groupBy(totals, ({ project }) => project);
  return [...projects].map(([project, rows]) => {
    const byDay = Map.groupBy(rows, ({ windowStart }) => windowStart.getTime());
    const firstMs = Math.min(...byDay.keys());
    const costs: DayCost[] = [];
    for (let ms = firstMs; ms < toMs; ms += dayMs) {
      const lines = rate((byDay.get(ms) ?? []).flatMap(known), rates);
      costs.push({ day: new Date(ms).toISOString().slice(0, 10), micros: totalMicros(lines) });
    }
    return { project, currency: rates.currency, days: costs };
  });
}

const known = ({ meter, ...row }: UsageTotal): UsageRecordInput[] => (isMeter(meter) ? [{ ...row, meter }] : []);

async function everyTotal(
  sql: Sql,
  of: { readonly tenant: string; readonly fromMs: number; readonly toMs: number },
): Promise<readonly UsageTotal[]> {
  const all: UsageTotal[] = [];
  const limit = 5_000;
  for (let after: UsageCursor | undefined; ; ) {
    const rows = await listTotals(sql, of, "day", { limit, ...(after === undefined ? {} : { after }) });
    all.push(...rows);
    after = rows.at(-1);
    if (after === undefined || rows.length < limit) return all;
  }
}
