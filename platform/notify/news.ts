import type { Sql } from "../sql/index.ts";
import { putNotification } from "../store/index.ts";

/** An amount as people read it. */
export type MoneyText = { readonly amount: string; readonly currency: string };

type BudgetNews = {
  /** null: the whole tenant. */
  readonly project: string | null;
  readonly month: string;
  readonly budget: MoneyText;
  readonly percent: number;
  /** What is spent, or foreseen for the end of the month. */
  readonly amount: MoneyText;
};
type InvoiceNews = { readonly number: string; readonly month: string; readonly total: MoneyText };
type PaymentNews = InvoiceNews & {
  readonly dueAt: string;
  /** Where it is paid; null: by hand. */
  readonly payUrl: string | null;
};

/** What is told, by kind: `<topic>.<what happened>`. The data is part of what receivers of webhooks read: only add to it. */
export type NewsData = {
  readonly "budget.reached": BudgetNews;
  readonly "budget.foreseen": BudgetNews;
  readonly "anomaly.found": { readonly day: string; readonly amount: MoneyText; readonly usual: MoneyText };
  readonly "hold.placed": { readonly reason: "budget" | "unpaid"; readonly until: string };
  readonly "hold.lifted": { readonly reason: "budget" | "unpaid"; readonly why: string };
  readonly "invoice.finalized": InvoiceNews & { readonly dueAt: string };
  readonly "invoice.paid": InvoiceNews;
  readonly "invoice.voided": InvoiceNews & { readonly creditNote: string; readonly reason: string };
  readonly "payment.failed": PaymentNews & { readonly attempts: number };
  readonly "payment.overdue": PaymentNews & { readonly reminder: number; readonly suspendedAt: string | null };
  readonly "payment.suspended": PaymentNews;
  readonly "payment.settled": { readonly since: string };
  /** Sent when somebody asks whether a channel works; to that one alone. */
  readonly "notify.test": { readonly channel: string; readonly by: string };
};
export type NewsKind = keyof NewsData;

export const newsKinds = [
  "budget.reached",
  "budget.foreseen",
  "anomaly.found",
  "hold.placed",
  "hold.lifted",
  "invoice.finalized",
  "invoice.paid",
  "invoice.voided",
  "payment.failed",
  "payment.overdue",
  "payment.suspended",
  "payment.settled",
  "notify.test",
] as const satisfies readonly NewsKind[];

export type News<K extends NewsKind = NewsKind> = {
  [Kind in K]: {
    readonly kind: Kind;
    /** What it is about, in a few words that are the same each time: `budget/shop/store/2026-05/80`. */
    readonly about: string;
    readonly tenant: string;
    readonly project: string | null;
    readonly at: Date;
    readonly data: NewsData[Kind];
  };
}[K];

/** In the transaction of what it says. Whether it was new. */
export const tell = (sql: Sql, { about, ...news }: News): Promise<boolean> =>
  putNotification(sql, { ...news, id: `${news.kind}:${about}` });
