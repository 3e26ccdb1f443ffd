import { draftMonth, listInvoices } from "../../platform/billing/index.ts";
import type { Principal } from "../../platform/identity/index.ts";
import { type InvoiceLine, moneyText, monthOf, monthSpan, totalMicros } from "../../platform/pricing/index.ts";
import { listFleets, type Reach, sumUsage } from "../../platform/store/index.ts";
import { noUsage } from "./errors.ts";
import type { ShownInvoice } from "./invoice-wire.ts";
import type { Portal } from "./portal.ts";
import { narrowTo } from "./reach.ts";

/** An export that stopped at a page would be a wrong sum. */
const everything = { limit: 1_000_000 };

export type Billed = { readonly within: Reach; readonly tenants: readonly string[] | "every" };

/** Whose invoices these are, and how much of each: who has a role in some projects sees their lines alone. */
export function billed(principal: Principal, domain: string | undefined): Billed {
  const within = narrowTo(principal, "usage:read", { domain });
  if (within === "everything") return { within, tenants: "every" };
  return { within, tenants: [...new Set(within.map(({ tenant }) => tenant))].sort() };
}

/** Tenants that the principal sees as a whole: an invoice is of nobody else. */
export function wholeTenants({ within }: Billed): readonly string[] | null {
  if (within === "everything") return null;
  return [...new Set(within.flatMap(({ tenant, project }) => (project === null ? [tenant] : [])))];
}

/** What was issued for a month, tenant by tenant, newest first; of a tenant whose month is not closed its draft. */
export async function invoicesOf(portal: Portal, asked: Billed, month: string | undefined): Promise<ShownInvoice[]> {
  const nowMs = portal.clock.now();
  const span = monthSpan(month ?? monthOf(nowMs));
  const tenants = asked.tenants === "every" ? await everyTenant(portal, span) : asked.tenants;
  const issued = Map.groupBy(
    await listInvoices(portal.sql, { tenants, month: span.month }, everything),
    ({ tenant }) => tenant,
  );
  const fleets = await listFleets(portal.sql);
  const shown: ShownInvoice[] = [];
  for (const tenant of tenants) {
    const papers: ShownInvoice[] = (issued.get(tenant) ?? []).map((one) => ({ ...one, projects: null }));
    const isClosed = papers.some(isInForce);
    if (!isClosed && fleets.length > 0) {
      const { invoice } = await draftMonth(portal.sql, { tenant, month: span.month, nowMs });
      papers.push({ ...invoice, projects: null });
    }
    shown.push(...papers.map((paper) => narrowed(paper, asked)));
  }
  return shown;
}

/** Of a tenant's papers of a month the one that is in force, else the draft. */
export function invoiceThatCounts(papers: readonly ShownInvoice[]): ShownInvoice {
  const found = papers.find(isInForce);
  if (found === undefined) throw noUsage("no fleet is in force, so there are no prices");
  return found;
}

const isInForce = (one: ShownInvoice): boolean =>
  one.kind === "invoice" && (!("reversedBy" in one) || one.reversedBy === null);

async function everyTenant(
  { sql }: Portal,
  span: { readonly fromMs: number; readonly toMs: number; readonly month: string },
) {
  const [usage, issued] = await Promise.all([
    sumUsage(sql, span),
    listInvoices(sql, { month: span.month }, everything),
  ]);
  return [...new Set([...usage, ...issued].map(({ tenant }) => tenant))].sort();
}

/** Whether what belongs to a database is the caller's to see: a key may be of one database alone. */
export const seesDatabase = (
  { within }: Billed,
  of: { readonly tenant: string; readonly project: string | null; readonly database: string | null },
): boolean =>
  within === "everything" ||
  within.some(
    ({ tenant, project, database }) =>
      tenant === of.tenant &&
      (project === null || (project === of.project && (database === null || database === of.database))),
  );

/**
 * The lines of some projects or databases alone, as the whole tenant was rated: what others use of an allowance is not theirs. They keep
 * their positions; what belongs to the tenant as a whole is left out.
 */
function narrowed(paper: ShownInvoice, asked: Billed): ShownInvoice {
  if (seesDatabase(asked, { tenant: paper.tenant, project: null, database: null })) return paper;
  const lines = paper.lines.filter((line: InvoiceLine) => line.project !== null && seesDatabase(asked, line));
  const micros = totalMicros(lines);
  return {
    ...paper,
    ...{ lines, projects: projectsOf(asked, paper.tenant) },
    ...{ subtotalMicros: micros, creditMicros: 0, taxMicros: 0, totalMicros: micros },
    total: { amount: moneyText(micros), currency: paper.currency },
  };
}

const projectsOf = ({ within }: Billed, tenant: string): readonly string[] =>
  within === "everything"
    ? []
    : [...new Set(within.flatMap((part) => (part.tenant === tenant ? (part.project ?? []) : [])))].sort();
