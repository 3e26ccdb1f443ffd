import { toProblem } from "../../platform/core/index.ts";
import { quotaExceeded } from "../../platform/policy/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { appendEvent, type PullRow, updateOperation } from "../../platform/store/index.ts";
import { changeNotAllowed } from "./errors.ts";
import { headlineOf } from "./headline.ts";
import type { Review } from "./types.ts";

/** Tells the operation that follows a pull request, where the portal opened it, how far that came. */

/** Auto-merge is over when its commit fails: nobody else will push to that branch. */
export async function tellReviewed(tx: Sql, row: PullRow, review: Review): Promise<void> {
  if (row.operation === null) return;
  const message = headlineOf(review);
  const { verdict, head, durationMs } = review;
  const level = verdict === "success" ? "info" : "warn";
  await appendEvent(tx, row.operation, { phase: "reviewed", level, message, data: { verdict, head, durationMs } });
  if (verdict === "failure" && row.autoMerge && row.autoMergeHead === head)
    await updateOperation(tx, row.operation, {
      state: "FAILED",
      outcome: "blocked",
      error: toProblem(refusalOf(review)(message), row.operation),
    });
  else await updateOperation(tx, row.operation, { progress: { step: "reviewed", verdict } });
}

/** More than the quota is a refusal of its own where nothing else is wrong: a program may ask for less and try again. */
const refusalOf = ({ checks: { types, plan, policy, quota } }: Review) =>
  quota.state === "failure" && [types, plan, policy].every(({ state }) => state === "success")
    ? quotaExceeded
    : changeNotAllowed;

/** Whoever asked for the merge may not make it any more. The pull request stays open for somebody who may. */
export async function tellNotMerged(
  sql: Sql,
  { operation, number }: PullRow,
  { name, scope, path }: { readonly name: string; readonly scope: string; readonly path: string },
): Promise<void> {
  if (operation === null) return;
  const message = `pull request ${number} was not merged: ${name} no longer has ${scope} for ${path}`;
  await appendEvent(sql, operation, { phase: "ended", level: "warn", message, data: { pull: number, scope, path } });
  const error = toProblem(changeNotAllowed(message), operation);
  await updateOperation(sql, operation, { state: "FAILED", outcome: "blocked", error });
}

export async function tellOperation(sql: Sql, { operation, state, number, mergeCommit }: PullRow): Promise<void> {
  if (operation === null) return;
  if (state === "closed") {
    await appendEvent(sql, operation, { phase: "ended", level: "warn", message: `pull request ${number} was closed` });
    await updateOperation(sql, operation, { state: "CANCELLED", outcome: "cancelled" });
  } else if (state === "merged") {
    const commit = mergeCommit === null ? {} : { commit: mergeCommit };
    const message = `merged as ${mergeCommit?.slice(0, 7) ?? "an unknown commit"}`;
    await appendEvent(sql, operation, { phase: "merged", message, data: { pull: number, ...commit } });
    await updateOperation(sql, operation, { progress: { step: "merged" }, ...commit });
  }
}
