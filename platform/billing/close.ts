import { asNebulaError, failpoint } from "../core/index.ts";
import { badPrice, badQuantity, type Invoice, monthSpan, otherCurrency } from "../pricing/index.ts";
import type { Sql } from "../sql/index.ts";
import {
  clearBillingProblem,
  countAttempts,
  invoiceInForce,
  listInvoiceRows,
  lockCredits,
  lockMonth,
  noteBillingProblem,
  putPullCosts,
} from "../store/index.ts";
import { draftMonth, type MonthOf } from "./draft.ts";
import { monthOpen } from "./errors.ts";
import { issue, tell } from "./issue.ts";
import { pullCosts } from "./pull-costs.ts";
import { type InvoiceBody, type IssuedInvoice, withLines } from "./read.ts";

/** Hours may be revised for three days after they ended (docs/metering.md); an hour more for the roll-up of the last of them. */
export const finalAfterMs = 73 * 3_600_000;

export type Closed =
  | { readonly kind: "issued"; readonly invoice: IssuedInvoice }
  /** Somebody closed it before. */
  | { readonly kind: "already"; readonly invoice: IssuedInvoice }
  /** It used nothing that has a price, and has no plan that costs anything. */
  | { readonly kind: "nothing" };

/**
 * Closes a month of a tenant: one transaction, in which the month is rated, the invoice gets its number, credits are used and the event is
 * written. So it happened or it did not, whoever is killed when; and closing again finds the invoice.
 * @throws NEB540 for a month whose hours are not final; NEB500, NEB535-537, NEB545 for one that cannot be billed: then nothing changed.
 */
export async function closeMonth(sql: Sql, of: MonthOf): Promise<Closed> {
  requireFinal(of);
  const closed = await sql.tx((tx) => closeIn(tx, of));
  failpoint("billing.closed");
  return closed;
}

/** `fault`: what was thrown, where it is a defect of ours and no matter of prices or usage: for the log. */
export type Refused = { readonly kind: "refused"; readonly code: string; readonly fault?: unknown };

/**
 * The same for whoever closes many: what cannot be billed is kept as the month's problem, and the others go on.
 * @throws what passes by itself: the ledger was away, or two collided. It is nobody's problem, and tried again.
 */
export async function tryClose(sql: Sql, of: MonthOf): Promise<Closed | Refused> {
  try {
    return await closeMonth(sql, of);
  } catch (thrown) {
    const { code, message, retry, status } = asNebulaError(thrown);
    if (retry) throw thrown;
    const { tenant, month, nowMs } = of;
    // The tenant's own people read it: of a defect they are told that there is one.
    const isDefect = status >= 500 && code !== badQuantity.definition.code && code !== badPrice.definition.code;
    const told = isDefect ? "a defect; the log of the reconciler says more" : message;
    await noteBillingProblem(sql, { tenant, month, code, message: told, at: new Date(nowMs) });
    return { kind: "refused", code, ...(isDefect ? { fault: thrown } : {}) };
  }
}

function requireFinal({ month, nowMs }: MonthOf): void {
  const finalMs = monthSpan(month).toMs + finalAfterMs;
  if (nowMs < finalMs) throw monthOpen(`${month} is closed after ${new Date(finalMs).toISOString()}`);
}

async function closeIn(tx: Sql, of: MonthOf): Promise<Closed> {
  const { tenant, month, nowMs } = of;
  await lockMonth(tx, tenant, month);
  const before = await invoiceInForce<InvoiceBody>(tx, tenant, month);
  if (before !== undefined) return { kind: "already", invoice: (await withLines(tx, [before]))[0] as IssuedInvoice };
  await lockCredits(tx, tenant);
  const { invoice, fleet, usageHash } = await draftMonth(tx, of);
  await clearBillingProblem(tx, tenant, month);
  if (isNothing(invoice)) return { kind: "nothing" };
  await requireCurrency(tx, invoice);
  // Before there is a number: whoever issues makes others wait.
  const commits = [...new Set(invoice.lines.flatMap((line) => line.commits))];
  await putPullCosts(tx, await pullCosts(tx, of, { commits }));
  const attempt = (await countAttempts(tx, tenant, month)) + 1;
  const id = `${tenant}/${month}/${attempt}`;
  const issued = await issue(tx, { invoice, id, attempt, usageHash, fleet, corrects: null, nowMs });
  failpoint("billing.issued");
  await tell(tx, "invoice.finalized", issued, { nowMs });
  if (issued.status === "paid") await tell(tx, "invoice.paid", issued, { nowMs });
  return { kind: "issued", invoice: issued };
}

/** What was free by an allowance is shown; what has no price at all needs no paper. */
const isNothing = ({ lines }: Invoice): boolean =>
  lines.every(({ micros, listMicros, kind }) => kind === "tax" || (micros === 0 && listMicros === 0));

async function requireCurrency(tx: Sql, { tenant, currency }: Invoice): Promise<void> {
  const [last] = await listInvoiceRows(tx, { tenants: [tenant] }, { limit: 1 });
  if (last !== undefined && last.currency !== currency)
    throw otherCurrency(`the prices are in ${currency}, and ${last.number} of ${tenant} was in ${last.currency}`);
}
