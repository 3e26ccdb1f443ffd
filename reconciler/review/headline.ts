import type { QuotaRow } from "../../platform/policy/index.ts";
import { formatMoney } from "../../platform/pricing/index.ts";
import { formatSizeBytes } from "../../platform/spec/index.ts";
import { effects, type Risk, type StepKind } from "../plan/index.ts";
import { code } from "./markdown.ts";
import { checkNames, type Review } from "./types.ts";

const longestHeadline = 180;

/** The verdict in one line of plain text: for a terminal and a title as well. */
export function headlineOf(review: Review): string {
  switch (review.verdict) {
    case "success":
      return `✅ Ready to merge: ${planSummary(review)}`;
    case "pending":
      return review.waitsUntil === null
        ? `⏳ Previewing: ${planSummary(review)}`
        : `⏳ Waiting: ${review.checks.policy.summary}`;
    case "failure":
      return `❌ Not ready to merge: ${failures(review)}`;
    case "error":
      return `⚠️ The review could not be finished: ${checkNames.map((name) => review.checks[name]).find(({ state }) => state === "error")?.summary ?? "see below"}`;
  }
}

/** `1 to create, 2 to change` over all projects. */
export function planSummary({ projects }: Pick<Review, "projects">): string {
  const steps = projects.flatMap(({ plan }) => plan?.steps ?? []);
  const kinds: readonly StepKind[] = ["create", "change", "replace", "retire", "delete"];
  const counts = kinds
    .map((kind) => ({ kind, count: steps.filter((step) => step.kind === kind).length }))
    .filter(({ count }) => count > 0)
    .map(({ kind, count }) => `${count} to ${kind}`);
  if (counts.length > 0) return counts.join(", ");
  return projects.some(({ plan }) => (plan?.project.length ?? 0) > 0)
    ? "only the project itself changes"
    : "no database changes";
}

/** What to correct first; a check that only failed because another one did is left out. */
function failures({ checks }: Review): string {
  const failed = checkNames
    .map((name) => checks[name])
    .filter(({ state, summary }) => {
      return (state === "failure" || state === "error") && !/^not (run|checked):/.test(summary);
    });
  const text = failed.map(({ summary }) => summary).join("; ");
  return text.length > longestHeadline ? `${text.slice(0, longestHeadline)}…` : text;
}

export function highestRisk({ projects }: Pick<Review, "projects">): Risk {
  const risks = projects.map(({ plan }) => plan?.risk ?? "none");
  return (
    ([...effects].reverse().find((effect) => effect !== "online" && risks.includes(effect)) as Exclude<Risk, "none">) ??
    "none"
  );
}

const wording: Readonly<Record<Risk, string>> = {
  none: "none: clients notice nothing",
  restart: "restart of",
  downtime: "downtime of",
  "data-loss": "**data loss** in",
};

export function riskLine(review: Review): string {
  const risk = highestRisk(review);
  if (!review.projects.some(({ plan }) => plan !== null)) return "";
  const hit = review.projects.flatMap(({ stack, plan }) =>
    (plan?.steps ?? []).filter((step) => step.risk === risk).map(({ database }) => code(`${stack}.${database}`)),
  );
  const mark = { none: "🟢", restart: "🟡", downtime: "🟠", "data-loss": "🔴" }[risk];
  return `${mark} **Risk** ${wording[risk]}${risk === "none" ? "" : ` ${hit.slice(0, 5).join(", ")}${hit.length > 5 ? ` and ${hit.length - 5} more` : ""}`}  `;
}

export function moneyLine({ price }: Review): string {
  if (price === null) return "";
  const money = (micros: number, sign = false) => formatMoney(micros, price.currency, { sign });
  const [before, after] = [money(price.beforeMicros), money(price.afterMicros)];
  if (price.differenceMicros === 0) return `💰 **Price** stays ${after} a month  `;
  return `💰 **Price** ${before} → ${after} a month (**${money(price.differenceMicros, true)}**)  `;
}

/** Of the fullest project, and every one that is above its limit. */
export function quotaLine({ projects }: Review): string {
  const reports = projects.flatMap(({ stack, quota }) => (quota === null ? [] : [{ stack, quota }]));
  if (reports.length === 0) return "";
  const fullness = (rows: readonly QuotaRow[]) =>
    Math.max(...rows.map(({ after, limit }) => after / Math.max(limit, 1)));
  const sorted = reports.toSorted((a, b) => fullness(b.quota.rows) - fullness(a.quota.rows));
  const shown = sorted.filter(({ quota }, i) => i === 0 || !quota.ok);
  const rest = reports.length - shown.length;
  const text = shown.map(({ stack, quota }) => {
    const rows = quota.rows.map(
      (row) => `${row.ok ? "" : "❌ "}${amount(row, row.after)} of ${amount(row, row.limit)} ${unitWord(row)}`,
    );
    return `${code(stack)} ${rows.join(", ")}`;
  });
  return `📊 **Quota** ${text.join("; ")}${rest > 0 ? `; ${rest} more fit` : ""}`;
}

const unitWord = ({ resource }: QuotaRow): string =>
  resource === "cpu" ? "CPU" : resource === "databases" ? "databases" : resource;

export const amount = ({ unit }: QuotaRow, value: number): string =>
  unit === "bytes" ? formatSizeBytes(value) : String(value);
