import { createHash } from "node:crypto";
import { draftInvoice, type Invoice, type InvoiceInput, monthSpan, type PlanStretch } from "../pricing/index.ts";
import type { Sql } from "../sql/index.ts";
import {
  creditsLeft,
  type FleetRow,
  fleetDeclaring,
  getFleet,
  listPlans,
  onlyFleet,
  type PlanRow,
  sumUsage,
} from "../store/index.ts";
import { nobodyToBill } from "./errors.ts";

export type MonthOf = { readonly tenant: string; readonly month: string; readonly nowMs: number };

/** A tenant's month as it stands, and what it was made of. */
export type Drafted = {
  readonly invoice: Invoice;
  /** Whose text the prices were read from. */
  readonly fleet: Pick<FleetRow, "repository" | "commit">;
  readonly usageHash: string;
};

/**
 * Rates a tenant's month from the ledger. Who issues it locks the credits first.
 * @throws NEB545 without prices, and what `draftInvoice` throws.
 */
export async function draftMonth(sql: Sql, of: MonthOf): Promise<Drafted> {
  const { input, fleet } = await monthInput(sql, of);
  return { invoice: draftInvoice(input), fleet, usageHash: hashOf(input.usage) };
}

/** What a tenant's month is rated from. @throws NEB545 without prices */
export async function monthInput(
  sql: Sql,
  { tenant, month, nowMs }: MonthOf,
): Promise<{ readonly input: InvoiceInput; readonly fleet: Drafted["fleet"] }> {
  const { fromMs, toMs } = monthSpan(month);
  const noted = await listPlans(sql, tenant);
  const fleet = await fleetFor(sql, tenant, noted);
  const usage = await sumUsage(sql, { tenant, fromMs, toMs });
  const input: InvoiceInput = {
    ...{ tenant, month, usage, nowMs },
    book: fleet.fleet.priceBook,
    plans: stretches(noted, planOf(fleet, tenant), { fromMs, toMs }),
    credits: (await creditsLeft(sql, tenant, { from: new Date(fromMs), to: new Date(toMs) })).map(
      ({ id, currency, remainingMicros, reason }) => ({ id, currency, remainingMicros, description: reason }),
    ),
  };
  const { repository, commit } = fleet;
  return { input, fleet: { repository, commit } };
}

/**
 * The fleet by whose prices a tenant is billed: of the repository that declares it; of a tenant that is gone, of the one that did last. One
 * that nobody ever declared is billed by the only fleet there is, and never by one of several.
 * @throws NEB545
 */
export async function fleetFor(sql: Sql, tenant: string, noted?: readonly PlanRow[]): Promise<FleetRow> {
  const declaring = await fleetDeclaring(sql, tenant);
  if (declaring !== undefined) return declaring;
  const last = (noted ?? (await listPlans(sql, tenant))).at(-1)?.repository;
  const found = last === undefined ? await onlyFleet(sql) : ((await getFleet(sql, last)) ?? "several");
  if (typeof found === "object") return found;
  throw nobodyToBill(
    `no fleet is in force ${found === "none" ? "so there are no prices" : `that declares ${tenant} or did last`}`,
  );
}

const planOf = ({ tenants }: FleetRow, tenant: string): string | null =>
  tenants.find((each) => each.tenant === tenant)?.plan ?? null;

/** Of a tenant whose plans nobody noted yet: what it has now, for the whole month. */
function stretches(
  rows: readonly PlanRow[],
  now: string | null,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): PlanStretch[] {
  if (rows.length === 0) return now === null ? [] : [{ plan: now, fromMs, toMs }];
  const all = rows.map(({ plan, since }, index): PlanStretch => {
    const next = rows[index + 1];
    return { plan, fromMs: since.getTime(), toMs: next?.since.getTime() ?? Number.MAX_SAFE_INTEGER };
  });
  const until = all.filter((one) => one.fromMs < toMs);
  return until.length > 0 ? until : all.slice(0, 1);
}

/** Whether the ledger knows another usage of that month by now than what an invoice was made of: late hours, corrections. */
export async function usageChanged(
  sql: Sql,
  {
    tenant,
    period,
    usageHash,
  }: { readonly tenant: string; readonly period: { readonly month: string }; readonly usageHash: string },
): Promise<boolean> {
  const { fromMs, toMs } = monthSpan(period.month);
  return hashOf(await sumUsage(sql, { tenant, fromMs, toMs })) !== usageHash;
}

/** Equal for equal usage, whatever the order. */
function hashOf(usage: InvoiceInput["usage"]): string {
  const lines = usage.map(({ project, database, meter, quantity, records }) =>
    [project, database, meter, quantity, records].join(" "),
  );
  return createHash("sha256").update(lines.sort().join("\n")).digest("hex");
}
