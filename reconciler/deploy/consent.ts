import { type NebulaError, toProblem } from "../../platform/core/index.ts";
import { pruneBudgetExceeded } from "../../platform/policy/index.ts";
import type { ProjectSpec } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { findApproval, type Operation, type ProjectRow } from "../../platform/store/index.ts";
import { describeStep, findUnreviewed, type Plan, type ReviewedPlan } from "../plan/index.ts";
import { planChanged } from "./errors.ts";

export type Intent = {
  readonly operation: Operation;
  readonly row: ProjectRow | undefined;
  readonly running: ProjectSpec | null;
  readonly wanted: ProjectSpec;
  readonly hash: string;
  readonly plan: Plan;
};

/**
 * What stands against applying a plan, as a problem document that names the plan; undefined when nothing does.
 *
 * 1. Every step was reviewed since the last deployment, or brings back what was deployed before: else `plan changed`.
 * 2. A commit that deletes more than the fleet's budget waits.
 * 3. Either is overruled by an approval of exactly this plan, found by its hash: another plan needs another approval.
 */
export async function findObjection(sql: Sql, intent: Intent) {
  const objection = overBudget(intent) ?? notReviewed(intent);
  if (objection === undefined) return undefined;
  const { operation, plan } = intent;
  if ((await findApproval(sql, plan.stack, plan.hash)) !== undefined) return undefined;
  return {
    ...toProblem(objection, operation.id),
    planHash: plan.hash,
    steps: plan.steps.map(describeStep),
  };
}

function overBudget({ operation, plan }: Intent): NebulaError | undefined {
  const prune = operation.params.prune as { readonly deletes: number; readonly budget: number } | undefined;
  if (prune === undefined || !plan.steps.some(({ kind }) => kind === "delete")) return undefined;
  return pruneBudgetExceeded(
    `this commit deletes ${prune.deletes} databases, and ${prune.budget} may go without an approval`,
  );
}

function notReviewed({ operation, row, running, wanted, hash, plan }: Intent): NebulaError | undefined {
  const reviewed = row?.wantedReviews as readonly ReviewedPlan[] | null | undefined;
  if (operation.type !== "DEPLOY" || reviewed == null || hash === row?.appliedHash) return undefined;
  const parts = findUnreviewed(running, wanted, plan, reviewed);
  if (parts.length === 0) return undefined;
  const differs = parts.map(({ database, text }) => (database === null ? text : `${database}: ${text}`)).join("; ");
  const strange = (operation.params.strange as readonly string[] | undefined) ?? [];
  const cause = strange.length === 0 ? "" : ` (${strange.join("; ")})`;
  return planChanged(`plan changed: not what was reviewed: ${differs}${cause}`, {
    fields: { unreviewed: parts, strange },
  });
}
