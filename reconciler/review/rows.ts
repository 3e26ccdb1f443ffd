import type { QuotaReport } from "../../platform/policy/index.ts";
import {
  type DatabaseDifference,
  formatMoney,
  type MonthlyEstimate,
  type PriceDifference,
} from "../../platform/pricing/index.ts";
import {
  type Change,
  describeChange,
  describeStep,
  type Plan,
  type Risk,
  type Step,
  type StepKind,
} from "../plan/index.ts";
import { amount } from "./headline.ts";
import { code, plain, prose } from "./markdown.ts";
import type { ProjectReview } from "./types.ts";

/** The cells of the comment's tables, as Markdown. */

const signs: Readonly<Record<StepKind, string>> = {
  create: "➕ create",
  change: "✏️ change",
  replace: "♻️ replace",
  retire: "💤 retire",
  delete: "🗑️ delete",
};
const risks: Readonly<Record<Risk, string>> = {
  none: "none",
  restart: "🟡 restart",
  downtime: "🟠 downtime",
  "data-loss": "🔴 data loss",
};

type Rows = readonly (readonly string[])[];

export function planRows({ plan }: ProjectReview, most: number): Rows {
  if (plan === null) return [];
  const own = plan.project.map((change) => [
    "✏️ change",
    "_the project_",
    plain(describeChange(change)),
    prose(change.why),
    riskOf(change),
  ]);
  const blocks = plan.blocked
    .filter(({ database }) => database === null)
    .map(({ code: id, message, hint }) => [`❌ **${id}**`, "_the project_", prose(message), prose(hint), ""]);
  return cut([...own, ...blocks, ...plan.steps.flatMap((step) => stepRows(step, plan.blocked))], most);
}

function cut(rows: Rows, most: number): Rows {
  const rest = rows.length - most;
  if (rest <= 0) return rows;
  const note = (rows[0] ?? []).map((_, i) => (i === 1 ? `…and ${rest} more` : ""));
  return [...rows.slice(0, most), note];
}

function stepRows(step: Step, blocked: Plan["blocked"]): string[][] {
  const whole = step.changes.every(({ path }) => path === "");
  const rows = whole
    ? [
        [
          signs[step.kind],
          code(step.database),
          plain(wholeText(step)),
          prose(step.changes[0]?.why ?? ""),
          risks[step.risk],
        ],
      ]
    : step.changes.map((change, i) => [
        i === 0 ? signs[step.kind] : "",
        i === 0 ? code(step.database) : "",
        plain(describeChange(change)),
        prose(change.why),
        riskOf(change),
      ]);
  for (const { code: id, message, hint } of blocked.filter(({ database }) => database === step.database))
    rows.push([`❌ **${id}**`, code(step.database), prose(message), prose(hint), ""]);
  return rows;
}

/** The line of a whole database without its verb and its risk, which have columns of their own. */
export function wholeText(step: Step): string {
  if (step.kind === "delete") return "the whole database";
  const { blocked: _, ...open } = step;
  return describeStep({ ...open, risk: "none" }).slice(`${step.kind} ${step.database}: `.length);
}

const riskOf = ({ effect }: Change): string => risks[effect === "online" ? "none" : effect];

/** Without what the plan already says in its own row. */
export function policyRows({ policy, plan }: ProjectReview, most: number): Rows {
  const said = new Set((plan?.blocked ?? []).map(({ database, code: id }) => `${database} ${id}`));
  const rows = policy
    .filter(({ database, code: id }) => !said.has(`${database} ${id}`))
    .map(({ severity, code: id, message, hint }) => [
      `${severity === "error" ? "❌" : "⚠️"} **${id}**`,
      prose(message),
      prose(hint),
    ]);
  return cut(rows, most);
}

/** Only what changes. */
export function priceRows({ databases, currency }: PriceDifference, most: number): Rows {
  const amounts = databases
    .filter(({ differenceMicros }) => differenceMicros !== 0)
    .map(({ database, before, after, differenceMicros }) => [
      code(database),
      before === null ? "–" : formatMoney(before.micros, currency),
      after === null ? "–" : formatMoney(after.micros, currency),
      after === null ? "–" : formatMoney(after.atMinMicros, currency),
      `**${formatMoney(differenceMicros, currency, { sign: true })}**`,
    ]);
  const requests = databases.filter(startsToServe).map(({ database, after }) => {
    const each = formatMoney(requestLine(after)?.unitMicros ?? 0, currency);
    return [`${code(database)}, data API`, "–", `${each} a million requests`, "–", "by use"];
  });
  return cut([...amounts, ...requests], most);
}

const requestLine = (estimate: MonthlyEstimate | null) => estimate?.lines.find(({ meter }) => meter === "api_requests");

/** Its requests are billed from then on: how many there will be nobody knows. */
export const startsToServe = ({ before, after }: DatabaseDifference): boolean =>
  requestLine(before) === undefined && requestLine(after) !== undefined;

export const quotaRows = ({ rows }: QuotaReport): Rows =>
  rows.map((row) => [
    row.ok ? "✅" : "❌",
    row.resource === "cpu" ? "CPU" : row.resource,
    row.before === null ? "–" : amount(row, row.before),
    amount(row, row.after),
    amount(row, row.limit),
  ]);
