import { z } from "zod";
import type { Chain, IssuedInvoice } from "../../platform/billing/index.ts";
import { type Invoice, type InvoiceLine, lineKinds, meterNames } from "../../platform/pricing/index.ts";
import type { CreditRow, PullCost } from "../../platform/store/index.ts";
import { money, named, timestamp } from "./schemas.ts";
import { moneyToWire, splitStack, time, timeOrNull } from "./wire.ts";

const party = {
  name: z.string(),
  address: z.array(z.string()),
  taxId: z.string().optional(),
};

export const invoiceLine = named(
  "InvoiceLine",
  "One line. Of usage it says of what; the others belong to the tenant as a whole.",
  z.strictObject({
    position: z.int(),
    kind: z.enum(lineKinds),
    tenant: z.string(),
    project: z.string().nullable(),
    database: z.string().nullable(),
    meter: z.enum(meterNames).nullable(),
    tier: z.string().nullable().describe("Which step of the price; null where it has none."),
    description: z.string(),
    quantity: z.string().nullable(),
    unit: z.string().nullable(),
    pricedQuantity: z.string().nullable(),
    pricedUnit: z.string().nullable(),
    unitMicros: z.int(),
    unitPrice: money,
    listUnitMicros: z.int().describe("What everybody else pays for one."),
    listMicros: z.int(),
    micros: z.int(),
    price: money,
    records: z.int().describe("Usage records behind this line."),
    commits: z.array(z.string()).describe("Commits whose declarations caused it."),
  }),
);

export const invoice = named(
  "Invoice",
  "What a tenant is billed for a month. A draft is rated with the prices in force and grows while its month is open; what was issued stays.",
  z.strictObject({
    id: z.string(),
    kind: z.enum(["invoice", "credit-note"]),
    number: z.string().nullable().describe("null: a draft."),
    status: z.enum(["draft", "open", "paid", "void"]),
    tenant: z.string(),
    projects: z
      .array(z.string())
      .nullable()
      .describe("null: the whole tenant; else the lines of the caller's projects alone."),
    period: z.strictObject({ month: z.string(), from: timestamp, to: timestamp, open: z.boolean() }),
    priceBook: z.string(),
    priceCommit: z
      .string()
      .nullable()
      .describe("The commit of tenants/fleet/ that the prices were read from; null: a draft."),
    currency: z.string(),
    issuer: z.strictObject(party),
    billTo: z.strictObject({ ...party, email: z.string().optional() }).nullable(),
    lines: z.array(invoiceLine),
    subtotalMicros: z.int(),
    creditMicros: z.int(),
    taxMicros: z.int(),
    totalMicros: z.int(),
    total: money,
    corrects: z.string().nullable().describe("Of a credit note: the id of the invoice that it reverses."),
    reversedBy: z.string().nullable().describe("The id of the credit note that reversed it."),
    usageChanged: z
      .boolean()
      .nullable()
      .describe("Whether late hours or corrections came after it was made; null where it was not looked at."),
    madeAt: timestamp,
    issuedAt: timestamp.nullable(),
    dueAt: timestamp.nullable(),
    paidAt: timestamp.nullable(),
    voidedAt: timestamp.nullable(),
  }),
);

export const chain = named(
  "InvoiceChain",
  "How a line came about: rated usage, samples, operations, commits, pull requests, authors.",
  z.strictObject({
    invoice: z.strictObject({
      number: z.string(),
      tenant: z.string(),
      month: z.string(),
      priceBook: z.string(),
      priceCommit: z.string(),
    }),
    line: invoiceLine,
    usage: z.array(
      z.strictObject({
        windowStart: timestamp,
        windowEnd: timestamp,
        quantity: z.string(),
        revision: z.int(),
        source: z.string(),
        commits: z.array(z.string()),
      }),
    ),
    usedQuantity: z
      .string()
      .nullable()
      .describe("Of those hours together: more than the line's where the price has steps."),
    samples: z.strictObject({ kept: z.int(), from: timestamp.nullable(), to: timestamp.nullable() }),
    causes: z.array(
      z.strictObject({
        commit: z.string(),
        operation: z.string().nullable(),
        type: z.string().nullable(),
        state: z.string().nullable(),
        requestedBy: z.string().nullable(),
        finishedAt: timestamp.nullable(),
        pull: z.strictObject({ number: z.int(), author: z.string(), mergedAt: timestamp.nullable() }).nullable(),
      }),
    ),
  }),
);

