/**
 * Tells the Git host and the operations how deployments ended. Derived from rows that were not told yet, never from events: what
 * a killed process did not say, the next one says; what was said twice is the same status, deployment and comment.
 */

import { failpoint, toProblem } from "../../platform/core/index.ts";
import type { GitHub, StatusState } from "../../platform/github/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  appendEvent,
  getProjects,
  isEnded,
  listDeploysOfCommit,
  listNewestDeploys,
  listProjectsAt,
  listUnreportedOperations,
  listUnreportedPulls,
  markOperationReported,
  markPullReported,
  type Operation,
  type PullRow,
  type RepositoryRow,
  updateOperation,
} from "../../platform/store/index.ts";
import { deployEnded } from "./errors.ts";
import { isFailed, isSettled, outcomeMarker, renderOutcome, type StackOutcome } from "./outcome.ts";
import type { ReviewerParts } from "./reviewer.ts";
import type { Review } from "./types.ts";

/** A commit of very many stacks has its status, and no deployment for each of them. */
const mostDeployments = 20;
export const deployContext = "nebula/deploy";

/** Everything of one repository that ended and was not told. */
export async function reportEndings(parts: ReviewerParts, repository: RepositoryRow): Promise<void> {
  const host = parts.hosts.of(repository);
  const ended = await listUnreportedOperations(parts.sql, repository.id);
  for (const [commit, operations] of Map.groupBy(ended, ({ commit: of }) => of ?? "")) {
    const all = await listDeploysOfCommit(parts.sql, commit);
    await Promise.all([
      reportCommit(parts, host, commit, all),
      ...(all.length > mostDeployments ? [] : operations.map((one) => reportDeployment(parts, host, one))),
    ]);
    failpoint("review.reported");
    for (const { id } of operations) await markOperationReported(parts.sql, id);
  }
  for (const pull of await listUnreportedPulls<Review>(parts.sql, repository.id))
    await reportPull(parts.sql, host, repository, pull);
}

/** The status of a commit whose deployments were just queued. */
export async function announceDeploys(parts: ReviewerParts, repository: RepositoryRow, commit: string): Promise<void> {
  const all = await listDeploysOfCommit(parts.sql, commit);
  if (all.every(isEnded)) return;
  await setDeployStatus(parts, parts.hosts.of(repository), commit, all, "pending", `deploying ${stacksOf(all)}`);
  failpoint("review.announced");
}

/** Said once, when the last of its stacks has ended: a host keeps a thousand statuses of one context, not more. */
async function reportCommit(
  parts: ReviewerParts,
  host: GitHub,
  commit: string,
  all: readonly Operation[],
): Promise<void> {
  if (!all.every(isEnded)) return;
  const failed = all.filter(({ state }) => state === "FAILED");
  const [first] = failed;
  if (first !== undefined) {
    const why = `${stacksOf(failed)}: ${first.error?.detail ?? "failed"}`;
    return setDeployStatus(parts, host, commit, all, "failure", why);
  }
  const superseded = all.every(({ state }) => state === "CANCELLED");
  const said = superseded ? `${stacksOf(all)}: a newer commit is deployed instead` : `${stacksOf(all)} deployed`;
  await setDeployStatus(parts, host, commit, all, "success", said);
}

const stacksOf = (all: readonly Operation[]): string => {
  const stacks = [...new Set(all.map(({ stack }) => stack))];
  return stacks.length === 1 ? (stacks[0] ?? "") : `${stacks.length} stacks`;
};

async function setDeployStatus(
  { portalUrl }: ReviewerParts,
  host: GitHub,
  commit: string,
  all: readonly Operation[],
  state: StatusState,
  description: string,
): Promise<void> {
  const targetUrl = `${portalUrl}/api/v1/operations${all.length === 1 ? `/${all[0]?.id}` : ""}`;
  await host.createStatus(commit, { context: deployContext, state, description, targetUrl });
}

async function reportDeployment({ portalUrl }: ReviewerParts, host: GitHub, operation: Operation): Promise<void> {
  const { stack, commit, state, id, error } = operation;
  if (commit === null) return;
  const deployment = await host.ensureDeployment({
    sha: commit,
    environment: stack,
    description: operation.pullNumber === null ? `deploy ${stack}` : `deploy ${stack} for #${operation.pullNumber}`,
  });
  const [said, description] =
    state === "COMPLETED"
      ? (["success", operation.outcome === "unchanged" ? "nothing to change" : "applied"] as const)
      : state === "FAILED"
        ? (["failure", error?.detail ?? "failed"] as const)
        : (["inactive", "a newer commit is deployed instead"] as const);
  const logUrl = `${portalUrl}/api/v1/operations/${id}`;
  await host.createDeploymentStatus(deployment.id, { state: said, description, logUrl });
}

/** A merged pull request has ended when every stack that it changed has. */
async function reportPull(sql: Sql, host: GitHub, repository: RepositoryRow, pull: PullRow<Review>): Promise<void> {
  const outcomes = await outcomesOf(sql, repository, pull);
  if (!outcomes.every(isSettled)) return;
  const { number, operation, mergeCommit } = pull;
  const commit = mergeCommit ?? pull.deployedCommit ?? "";
  await host.upsertComment(number, { marker: outcomeMarker, body: renderOutcome(commit, outcomes) });
  const failed = outcomes.find(isFailed);
  await sql.tx(async (tx) => {
    await markPullReported(tx, repository.id, number);
    if (operation === null) return;
    const message = failed === undefined ? "deployed" : `${failed.stack}: ${failed.project?.message ?? "failed"}`;
    const data = { pull: number, commit, stacks: outcomes.map(({ stack }) => stack) };
    const level = failed === undefined ? "info" : "error";
    await appendEvent(tx, operation, { phase: "ended", level, message, data });
    await updateOperation(
      tx,
      operation,
      failed === undefined
        ? { state: "COMPLETED", outcome: "applied", result: data }
        : { state: "FAILED", outcome: "stalled", error: toProblem(deployEnded(message), operation) },
    );
  });
}

async function outcomesOf(
  sql: Sql,
  repository: RepositoryRow,
  pull: PullRow<Review>,
): Promise<readonly StackOutcome[]> {
  const reviewed = pull.review?.projects.filter(({ kind }) => kind !== "same").map(({ stack }) => stack as string);
  const stacks =
    reviewed ??
    (await listProjectsAt(sql, repository.id, pull.deployedCommit ?? "")).map(({ stack }) => stack as string);
  const [projects, operations] = await Promise.all([getProjects(sql, stacks), listNewestDeploys(sql, stacks)]);
  return stacks.map((stack) => ({
    stack,
    project: projects.find((one) => one.stack === stack),
    operation: operations.find((one) => one.stack === stack),
  }));
}
