import Big from "big.js";
import { type InvoiceLine, monthSpan } from "../pricing/index.ts";
import type { Sql } from "../sql/index.ts";
import { type CausedBy, causesOf, listSamples, listUsage, type UsageRecord } from "../store/index.ts";
import { noInvoice } from "./errors.ts";
import type { IssuedInvoice } from "./read.ts";

/** How one line of an invoice came about: line, rated usage, samples, operation, commit, pull request, author. */
export type Chain = {
  readonly invoice: Pick<IssuedInvoice, "id" | "number" | "tenant" | "period" | "priceBook" | "fleet" | "currency">;
  readonly line: InvoiceLine;
  /** The hours that it is the sum of, oldest first; none of a line that is no usage. */
  readonly usage: readonly UsageRecord[];
  /** Their quantities together: more than the line's where a price has steps. */
  readonly usedQuantity: string | null;
  /** The samples that are still kept; they are forgotten seven days after their hours are final. */
  readonly samples: { readonly kept: number; readonly from: Date | null; readonly to: Date | null };
  readonly causes: readonly CausedBy[];
};

const mostHours = 800;

/** @throws NEB542 for a line that the invoice has not. */
export async function explainLine(sql: Sql, invoice: IssuedInvoice, position: number): Promise<Chain> {
  const line = invoice.lines.find((one) => one.position === position);
  if (line === undefined)
    throw noInvoice(`${invoice.number} has ${invoice.lines.length} lines, and none is ${position}`);
  const { id, number, tenant, period, priceBook, fleet, currency } = invoice;
  const named = { id, number, tenant, period, priceBook, fleet, currency };
  const nothing = { kept: 0, from: null, to: null };
  if (line.kind !== "usage" || line.project === null || line.database === null || line.meter === null)
    return { invoice: named, line, usage: [], usedQuantity: null, samples: nothing, causes: [] };
  const { project, database, meter } = line;
  const { fromMs, toMs } = monthSpan(period.month);
  const usage = await listUsage(sql, { tenant, project, database, meter, fromMs, toMs }, { limit: mostHours });
  const samples = (await listSamples(sql, `${tenant}.${project}.${database}`, fromMs, 50_000)).filter(
    ({ slotMs }) => slotMs < toMs,
  );
  const [first, last] = [samples[0], samples.at(-1)];
  return {
    ...{ invoice: named, line, usage },
    usedQuantity: sumText(usage.map(({ quantity }) => quantity)),
    samples: {
      kept: samples.length,
      from: first === undefined ? null : new Date(first.slotMs),
      to: last === undefined ? null : new Date(last.untilMs),
    },
    causes: await causesOf(sql, `${tenant}.${project}`, line.commits),
  };
}

/** Of an hour a correction may have taken away more than was recorded in it. */
const sumText = (quantities: readonly string[]): string =>
  quantities.reduce((sum, text) => sum.plus(text), new Big(0)).toFixed();
