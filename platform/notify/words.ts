import type { NotificationRow } from "../store/index.ts";
import type { MoneyText, NewsData, NewsKind } from "./news.ts";
import { newsKinds } from "./news.ts";

/** A piece of news for people: one line, and what more there is to say. */
export type Words = { readonly title: string; readonly lines: readonly string[] };

/** News of a kind that a later version wrote is told by its kind. */
export function wordsOf(row: NotificationRow): Words {
  const kind = newsKinds.find((known) => known === row.kind);
  if (kind === undefined) return { title: `${row.tenant}: ${row.kind}`, lines: [] };
  const place = row.project === null ? row.tenant : `${row.tenant}/${row.project}`;
  return say(kind, place, row.data);
}

const say = <K extends NewsKind>(kind: K, place: string, data: NotificationRow["data"]): Words =>
  sentences[kind](place, data as NewsData[K]);

const money = ({ amount, currency }: MoneyText): string => `${amount} ${currency}`;
const date = (time: string): string => time.slice(0, 10);
const pay = (url: string | null): string[] => (url === null ? [] : [`Pay here: ${url}`]);

const sentences: { readonly [K in NewsKind]: (place: string, data: NewsData[K]) => Words } = {
  "budget.reached": (place, { month, budget, percent, amount }) => ({
    title: `${place} has used ${percent} % of its budget`,
    lines: [`${money(amount)} of ${money(budget)} are spent in ${month}, before credits and tax.`],
  }),
  "budget.foreseen": (place, { month, budget, amount }) => ({
    title: `${place} is on its way past its budget`,
    lines: [`As it goes, ${month} will come to ${money(amount)}; the budget is ${money(budget)}.`],
  }),
  "anomaly.found": (place, { day, amount, usual }) => ({
    title: `${place} cost far more than usual on ${day}`,
    lines: [`${money(amount)}; a day of it usually costs ${money(usual)}.`],
  }),
  "hold.placed": (place, { reason, until }) => ({
    title: `The databases of ${place} are being paused`,
    lines: [
      reason === "budget"
        ? "The budget of the month is used up, and tenant.ts says to suspend then. Nothing is deleted."
        : "An invoice is long overdue. Nothing is deleted.",
      `They start again ${until}.`,
    ],
  }),
  "hold.lifted": (place, { why }) => ({
    title: `The databases of ${place} are being started again`,
    lines: [`Why: ${why}.`],
  }),
  "invoice.finalized": (place, { number, month, total, dueAt }) => ({
    title: `Invoice ${number} of ${place}: ${money(total)}`,
    lines: [`It is for ${month} and due on ${date(dueAt)}.`],
  }),
  "invoice.paid": (place, { number, total }) => ({
    title: `Invoice ${number} of ${place} is paid: ${money(total)}`,
    lines: [],
  }),
  "invoice.voided": (place, { number, creditNote, reason }) => ({
    title: `Invoice ${number} of ${place} is reversed`,
    lines: [`Credit note ${creditNote}: ${reason}`],
  }),
  "payment.failed": (place, { number, total, payUrl, attempts }) => ({
    title: `The payment of invoice ${number} of ${place} failed`,
    lines: [
      `${money(total)} could not be taken (${attempts === 1 ? "first try" : `try ${attempts}`}).`,
      ...pay(payUrl),
    ],
  }),
  "payment.overdue": (place, { number, total, dueAt, payUrl, suspendedAt }) => ({
    title: `Invoice ${number} of ${place} is overdue`,
    lines: [
      `${money(total)} were due on ${date(dueAt)}.`,
      ...(suspendedAt === null
        ? []
        : [`Its databases are paused on ${date(suspendedAt)} when it is not paid by then.`]),
      ...pay(payUrl),
    ],
  }),
  "payment.suspended": (place, { number, total, payUrl }) => ({
    title: `${place} is suspended: invoice ${number} is not paid`,
    lines: [
      `${money(total)} are owed. The databases are paused until they are paid; nothing is deleted.`,
      ...pay(payUrl),
    ],
  }),
  "payment.settled": (place, { since }) => ({
    title: `${place} owes nothing any more`,
    lines: [`Something was overdue since ${date(since)}.`],
  }),
  "notify.test": (place, { by }) => ({
    title: `A test for ${place}`,
    lines: [`${by} asked whether this channel works.`],
  }),
};
