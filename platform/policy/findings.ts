import type { Fault } from "../core/index.ts";
import { formatSizeBytes } from "../spec/index.ts";
import { quotaExceeded } from "./errors.ts";
import type { QuotaReport } from "./quota.ts";

export type PolicyFinding = {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** null: the project as a whole. */
  readonly database: string | null;
  /** `warn`: wrong before this change too, and the change does not touch that database; or right, and without effect here. */
  readonly severity: "error" | "warn";
};

export function finding(
  fault: Fault,
  database: string | null,
  message: string,
  { severity = "error" as PolicyFinding["severity"], hint = fault.definition.hint } = {},
): PolicyFinding {
  return { code: fault.definition.code, message, hint, database, severity };
}

/** The rows of a quota report that refuse, as findings. */
export function quotaFindings(report: QuotaReport): PolicyFinding[] {
  return report.rows
    .filter(({ ok }) => !ok)
    .map(({ resource, unit, before, after, limit }) => {
      const amount = (value: number) => (unit === "bytes" ? formatSizeBytes(value) : String(value));
      const was = before === null ? "" : ` (now ${amount(before)})`;
      return finding(quotaExceeded, null, `${resource}: ${amount(after)}${was} is above the limit of ${amount(limit)}`);
    });
}