export const credit = named(
  "Credit",
  "Money to a tenant's good: it is used up by the next invoices, before tax.",
  z.strictObject({
    id: z.string(),
    tenant: z.string(),
    amount: money,
    remaining: money,
    reason: z.string(),
    grantedBy: z.string(),
    grantedAt: timestamp,
    expiresAt: timestamp.nullable(),
  }),
);

export const pullCost = named(
  "PullCost",
  "What a pull request was estimated at, and what came of it: of the hours in which the database ran as it declares.",
  z.strictObject({
    domain: z.string(),
    project: z.string(),
    database: z.string(),
    month: z.string(),
    isFinal: z.boolean().describe("The month is closed."),
    hours: z.int(),
    estimated: money,
    actual: money,
    priceBook: z.string(),
  }),
);

export const billingProblem = named(
  "BillingProblem",
  "A month of a tenant that could not be closed. It is tried again.",
  z.strictObject({ tenant: z.string(), month: z.string(), code: z.string(), message: z.string(), at: timestamp }),
);

/** An invoice with how much of it the caller sees: null is the whole. */
export type ShownInvoice = (Invoice | IssuedInvoice) & {
  readonly projects: readonly string[] | null;
  readonly usageChanged?: boolean;
};

const isIssued = (made: Invoice | IssuedInvoice): made is IssuedInvoice => made.number !== null;

export function invoiceToWire(made: ShownInvoice) {
  const issued = isIssued(made) ? made : null;
  const { id, kind, number, status, tenant, period, priceBook, currency, issuer, billTo } = made;
  return {
    ...{ id, kind, number, status, tenant, priceBook, currency },
    period: { ...period, open: issued === null && period.open },
    projects: made.projects === null ? null : [...made.projects],
    priceCommit: issued?.fleet.commit ?? null,
    issuer: { ...issuer, address: [...issuer.address] },
    // An address is the tenant's own affair, not a project's.
    billTo: billTo === null || made.projects !== null ? null : { ...billTo, address: [...billTo.address] },
    lines: made.lines.map(lineToWire),
    subtotalMicros: made.subtotalMicros,
    creditMicros: made.creditMicros,
    taxMicros: made.taxMicros,
    totalMicros: made.totalMicros,
    total: { ...made.total },
    corrects: issued?.corrects ?? null,
    reversedBy: issued?.reversedBy ?? null,
    usageChanged: made.usageChanged ?? null,
    madeAt: made.madeAt,
    issuedAt: timeOrNull(issued?.issuedAt ?? null),
    dueAt: timeOrNull(issued?.dueAt ?? null),
    paidAt: timeOrNull(issued?.paidAt ?? null),
    voidedAt: timeOrNull(issued?.voidedAt ?? null),
  };
}

export const lineToWire = (line: InvoiceLine) => ({ ...line, commits: [...line.commits] });

export function chainToWire({ invoice: { number, tenant, period, priceBook, fleet }, ...of }: Chain) {
  return {
    invoice: { number, tenant, month: period.month, priceBook, priceCommit: fleet.commit },
    line: lineToWire(of.line),
    usage: of.usage.map(({ windowStart, windowEnd, quantity, revision, source, commits }) => ({
      ...{ quantity, revision, source, commits: [...commits] },
      ...{ windowStart: time(windowStart), windowEnd: time(windowEnd) },
    })),
    usedQuantity: of.usedQuantity,
    samples: { kept: of.samples.kept, from: timeOrNull(of.samples.from), to: timeOrNull(of.samples.to) },
    causes: of.causes.map(({ pull, finishedAt, ...cause }) => ({
      ...cause,
      finishedAt: timeOrNull(finishedAt),
      pull:
        pull === null
          ? null
          : {
              number: pull.number,
              author: pull.author,
              mergedAt: pull.mergedAt === null ? null : time(new Date(pull.mergedAt)),
            },
    })),
  };
}

export const creditToWire = ({ amountMicros, remainingMicros, currency, grantedAt, expiresAt, ...row }: CreditRow) => ({
  ...row,
  amount: moneyToWire(amountMicros, currency),
  remaining: moneyToWire(remainingMicros, currency),
  grantedAt: time(grantedAt),
  expiresAt: timeOrNull(expiresAt),
});

export function pullCostToWire(cost: PullCost, isFinal: boolean) {
  const { tenant: domain, project } = splitStack(cost.stack);
  const { database, month, hours, priceBook, currency } = cost;
  return {
    ...{ domain, project, database, month, isFinal, hours, priceBook },
    estimated: moneyToWire(cost.estimatedMicros, currency),
    actual: moneyToWire(cost.actualMicros, currency),
  };
}
